"""The game service."""
