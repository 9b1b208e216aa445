"""NiFi processor: divides a file into the records and the broken pieces that it holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nifiapi.flowfiletransform import FlowFileTransform, FlowFileTransformResult
from nifiapi.properties import ExpressionLanguageScope, ProcessContext, PropertyDescriptor, StandardValidators
from nifiapi.relationship import Relationship

from eventmill.config.disk import Reserve
from nifi.expressions import evaluated
from nifi.separate import Origin, separate


class SeparateRecords(FlowFileTransform):
    """Reads the file from the disk, not through NiFi, so that its size does not matter."""

    class Java:
        """The interface that NiFi looks for."""

        implements = ["org.apache.nifi.python.processor.FlowFileTransform"]

    class ProcessorDetails:
        """The details that NiFi shows."""

        version = "1.0.0"
        description = (
            "Reads a JSON array, JSON lines or objects one after another from the file that PutFile wrote and writes "
            "two files beside it: <uuid>.records (JSON lines) and <uuid>.rejected (what cannot be read, with reasons)."
        )
        tags = ["json", "records", "rejected"]

    FILE = PropertyDescriptor(
        name="File",
        required=True,
        description="The file to read; it is removed when it has been read.",
        validators=[StandardValidators.NON_EMPTY_VALIDATOR],
        expression_language_scope=ExpressionLanguageScope.FLOWFILE_ATTRIBUTES,
    )
    NAME = PropertyDescriptor(
        name="Source Name",
        required=True,
        description="The file's name, for the headers of what is rejected.",
        validators=[StandardValidators.NON_EMPTY_VALIDATOR],
        expression_language_scope=ExpressionLanguageScope.FLOWFILE_ATTRIBUTES,
    )
    TIME = PropertyDescriptor(
        name="Source Time",
        required=True,
        description="When the file came, in ms since the epoch, for the headers of what is rejected.",
        validators=[StandardValidators.NON_EMPTY_VALIDATOR],
        expression_language_scope=ExpressionLanguageScope.FLOWFILE_ATTRIBUTES,
    )
    KEEP = PropertyDescriptor(
        name="Rejected Folder",
        required=True,
        description="Where rejected pieces are kept that are too long for Kafka.",
        validators=[StandardValidators.NON_EMPTY_VALIDATOR],
        expression_language_scope=ExpressionLanguageScope.ENVIRONMENT,
    )
    MISSING = Relationship(name="missing", description="The file is not there: it has to be written again.")
    SUCCESS = Relationship(name="success", description="Both files have been written.")

    def __init__(self, **_: object) -> None:
        super().__init__()
        self._reserve = Reserve.of_environment()

    def getPropertyDescriptors(self) -> list[PropertyDescriptor]:
        """The settings that NiFi shows."""
        return [self.FILE, self.NAME, self.TIME, self.KEEP]

    def getRelationships(self) -> list[Relationship]:
        """The relationships that a FlowFile may take."""
        return [self.SUCCESS, self.MISSING]

    def transform(self, context: ProcessContext, flowfile: Any) -> FlowFileTransformResult:
        """Read the file; NiFi may call this again after a crash, which then replaces what was written."""
        if shortage := self._reserve.shortage():
            self.logger.warn(f"no file is read: {shortage}")
            return FlowFileTransformResult("failure")
        source, name, when, keep = (evaluated(context, d, flowfile) for d in self.getPropertyDescriptors())
        path = Path(source)
        if not path.exists():
            return FlowFileTransformResult("missing")
        records, rejected = path.with_name(f"{path.name}.records"), path.with_name(f"{path.name}.rejected")
        good, bad = separate(path, records, rejected, Path(keep), Origin(name, when))
        path.unlink()
        return FlowFileTransformResult("success", {"records.count": str(good), "rejected.count": str(bad)})
