"""Counting the clicks of a topic per window and source by Flink SQL; prints the number of records counted.

Run by the Python that `bench/flink/fetch` makes: `query.py BOOTSTRAP TOPIC CORES`. Streaming with mini-batches, bounded
by where the topic ends now; counts by minute, of which windows could be made. No duplicates are found, nothing is late.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyflink.table import EnvironmentSettings, TableEnvironment

CLICKS = """
CREATE TEMPORARY TABLE clicks (
  `timestamp` STRING,
  context ROW<source STRING>
) WITH (
  'connector' = 'kafka',
  'topic' = '{topic}',
  'properties.bootstrap.servers' = '{bootstrap}',
  'scan.startup.mode' = 'earliest-offset',
  'scan.bounded.mode' = 'latest-offset',
  'format' = 'json'
)
"""
TOTAL = """
SELECT SUM(number) FROM (
  SELECT minute_of, source, COUNT(*) AS number
  FROM (SELECT SUBSTRING(`timestamp` FROM 1 FOR 16) AS minute_of, context.source AS source FROM clicks)
  GROUP BY minute_of, source
)
"""


def main(bootstrap: str, topic: str, cores: str) -> None:
    """Count the topic."""
    tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    options = {
        "pipeline.jars": ";".join(path.as_uri() for path in Path(sys.prefix, "jars").glob("*.jar")),
        "parallelism.default": cores,
        "table.exec.mini-batch.enabled": "true",
        "table.exec.mini-batch.allow-latency": "5 s",
        "table.exec.mini-batch.size": "50000",
        "pipeline.object-reuse": "true",
    }
    for name, value in options.items():
        tables.get_config().set(name, value)
    tables.execute_sql(CLICKS.format(bootstrap=bootstrap, topic=topic))
    total = 0
    with tables.execute_sql(TOTAL).collect() as changes:
        for change in changes:
            # Each tells the new total, after the old one.
            total = max(total, change[0])
    print(total)


if __name__ == "__main__":
    main(*sys.argv[1:])
