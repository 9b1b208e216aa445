"""Counting the clicks of a topic per window and source by Flink SQL; prints the number of records counted.

Run by the Python that `bench/flink/fetch` makes: `query.py BOOTSTRAP TOPIC CORES`. Streaming with mini-batches, bounded
by where the topic ends now. No duplicates are found, nothing is late; the counts stay in memory.
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
COUNTS = """
SELECT minute_of, source, COUNT(*)
FROM (SELECT SUBSTRING(`timestamp` FROM 1 FOR 16) AS minute_of, context.source AS source FROM clicks)
GROUP BY minute_of, source
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
    counts: dict[tuple[str, str], int] = {}
    with tables.execute_sql(COUNTS).collect() as changes:
        for minute, source, number in changes:
            # Each change tells the new count, after the old one.
            counts[minute, source] = max(number, counts.get((minute, source), 0))
    print(sum(counts.values()))


if __name__ == "__main__":
    main(*sys.argv[1:])
