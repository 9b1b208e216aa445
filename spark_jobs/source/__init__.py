"""Reading Kafka: the stream, its reader, and the decoder of values."""
