"""The flow of the clicks: files in the inbox become records in Kafka, what is no record becomes a rejected one.

Folders and brokers are read from NiFi's own environment, so that the flow is the same natively and in containers.
"""

from __future__ import annotations

from eventmill.config.settings import Settings
from eventmill.kafka.topics import rejected
from nifi.flow import ATTRIBUTES, STANDARD, Connection, Flow, Processor

HOME = "${STATE_DIR}/nifi"
BROKERS = "${KAFKA_BOOTSTRAP}"
SPLIT = 10_000
SPLIT_BYTES = "4 MB"
NO_LIMIT = 1_000_000_000


def flow(settings: Settings) -> Flow:
    """The flow with the topics and the rate that are set."""
    return Flow("clicks", (*_reading(), *_records(settings), *_rejected(settings)), LINKS)


def _reading() -> tuple[Processor, ...]:
    """From the inbox to a file of records and a file of rejected pieces."""
    staged = f"{HOME}/staging/${{filename}}"
    return (
        Processor(
            "Take files",
            STANDARD + "GetFile",
            {
                "Input Directory": f"{HOME}/inbox/clicks",
                "File Filter": r"[^\.].*",
                "Recurse Subdirectories": "false",
                "Keep Source File": "false",
                "Batch Size": "100",
            },
            (0, 0),
            every="500 ms",
        ),
        Processor(
            "Remember the source",
            ATTRIBUTES + "UpdateAttribute",
            {"source.file": "${filename}", "source.time": "${now():toNumber()}", "filename": "${uuid}"},
            (0, 1),
        ),
        Processor(
            "Stage",
            STANDARD + "PutFile",
            {"Directory": f"{HOME}/staging", "Conflict Resolution Strategy": "replace"},
            (0, 2),
            retry=("failure",),
        ),
        Processor(
            "Separate",
            "SeparateRecords",
            {
                "File": staged,
                "Source Name": "${source.file}",
                "Source Time": "${source.time}",
                "Rejected Folder": f"{HOME}/rejected",
            },
            (0, 3),
            end=("original",),
            retry=("failure",),
        ),
        _fetch("Fetch records", f"{staged}.records", (0, 4)),
        _fetch("Fetch rejected", f"{staged}.rejected", (1, 4)),
    )


def _records(settings: Settings) -> tuple[Processor, ...]:
    """From the file of records to Kafka, at the rate that is set."""
    rate = settings.clicks_rate
    # One record each as long as NiFi keeps up with so many FlowFiles, then as few parts a second as it takes.
    part = max(1, rate // 25) if rate else SPLIT
    return (
        _split("Split to 10,000", SPLIT, (0, 5)),
        _split("Split to the rate", part, (0, 6)),
        Processor(
            "Control rate",
            STANDARD + "ControlRate",
            {
                "Rate Control Criteria": "attribute value",
                "Rate Controlled Attribute": "text.line.count",
                "Maximum Rate": str(rate or NO_LIMIT),
                "Time Duration": "1 sec",
            },
            (0, 7),
            retry=("failure",),
        ),
        Processor("Add timestamp", "AddTimestamp", {}, (0, 8), end=("original",), retry=("failure",)),
        _publish("Publish", settings.clicks_topic, {"Line Format": "record", "Key Field": "userid"}, (0, 9)),
    )


def _rejected(settings: Settings) -> tuple[Processor, ...]:
    """From the file of rejected pieces to Kafka."""
    topic = rejected(settings.clicks_topic)
    return (
        _split("Split rejected", 1_000, (1, 5)),
        _publish("Publish rejected", topic, {"Line Format": "envelope"}, (1, 6)),
    )


def _fetch(name: str, path: str, place: tuple[int, int]) -> Processor:
    properties = {"File to Fetch": path, "Completion Strategy": "Delete File"}
    return Processor(
        name, STANDARD + "FetchFile", properties, place, retry=("failure", "not.found", "permission.denied")
    )


def _split(name: str, lines: int, place: tuple[int, int]) -> Processor:
    properties = {"Line Split Count": str(lines), "Maximum Fragment Size": SPLIT_BYTES}
    return Processor(name, STANDARD + "SplitText", properties, place, end=("original",), retry=("failure",))


def _publish(name: str, topic: str, properties: dict[str, str], place: tuple[int, int]) -> Processor:
    properties = {"Bootstrap Servers": BROKERS, "Topic Name": topic, **properties}
    end = ("success", "original")
    return Processor(name, "PublishKafka", properties, place, end=end, retry=("failure",), in_order=True)


LINKS = (
    Connection("Take files", ("success",), "Remember the source"),
    Connection("Remember the source", ("success",), "Stage"),
    Connection("Stage", ("success",), "Separate"),
    Connection("Separate", ("missing",), "Stage"),
    Connection("Separate", ("success",), "Fetch records"),
    Connection("Separate", ("success",), "Fetch rejected"),
    Connection("Fetch records", ("success",), "Split to 10,000"),
    Connection("Split to 10,000", ("splits",), "Split to the rate"),
    Connection("Split to the rate", ("splits",), "Control rate"),
    Connection("Control rate", ("success",), "Add timestamp"),
    Connection("Add timestamp", ("success",), "Publish"),
    Connection("Fetch rejected", ("success",), "Split rejected"),
    Connection("Split rejected", ("splits",), "Publish rejected"),
)
