"""Eventmill's bottom layer: what every other layer shares; it imports none of them."""
