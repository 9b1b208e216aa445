"""The event API: takes events over HTTP and has Kafka acknowledge them before it answers; and the game service."""
