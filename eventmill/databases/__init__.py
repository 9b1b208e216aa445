"""MySQL, PostgreSQL and Cassandra, the query engines, and the named queries."""
