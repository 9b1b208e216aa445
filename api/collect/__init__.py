"""The event routes: request body, validator, collector, Kafka publisher."""
