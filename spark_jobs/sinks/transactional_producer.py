"""Results of a batch written to a Kafka topic exactly once, for readers of committed records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from eventmill.config.settings import Settings
from eventmill.kafka import consumer, producer

HEADER = "batch"
"""The header that names the batch which a record comes from."""

SECONDS = 60
LOOK_BACK = 100


class OncePublisher:
    """Writes the records of each batch in one transaction; a batch that has its records there writes none.

    A second process with the same topic takes over: what the first one then still tries fails.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        self._settings = settings
        self._topic = topic
        self._producer: Producer | None = None

    def publish(self, records: Sequence[tuple[str, bytes]], batch: str) -> None:
        """Write a batch's records, given as key and value.

        Raises:
            KafkaException: when Kafka didn't take them in time; then none of them is there.
        """
        if not records:
            return
        if self._producer is None:
            # The order matters: taking the transactional id first ends what another process still had open, so that
            # what is read after it is all there will ever be of earlier batches. A batch is there as a whole or not at
            # all, and they come in order: so the last record of each partition tells whether this one is.
            self._producer = self._transactional()
            if batch in self._last_batches():
                return
        self._producer.begin_transaction()
        for key, value in records:
            self._add(key, value, batch)
        self._producer.commit_transaction(SECONDS)

    def _transactional(self) -> Producer:
        options = {"transactional.id": f"eventmill-{self._topic}", "linger.ms": 5}
        made = Producer(producer.producer_configuration(self._settings, self._topic) | options)
        made.init_transactions(SECONDS)
        return made

    def _add(self, key: str, value: bytes, batch: str) -> None:
        assert self._producer is not None
        try:
            self._producer.produce(self._topic, value, key, headers=[(HEADER, batch)])
        except BufferError:
            self._producer.flush(SECONDS)
            self._producer.produce(self._topic, value, key, headers=[(HEADER, batch)])

    def _last_batches(self) -> set[str]:
        """The batches that the last record of each partition comes from."""
        reader = Consumer(consumer.consumer_configuration(self._settings.kafka_bootstrap, "once"))
        try:
            numbers = reader.list_topics(self._topic, SECONDS).topics[self._topic].partitions
            last = (_last(reader, TopicPartition(self._topic, number)) for number in numbers)
            return {batch for message in last if message for batch in _batches(message)}
        finally:
            reader.close()


def _batches(message: Message) -> Iterator[str]:
    for name, value in dict(message.headers() or ()).items():
        if name == HEADER and value is not None:
            yield value.decode() if isinstance(value, bytes) else value


def _last(reader: Consumer, partition: TopicPartition) -> Message | None:
    """The last committed record of a partition; what ends a transaction takes an offset too."""
    first, end = reader.get_watermark_offsets(partition, SECONDS)
    back = LOOK_BACK
    while end > first:
        begin = max(first, end - back)
        if messages := list(_read(reader, TopicPartition(partition.topic, partition.partition, begin))):
            return messages[-1]
        if begin == first:
            break
        back *= 10
    return None


def _read(reader: Consumer, start: TopicPartition) -> Iterator[Message]:
    """The records from there to the end."""
    reader.assign([start])
    while True:
        message = reader.poll(SECONDS)
        if message is None:
            raise TimeoutError(f"Kafka did not give {start.topic} to its end within {SECONDS} s")
        error = message.error()
        if error and error.code() == KafkaError._PARTITION_EOF:
            return
        if error:
            raise KafkaException(error)
        yield message
