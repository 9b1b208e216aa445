"""Sinks: Parquet tables, dead letters, MySQL, Cassandra, PostgreSQL, Kafka."""
