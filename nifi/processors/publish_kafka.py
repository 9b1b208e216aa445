"""NiFi processor: publishes JSON lines to a Kafka topic and succeeds only when Kafka has all of them."""

from __future__ import annotations

from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError
from nifiapi.flowfiletransform import FlowFileTransform, FlowFileTransformResult
from nifiapi.properties import ExpressionLanguageScope, ProcessContext, PropertyDescriptor, StandardValidators

from eventmill.config.disk import Reserve
from nifi.delivery import Delivery, Partitioner
from nifi.expressions import evaluated
from nifi.messages import Message, from_envelopes, from_records

NEVER_MS = 2**31 - 1


class PublishKafka(FlowFileTransform):
    """Keeps unfinished deliveries, so that a FlowFile that comes again is continued and nothing is sent twice."""

    class Java:
        """The interface that NiFi looks for."""

        implements = ["org.apache.nifi.python.processor.FlowFileTransform"]

    class ProcessorDetails:
        """The details that NiFi shows."""

        version = "1.0.0"
        description = "Publishes each line to Kafka (acks=all, idempotent) and waits for every acknowledgement."
        tags = ["kafka", "publish", "put", "message"]

    BROKERS = PropertyDescriptor(
        name="Bootstrap Servers",
        required=True,
        description="Comma-separated host:port list of Kafka brokers.",
        validators=[StandardValidators.NON_EMPTY_VALIDATOR],
        expression_language_scope=ExpressionLanguageScope.ENVIRONMENT,
    )
    TOPIC = PropertyDescriptor(
        name="Topic Name",
        required=True,
        description="Topic to publish to; it must exist.",
        validators=[StandardValidators.NON_EMPTY_VALIDATOR],
    )
    FORMAT = PropertyDescriptor(
        name="Line Format",
        required=True,
        description="record: the line is the message. envelope: JSON with headers and a Base64 value.",
        default_value="record",
        allowable_values=["record", "envelope"],
    )
    KEY = PropertyDescriptor(
        name="Key Field",
        required=False,
        description="Field of the record that is the message's key.",
        validators=[StandardValidators.NON_EMPTY_VALIDATOR],
    )
    WAIT = PropertyDescriptor(
        name="Acknowledgement Seconds",
        required=True,
        description="How long to wait for Kafka before the FlowFile goes back to its queue.",
        default_value="20",
        validators=[StandardValidators.POSITIVE_INTEGER_VALIDATOR],
    )

    def __init__(self, **_: object) -> None:
        super().__init__()
        self._brokers = ""
        self._producer: KafkaProducer | None = None
        self._deliveries: dict[str, Delivery] = {}
        self._reserve = Reserve.of_environment()

    def getPropertyDescriptors(self) -> list[PropertyDescriptor]:
        """The settings that NiFi shows."""
        return [self.BROKERS, self.TOPIC, self.FORMAT, self.KEY, self.WAIT]

    def onScheduled(self, context: ProcessContext) -> None:
        """Read where Kafka is; other brokers need another producer."""
        brokers = evaluated(context, self.BROKERS)
        if brokers != self._brokers:
            self._close()
        self._brokers = brokers

    def onStopped(self, _: ProcessContext) -> None:
        """Close the producer unless it still has to deliver something of a FlowFile that will come again."""
        if not self._deliveries:
            self._close()

    def transform(self, context: ProcessContext, flowfile: Any) -> FlowFileTransformResult:
        """Deliver the content, or say why Kafka has not got all of it yet."""
        if shortage := self._reserve.shortage():
            self.logger.warn(f"nothing is published: {shortage}")
            return FlowFileTransformResult("failure")
        uuid = flowfile.getAttribute("uuid")
        topic = context.getProperty(self.TOPIC).getValue()
        try:
            if uuid not in self._deliveries:
                self._deliveries[uuid] = Delivery(topic, self._messages(context, flowfile))
            seconds = int(context.getProperty(self.WAIT).getValue())
            self._deliveries[uuid].attempt(self._connected(), seconds)
        except KafkaError as error:
            self.logger.warn(f"Kafka at {self._brokers} did not take all of {topic}, trying again: {error!r}")
            return FlowFileTransformResult("failure")
        del self._deliveries[uuid]
        return FlowFileTransformResult("success")

    def _messages(self, context: ProcessContext, flowfile: Any) -> list[Message]:
        content = bytes(flowfile.getContentsAsBytes())
        if context.getProperty(self.FORMAT).getValue() == "envelope":
            return from_envelopes(content)
        return from_records(content, context.getProperty(self.KEY).getValue() or "")

    def _connected(self) -> KafkaProducer:
        if self._producer is None:
            self._producer = KafkaProducer(
                bootstrap_servers=self._brokers.split(","),
                acks="all",
                enable_idempotence=True,
                delivery_timeout_ms=NEVER_MS,
                max_block_ms=10_000,
                linger_ms=1_000,  # the delivery flushes
                batch_size=900_000,
                partitioner=Partitioner(),
                reconnect_backoff_max_ms=5_000,
            )
        return self._producer

    def _close(self) -> None:
        if self._producer is not None:
            self._producer.close(timeout=5)
        self._producer = None
        self._deliveries.clear()
