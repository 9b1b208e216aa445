"""The clicks query as one writes it first: Spark's defaults, its own stateful operators and its file sink.

Run as `python -m bench.untuned HDFS_FOLDER`; it ends when it has caught up with the topic.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from eventmill.config import settings

MEMORY = "4g"  # four times what the platform's job has: with as much it ended with an error at 4 million clicks
SCHEMA = (
    "event STRING, messageid STRING, userid STRING, properties STRUCT<productid: STRING>, "
    "context STRUCT<source: STRING>, timestamp STRING"
)


def main(folder: str) -> None:
    """Count clicks per window and source into Parquet below the folder."""
    values = settings.load()
    jars = ",".join(str(jar) for jar in sorted(Path(values.lib_dir, "spark").glob("*.jar")))
    spark = (
        SparkSession.builder.master(values.spark_master)
        .appName("untuned")
        .config("spark.jars", jars)
        .config("spark.driver.memory", MEMORY)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.hadoop.dfs.replication", "1")
        .getOrCreate()
    )
    source = spark.readStream.format("kafka").option("kafka.bootstrap.servers", values.kafka_bootstrap)
    clicks = (
        source.option("subscribe", values.clicks_topic)
        .option("startingOffsets", "earliest")
        .load()
        .select(F.from_json(F.col("value").cast("string"), SCHEMA).alias("click"))
        .select("click.messageid", "click.context.source", F.to_timestamp("click.timestamp").alias("timestamp"))
        .where("timestamp IS NOT NULL AND source IS NOT NULL")
    )
    counts = (
        clicks.withWatermark("timestamp", "5 minutes")
        .dropDuplicatesWithinWatermark(["messageid"])
        .groupBy(F.window("timestamp", "5 minutes"), "source")
        .count()
    )
    query = (
        counts.writeStream.outputMode("append")
        .format("parquet")
        .option("path", f"{values.hdfs_url}{folder}/counts")
        .option("checkpointLocation", f"{values.hdfs_url}{folder}/checkpoint")
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    spark.stop()


if __name__ == "__main__":
    main(sys.argv[1])
