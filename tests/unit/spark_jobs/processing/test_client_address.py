"""The client's address in the forms that web servers log."""

from __future__ import annotations

import pytest

from spark_jobs.processing.client_address import LONGEST, client_address


@pytest.mark.parametrize(
    ("logged", "address"),
    [
        ("77.9.12.34", "77.9.12.34"),
        (" 77.9.12.34\t", "77.9.12.34"),
        ("77.9.12.34:51234", "77.9.12.34"),
        ("2A00:1450:4001:0:0::1", "2a00:1450:4001::1"),
        ("[2a00:1450:4001::1]:443", "2a00:1450:4001::1"),
        ("[2a00:1450:4001::1]", "2a00:1450:4001::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:77.9.12.34", "77.9.12.34"),
        ("::FFFF:4d09:c22", "77.9.12.34"),
        ("[::ffff:77.9.12.34]:80", "77.9.12.34"),
        ("77.9.12.34, 81.2.69.142", "77.9.12.34"),
        ("10.0.0.7, 77.9.12.34:80, 172.16.0.1", "77.9.12.34"),
        ("unknown,77.9.12.34", "77.9.12.34"),
        ("10.0.0.7, 192.168.1.1", "10.0.0.7"),
        ('for="[2a00:1450:4001::1]:4711";proto=https;by=77.9.12.1, for=81.2.69.142', "2a00:1450:4001::1"),
        ("For=77.9.12.34;by=81.2.69.142", "77.9.12.34"),
    ],
)
def test_the_client_of_an_address(logged: str, address: str) -> None:
    assert client_address(logged) == address


@pytest.mark.parametrize(
    "logged",
    [
        "77.9.12",
        "77.9.12.",
        "77.9",
        "1295585314",
        "0x4d090c22",
        "077.9.12.34",
        "77.9.12.340",
        "77.9.12.34.5",
        "77.9.12.34/24",
        "77.9.12.34\x00",
        "localhost",
        "unknown",
        "_hidden",
        ":::",
        "[77.9.12",
        "77.9.12:80",
        "1295585314:80",
    ],
)
def test_what_is_no_address_has_no_client(logged: str) -> None:
    assert client_address(logged) is None


def test_nothing_has_no_client() -> None:
    assert [client_address(logged) for logged in ("", " ", ", ,")] == [None] * 3


def test_only_the_beginning_of_a_long_text_is_looked_at() -> None:
    assert client_address("x" * LONGEST + ",77.9.12.34") is None
