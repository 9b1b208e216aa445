"""Enriches page logs: the location of the address, the browser, and a pseudonym in place of the user."""

from __future__ import annotations

import hmac
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pyarrow as pa

from eventmill.config.errors import EventmillError
from spark_jobs.processing.client_address import client_address
from spark_jobs.processing.packed_records import rows

UNKNOWN = "Unknown"
"""A place, a browser or a system that nothing is known of."""

DIRECT = "direct"
"""The referrer of a visitor who came from nowhere."""

LONGEST_AGENT = 1_024
"""Characters of a user agent that are looked at; longer ones are made up."""

CACHED = 50_000
"""Number of addresses, user agents, referrers and pseudonyms that a worker remembers: most come again."""

ENRICHED = pa.schema(
    {
        "log_id": pa.string(),
        "partition": pa.int32(),
        "offset": pa.int64(),
        "viewed_at": pa.timestamp("us", "UTC"),
        "local_time": pa.timestamp("us"),
        "product_id": pa.string(),
        "store_id": pa.string(),
        "country_code": pa.string(),
        "country": pa.string(),
        "region": pa.string(),
        "city": pa.string(),
        "customer": pa.string(),
        "address": pa.string(),
        "referrer": pa.string(),
        "browser": pa.string(),
        "os": pa.string(),
    }
)
"""A view of a product as the star schema takes it; `customer` and `address` are pseudonyms, `customer` may be null."""

TRIED = ENRICHED.append(pa.field("error", pa.string()))
"""The same, or only where a log is and why it cannot be enriched."""

DATA_ERRORS = (ValueError, ArithmeticError, LookupError, TypeError)
"""Errors that an unforeseen value leads to; others are errors of a database or of the machine."""

COPIED = ("log_id", "partition", "offset", "viewed_at", "local_time", "product_id", "store_id")
"""The columns that are taken as they are."""


READ = ("email", "ip", "user_agent", "referrer_url")
"""The fields of a log that the others are found by; none of them is kept."""


class GeoLocation(NamedTuple):
    """Location of an address."""

    country_code: str = ""
    country: str = UNKNOWN
    region: str = UNKNOWN
    city: str = UNKNOWN


class LocationError(EventmillError, ValueError):
    """A database of locations cannot be used; the message names the file and says what is allowed."""


Look = Callable[[str], GeoLocation | None]
"""Finds the location of an address; None when the database doesn't know it."""


def open_database(path: Path) -> Look:
    """A reader of a database of locations: an MMDB file, or an IP2Location BIN file.

    Raises:
        LocationError: when it is neither.
    """
    if path.suffix.lower() == ".bin":
        return _look_in_bin(path)
    return _look_in_mmdb(path)


def _look_in_mmdb(path: Path) -> Look:
    import maxminddb

    try:
        database = maxminddb.open_database(path)
    except (OSError, maxminddb.InvalidDatabaseError) as error:
        raise _unreadable(path, error) from error
    only_4 = database.metadata().ip_version == 4

    def find(address: str) -> GeoLocation | None:
        if only_4 and ":" in address:
            return None
        try:
            return _place(database.get(address))
        except ValueError:
            return None

    return find


def _unreadable(path: Path, error: Exception) -> LocationError:
    return LocationError(f"{path} is no database of locations (.mmdb or .bin): {error}")


def _place(found: Any) -> GeoLocation | None:
    """A record of one of the two known layouts: DB-IP's flat one, or MaxMind's with names by language."""
    if not isinstance(found, dict):
        return None
    code = found.get("country_code") or found.get("country", {}).get("iso_code") or ""
    regions = found.get("subdivisions") or [{}]
    region = found.get("state1") or _english(regions[0])
    city = found.get("city")
    return place(code, region, _english(city) if isinstance(city, dict) else city)


def _english(named: dict[str, Any]) -> str | None:
    name = named.get("names", {}).get("en")
    return str(name) if name else None


def _look_in_bin(path: Path) -> Look:
    import IP2Location

    try:
        database = IP2Location.IP2Location(str(path), "SHARED_MEMORY")
    except (OSError, ValueError, struct.error) as error:
        raise _unreadable(path, error) from error

    def find(address: str) -> GeoLocation | None:
        found = database.get_all(address)
        code, region, city = (getattr(found, name, None) for name in ("country_short", "region", "city"))
        # What it doesn't know is "-", and of what is no address it says so in place of the code.
        return place(code, region, city) if code and len(code) == 2 else None

    return find


def place(code: str, region: str | None, city: str | None) -> GeoLocation | None:
    """The place of a country's code (ISO 3166-1), with the country's English name."""
    if not code:
        return None
    return GeoLocation(code, country(code), region or UNKNOWN, city or UNKNOWN)


@lru_cache
def country(code: str) -> str:
    """The English name of a country's code, or the code."""
    from babel import Locale

    return str(Locale("en").territories.get(code, code))


class Agent(NamedTuple):
    """The browser and the operating system of a user agent, without versions."""

    browser: str = UNKNOWN
    os: str = UNKNOWN


def agent(header: str | None) -> Agent:
    """Browser and system from a User-Agent header."""
    from ua_parser import parse

    if not header:
        return Agent()
    found = parse(header[:LONGEST_AGENT])
    return Agent(
        found.user_agent.family if found.user_agent else UNKNOWN,
        found.os.family if found.os else UNKNOWN,
    )


def referrer(url: str | None) -> str:
    """The host of the page that a visitor came from, without `www.`."""
    if not url:
        return DIRECT
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return UNKNOWN
    return host.removeprefix("www.")[:255] if host else UNKNOWN


def pseudonym(key: str, text: str) -> str:
    """A name that tells nothing without the key, the same for the same text: HMAC-SHA256 in 64 hexadecimal digits."""
    return hmac.digest(key.encode(), text.encode(), "sha256").hex()


@dataclass(frozen=True)
class Enrichment:
    """Enriches page logs in the workers.

    Attributes:
        databases: the files of locations by their names among Spark's files, or by their paths; the first that knows an
            address counts.
        key: of the pseudonyms.
    """

    databases: Sequence[str]
    key: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The function for `mapInArrow`: rows with the columns COPIED and READ."""
        where = _looks(tuple(self.databases))
        for batch in batches:
            yield from self._tried(batch, where)

    def _tried(self, batch: pa.RecordBatch, where: Look) -> Iterator[pa.RecordBatch]:
        """The rows as rows of TRIED: a row that fails says why, and the others are enriched."""
        try:
            enriched = self.enrich(batch, where)
            yield rows(TRIED, dict(zip(enriched.schema.names, enriched.columns, strict=True)))
        except DATA_ERRORS as error:
            if len(batch) > 1:
                middle = len(batch) // 2
                yield from self._tried(batch.slice(0, middle), where)
                yield from self._tried(batch.slice(middle), where)
            else:
                place = {name: batch.column(name) for name in ("log_id", "partition", "offset")}
                yield rows(TRIED, place | {"error": [f"{type(error).__name__}: {error}"]})

    def enrich(self, batch: pa.RecordBatch, where: Look) -> pa.RecordBatch:
        """The rows as rows of ENRICHED."""
        emails, ips, agents, urls = (batch.column(name).to_pylist() for name in READ)
        clients = [_client(ip) for ip in ips]
        places = [(client and where(client)) or GeoLocation() for client in clients]
        browsers = [_agent(header) for header in agents]
        columns = {name: batch.column(name) for name in COPIED} | {
            "customer": [_pseudonym(self.key, email) if email else None for email in map(_account, emails)],
            "address": [_pseudonym(self.key, client or ip) for client, ip in zip(clients, ips, strict=True)],
            "referrer": [_referrer(url) for url in urls],
            **_columns(GeoLocation, places),
            **_columns(Agent, browsers),
        }
        arrays = [pa.array(columns[field.name], field.type) for field in ENRICHED]
        return pa.RecordBatch.from_arrays(arrays, schema=ENRICHED)


def _account(email: str | None) -> str:
    """The address as one form for all ways to write it; empty when there is none."""
    return (email or "").strip().lower()


def _columns(kind: Any, rows: Sequence[tuple[str, ...]]) -> dict[str, Sequence[str]]:
    """Named tuples as columns."""
    return dict(zip(kind._fields, zip(*rows, strict=True) if rows else [()] * len(kind._fields), strict=True))


_agent = lru_cache(CACHED)(agent)
_client = lru_cache(CACHED)(client_address)
_referrer = lru_cache(CACHED)(referrer)
_pseudonym = lru_cache(CACHED)(pseudonym)


@lru_cache
def _looks(databases: tuple[str, ...]) -> Look:
    """All databases as one, opened once a worker."""
    looks = [open_database(_file(name)) for name in databases]

    @lru_cache(CACHED)
    def find(address: str) -> GeoLocation | None:
        return next((found for each in looks if (found := each(address))), None)

    return find


def forget() -> None:
    """Forget all that was remembered, as a new worker."""
    for cached in (_agent, _client, _referrer, _pseudonym, _looks):
        cached.cache_clear()


def _file(name: str) -> Path:
    """A file that Spark has brought to this worker, or one by its path."""
    from pyspark import SparkFiles

    path = Path(name)
    return path if path.is_absolute() else Path(SparkFiles.get(name))
