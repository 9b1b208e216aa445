"""Clients that put data in: NiFi's inbox, the event API, players, customers, the source cluster."""
