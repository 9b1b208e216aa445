"""The star schema in PostgreSQL: a batch's views in one transaction, so that a replayed batch changes nothing.

The views are copied to a staging table, new members of the dimensions are added, and the facts merged by their log's
id. A log that is there from another place in the topic is a duplicate, however long ago the first one came.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from eventmill.config.settings import Settings
from eventmill.databases import postgres
from spark_jobs.processing.refusals import Sink

STAGING = """
CREATE TEMPORARY TABLE staging (
  log_id uuid, kafka_partition integer, kafka_offset bigint, viewed_at timestamptz, local_time timestamp,
  product_id text, store_id text, country_code text, country text, region text, city text,
  customer text, address text, referrer text, browser text, os text
) ON COMMIT DROP
"""

COPIES = "CREATE TEMPORARY TABLE copies (kafka_partition integer, kafka_offset bigint, log_id uuid) ON COMMIT DROP"

DIMENSIONS = (
    "INSERT INTO dim_product (product_id) SELECT DISTINCT product_id FROM staging "
    "EXCEPT SELECT product_id FROM dim_product",
    "INSERT INTO dim_store (store_id) SELECT DISTINCT store_id FROM staging EXCEPT SELECT store_id FROM dim_store",
    "INSERT INTO dim_location (country_code, country, region, city) "
    "SELECT DISTINCT ON (country_code, region, city) country_code, country, region, city FROM staging AS new "
    "WHERE NOT EXISTS (SELECT FROM dim_location AS known WHERE (known.country_code, known.region, known.city) "
    "= (new.country_code, new.region, new.city))",
    "INSERT INTO dim_customer (customer) SELECT DISTINCT customer FROM staging WHERE customer IS NOT NULL "
    "EXCEPT SELECT customer FROM dim_customer",
    "INSERT INTO dim_date SELECT to_char(day, 'YYYYMMDD')::integer, day, extract(year FROM day), "
    "extract(quarter FROM day), extract(month FROM day), extract(day FROM day), extract(isodow FROM day), "
    "extract(isodow FROM day) > 5 FROM (SELECT DISTINCT (viewed_at AT TIME ZONE 'UTC')::date AS day FROM staging) "
    "ON CONFLICT DO NOTHING",
)

FACTS = """
MERGE INTO fact_product_views AS fact
USING (
  SELECT staging.*, to_char(viewed_at AT TIME ZONE 'UTC', 'YYYYMMDD')::integer AS date_key,
    product_key, store_key, location_key, COALESCE(customer_key, 0) AS customer_key
  FROM staging
  JOIN dim_product USING (product_id)
  JOIN dim_store USING (store_id)
  JOIN dim_location USING (country_code, region, city)
  LEFT JOIN dim_customer USING (customer)
) AS new
ON fact.log_id = new.log_id
WHEN MATCHED AND (fact.kafka_partition, fact.kafka_offset) = (new.kafka_partition, new.kafka_offset) THEN UPDATE SET
  location_key = new.location_key, customer_key = new.customer_key, referrer = new.referrer, browser = new.browser,
  os = new.os, address = new.address
WHEN NOT MATCHED THEN INSERT (
  log_id, date_key, product_key, store_key, location_key, customer_key, viewed_at, local_time, referrer, browser, os,
  address, kafka_partition, kafka_offset
) VALUES (
  new.log_id, new.date_key, new.product_key, new.store_key, new.location_key, new.customer_key, new.viewed_at,
  new.local_time, new.referrer, new.browser, new.os, new.address, new.kafka_partition, new.kafka_offset
)
"""

DUPLICATES = """
INSERT INTO duplicate_page_logs (kafka_partition, kafka_offset, log_id, in_job)
SELECT kafka_partition, kafka_offset, log_id, true FROM copies
UNION ALL
SELECT new.kafka_partition, new.kafka_offset, log_id, false FROM staging AS new JOIN fact_product_views AS fact
USING (log_id)
WHERE (fact.kafka_partition, fact.kafka_offset) <> (new.kafka_partition, new.kafka_offset)
ON CONFLICT DO NOTHING
"""


class StarSchema:
    """The tables, as the job writes them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def load(self, views: pa.Table, copies: pa.Table) -> None:
        """Add a batch's views, rows of ENRICHED, and its duplicates: partition, offset and log_id.

        Raises:
            RefusedError: when PostgreSQL refuses some views because of their data.
            psycopg.Error: when it refuses for another reason, or doesn't come back.
        """
        sink: Sink[int] = Sink(
            "PostgreSQL",
            write=lambda _: self._load(views, copies),
            try_out=lambda rows: self._load(views.take(pa.array(rows, pa.int64())), copies.slice(0, 0), undo=True),
            is_away=postgres.is_away,
            is_refusal=postgres.is_refusal,
            origin=lambda row: (views["partition"][row].as_py(), views["offset"][row].as_py()),
        )
        if len(views) or len(copies):
            sink.put(range(len(views)))

    def _load(self, views: pa.Table, copies: pa.Table, *, undo: bool = False) -> None:
        with postgres.connect(self._settings) as connection, connection.cursor() as cursor:
            cursor.execute(STAGING)
            cursor.execute(COPIES)
            _copy(cursor, "staging", views)
            _copy(cursor, "copies", copies)
            for statement in (*DIMENSIONS, FACTS, DUPLICATES):
                cursor.execute(statement)
            if undo:
                connection.rollback()


def _copy(cursor: Any, table: str, rows: pa.Table) -> None:
    """Copy rows whose columns are the table's, in its order."""
    columns: Sequence[list[Any]] = [column.to_pylist() for column in rows.columns]
    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for row in zip(*columns, strict=True):
            copy.write_row(row)
