"""Where results go: Parquet tables, dead letters, MySQL, Cassandra, PostgreSQL, Kafka."""
