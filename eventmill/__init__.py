"""Eventmill: what every layer shares, from the event contracts to the command line."""
