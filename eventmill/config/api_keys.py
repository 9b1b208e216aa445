"""Keys of the event API: what a client sends, and what the setting API_KEYS holds of it."""

from __future__ import annotations

import re
import secrets
from hashlib import sha256
from typing import NamedTuple

from eventmill.config.errors import EventmillError
from eventmill.config.settings import API_KEYS

BYTES = 32


class ClientKeyError(EventmillError, ValueError):
    """The name of a client cannot stand in API_KEYS; the message says what is allowed."""


class ClientKey(NamedTuple):
    """A client's key, and the `name:sha256` pair for API_KEYS."""

    key: str
    pair: str


def key_digest(key: str) -> str:
    """SHA-256 of a key in hexadecimal, as the setting API_KEYS holds it."""
    return sha256(key.encode()).hexdigest()


def make(name: str) -> ClientKey:
    """A fresh random key for the client of that name.

    Raises:
        ClientKeyError: when the name cannot stand in API_KEYS.
    """
    key = secrets.token_urlsafe(BYTES)
    pair = f"{name}:{key_digest(key)}"
    if "," in name or not re.fullmatch(API_KEYS, pair):
        raise ClientKeyError(f"name {name!r}: a client's name has letters from A to Z, digits, _, . and - only")
    return ClientKey(key, pair)
