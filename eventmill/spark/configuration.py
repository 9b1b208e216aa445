"""Spark's configuration from the settings; imports no Spark, so that whoever calls spark-submit can use it too."""

from __future__ import annotations

from eventmill.config.settings import Settings
from eventmill.kafka.record_sizes import REQUEST_BYTES
from eventmill.spark import yarn

JAVA_OPTIONS = "-XX:+UseSerialGC -Duser.timezone=UTC -Dfile.encoding=UTF-8"


QUICK = "-XX:TieredStopAtLevel=1"
"""Java's option for a driver: it plans much and computes little; the better compiler would cost more than it gives."""


def jars(settings: Settings) -> str:
    """The Kafka connector's jars, separated by commas.

    Raises:
        FileNotFoundError: when they were not fetched.
    """
    folder = settings.lib_dir / "spark"
    found = sorted(str(path) for path in folder.glob("*.jar"))
    if not found:
        raise FileNotFoundError(f"no jars in {folder}; fetch them with: make setup")
    return ",".join(found)


def spark_configuration(settings: Settings) -> dict[str, str]:
    """Every option that the jobs need, as spark-submit's `--conf` takes them."""
    return {
        "spark.jars": jars(settings),
        "spark.driver.memory": settings.spark_driver_memory,
        "spark.driver.extraJavaOptions": f"{JAVA_OPTIONS} {QUICK} {_class_archive(settings)}",
        "spark.executor.extraJavaOptions": JAVA_OPTIONS,
        "spark.driver.host": settings.spark_driver_host,
        "spark.driver.bindAddress": settings.spark_driver_host,
        "spark.ui.enabled": str(settings.spark_ui_port > 0).lower(),
        "spark.ui.port": str(settings.spark_ui_port),
        "spark.ui.showConsoleProgress": "false",
        "spark.scheduler.mode": "FAIR",
        "spark.hadoop.fs.defaultFS": settings.hdfs_url,
        "spark.hadoop.dfs.replication": str(settings.hdfs_replication),
        "spark.hadoop.dfs.client.use.datanode.hostname": "true",
        # A file is closed once the NameNode has heard of its last block, mostly some milliseconds later: the client
        # would ask again after 400, this one after 5, 10, 20 and so on, for 20 s.
        "spark.hadoop.dfs.client.block.write.locateFollowingBlock.initial.delay.ms": "5",
        "spark.hadoop.dfs.client.block.write.locateFollowingBlock.retries": "12",
        "spark.python.daemon.module": "spark_jobs.runtime.worker_daemon",
        **(yarn.yarn_configuration(settings) if settings.spark_master == "yarn" else {}),
    } | sql_configuration(settings)


def kafka_sink(settings: Settings, topic: str) -> dict[str, str]:
    """The options of Spark's Kafka sink."""
    return {
        "kafka.bootstrap.servers": settings.kafka_bootstrap,
        "topic": topic,
        "kafka.max.request.size": str(REQUEST_BYTES),
    }


def _class_archive(settings: Settings) -> str:
    """Java's option for the classes that `engines/spark/archive` kept; one that doesn't fit is left out in silence."""
    return f"-XX:SharedArchiveFile={settings.lib_dir / 'spark-classes' / 'classes.jsa'} -Xshare:auto -Xlog:cds*=off"


def sql_configuration(settings: Settings) -> dict[str, str]:
    """The options that decide on results and speed wherever the job runs."""
    return {
        "spark.sql.session.timeZone": "UTC",
        # Hive 4, HCatalog 3.1 and Presto agree on INT96 only.
        "spark.sql.parquet.outputTimestampType": "INT96",
        "spark.sql.shuffle.partitions": str(settings.spark_shuffle_partitions),
        # A batch is cached for two or three jobs only: packing it costs more than it gives.
        "spark.sql.inMemoryColumnarStorage.compressed": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
        "spark.sql.streaming.minBatchesToRetain": "10",
    }


def metastore(settings: Settings) -> dict[str, str]:
    """The options that let Spark SQL read and make the tables of the Hive metastore."""
    return {
        "spark.sql.catalogImplementation": "hive",
        "spark.sql.warehouse.dir": f"{settings.hdfs_url}/eventmill/warehouse",
        "spark.hadoop.hive.metastore.uris": f"thrift://{settings.hive_metastore_host}:{settings.hive_metastore_port}",
    }
