"""The client's IP address in what a web server logged: alone, with a port, or first in a chain of proxies."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

LONGEST = 1_000
"""Characters that are looked at; a chain of twenty proxies is shorter."""

_SEPARATORS = re.compile(r"[,;\s]+")
_FORWARDED_FOR = re.compile(r'(?:for=)?"?([^"]*)"?', re.IGNORECASE)
_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+")

Address = IPv4Address | IPv6Address


def client_address(logged: str) -> str | None:
    """The first public address of a chain, or its first at all, in its canonical form; None when there is none.

    `X-Forwarded-For` and RFC 7239's `Forwarded` list the client first, and proxies of its own network before others. An
    address has all of its parts: `77.9.12` is none, though the C library takes it for 77.9.0.12.
    """
    found = list(_addresses(logged[:LONGEST]))
    chosen = next((address for address in found if address.is_global), found[0] if found else None)
    return None if chosen is None else str(chosen)


def _addresses(logged: str) -> Iterator[Address]:
    for part in _SEPARATORS.split(logged):
        text = _FORWARDED_FOR.sub(r"\1", part, count=1)
        if with_port := _WITH_PORT.fullmatch(text):
            text = with_port[1] or with_port[2]
        try:
            yield _mapped(ip_address(text.partition("%")[0]))
        except ValueError:
            continue


def _mapped(address: Address) -> Address:
    """The address of version 4 that one of version 6 such as `::ffff:77.9.12.34` stands for."""
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
