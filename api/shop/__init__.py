"""The shop: its routes, its orders in MySQL, and the outbox of their events."""
