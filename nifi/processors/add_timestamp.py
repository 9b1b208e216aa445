"""NiFi processor: gives the records that have no timestamp the time of now."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from nifiapi.flowfiletransform import FlowFileTransform, FlowFileTransformResult
from nifiapi.properties import ProcessContext

from nifi.messages import stamped


class AddTimestamp(FlowFileTransform):
    """Leaves every other byte of a record as it came, which NiFi's UpdateRecord does not."""

    class Java:
        """The interface that NiFi looks for."""

        implements = ["org.apache.nifi.python.processor.FlowFileTransform"]

    class ProcessorDetails:
        """The details that NiFi shows."""

        version = "1.0.0"
        description = "Adds `timestamp` (UTC, yyyy-MM-dd HH:mm:ss) to the JSON lines that have none."
        tags = ["json", "records", "timestamp"]

    def __init__(self, **_: object) -> None:
        super().__init__()

    def transform(self, _: ProcessContext, flowfile: Any) -> FlowFileTransformResult:
        """Stamp all lines of the content with the same time."""
        now = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
        return FlowFileTransformResult("success", contents=stamped(bytes(flowfile.getContentsAsBytes()), now))
