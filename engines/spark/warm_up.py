"""A streaming query that does what the jobs do, on made-up rows: `archive` keeps the classes that it loads.

spark-submit warm_up.py FOLDER
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

SCHEMA = "value long, bucket int"


def same(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The batches as they come."""
    yield from batches


def process(batch: DataFrame, batch_id: int) -> None:
    """Two stages in Python with a shuffle between, kept, collected, and written as Parquet."""
    path = f"{sys.argv[1]}/{batch_id}"
    first = batch.selectExpr("value", "cast(value AS int) % 4 AS bucket").mapInArrow(same, SCHEMA).persist()
    second = first.union(first).repartition("bucket").mapInArrow(same, SCHEMA).persist()
    second.where("value > 0").collect()
    second.write.parquet(path)
    batch.sparkSession.read.schema(SCHEMA).parquet(path).collect()


def main(folder: str) -> None:
    """Run the query until it has caught up."""
    spark = SparkSession.builder.appName("warm-up").getOrCreate()
    source = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", 1000).load()
    writer = source.writeStream.option("checkpointLocation", f"{folder}/checkpoint").foreachBatch(process)
    writer.trigger(availableNow=True).start().awaitTermination()
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1])
