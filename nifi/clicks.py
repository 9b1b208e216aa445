"""The flow of the clicks: files in the inbox become records in Kafka, what is no record becomes a rejected one.

Folders and brokers are read from NiFi's own environment, so that the flow is the same natively and in containers.
"""

from __future__ import annotations

from eventmill.config.settings import Settings
from eventmill.kafka.topics import rejected
from nifi.flow import ATTRIBUTES, STANDARD, Flow, Link, Step

HOME = "${STATE_DIR}/nifi"
BROKERS = "${KAFKA_BOOTSTRAP}"
SPLIT = 10_000
SPLIT_BYTES = "4 MB"
NO_LIMIT = 1_000_000_000


def flow(settings: Settings) -> Flow:
    """The flow with the topics and the rate that are set."""
    return Flow("clicks", (*_reading(), *_records(settings), *_rejected(settings)), LINKS)


def _reading() -> tuple[Step, ...]:
    """From the inbox to a file of records and a file of rejected pieces."""
    staged = f"{HOME}/staging/${{filename}}"
    return (
        Step(
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
        Step(
            "Remember the source",
            ATTRIBUTES + "UpdateAttribute",
            {"source.file": "${filename}", "source.time": "${now():toNumber()}", "filename": "${uuid}"},
            (0, 1),
        ),
        Step(
            "Stage",
            STANDARD + "PutFile",
            {"Directory": f"{HOME}/staging", "Conflict Resolution Strategy": "replace"},
            (0, 2),
            retry=("failure",),
        ),
        Step(
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


def _records(settings: Settings) -> tuple[Step, ...]:
    """From the file of records to Kafka, at the rate that is set."""
    rate = settings.clicks_rate
    # One record each as long as NiFi keeps up with so many FlowFiles, then as few parts a second as it takes.
    part = max(1, rate // 25) if rate else SPLIT
    return (
        _split("Split to 10,000", SPLIT, (0, 5)),
        _split("Split to the rate", part, (0, 6)),
        Step(
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
        Step("Add timestamp", "AddTimestamp", {}, (0, 8), end=("original",), retry=("failure",)),
        _publish("Publish", settings.clicks_topic, {"Line Format": "record", "Key Field": "userid"}, (0, 9)),
    )


def _rejected(settings: Settings) -> tuple[Step, ...]:
    """From the file of rejected pieces to Kafka."""
    topic = rejected(settings.clicks_topic)
    return (
        _split("Split rejected", 1_000, (1, 5)),
        _publish("Publish rejected", topic, {"Line Format": "envelope"}, (1, 6)),
    )


def _fetch(name: str, path: str, place: tuple[int, int]) -> Step:
    properties = {"File to Fetch": path, "Completion Strategy": "Delete File"}
    return Step(name, STANDARD + "FetchFile", properties, place, retry=("failure", "not.found", "permission.denied"))


def _split(name: str, lines: int, place: tuple[int, int]) -> Step:
    properties = {"Line Split Count": str(lines), "Maximum Fragment Size": SPLIT_BYTES}
    return Step(name, STANDARD + "SplitText", properties, place, end=("original",), retry=("failure",))


def _publish(name: str, topic: str, properties: dict[str, str], place: tuple[int, int]) -> Step:
    properties = {"Bootstrap Servers": BROKERS, "Topic Name": topic, **properties}
    end = ("success", "original")
    return Step(name, "PublishKafka", properties, place, end=end, retry=("failure",), in_order=True)


LINKS = (
    Link("Take files", ("success",), "Remember the source"),
    Link("Remember the source", ("success",), "Stage"),
    Link("Stage", ("success",), "Separate"),
    Link("Separate", ("missing",), "Stage"),
    Link("Separate", ("success",), "Fetch records"),
    Link("Separate", ("success",), "Fetch rejected"),
    Link("Fetch records", ("success",), "Split to 10,000"),
    Link("Split to 10,000", ("splits",), "Split to the rate"),
    Link("Split to the rate", ("splits",), "Control rate"),
    Link("Control rate", ("success",), "Add timestamp"),
    Link("Add timestamp", ("success",), "Publish"),
    Link("Fetch rejected", ("success",), "Split rejected"),
    Link("Split rejected", ("splits",), "Publish rejected"),
)
