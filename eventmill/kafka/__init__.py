"""Kafka: topics, consumers and producers, dead letters and their replay, the forwarder."""
