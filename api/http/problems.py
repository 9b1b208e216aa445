"""Requests that cannot be served, told as RFC 9457 has it: problem details in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from eventmill.config.errors import EventmillError

MEDIA_TYPE = "application/problem+json"


class ProblemError(EventmillError):
    """Why a request is not served, with the status, the headers and the members of the answer."""

    def __init__(
        self, status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = {"Content-Type": MEDIA_TYPE, **(headers or {})}
        self.members = members

    def body(self) -> bytes:
        """The problem details."""
        known = {"title": self.status.phrase, "status": int(self.status), "detail": self.detail}
        return msgspec.json.encode(known | self.members)


def too_large(limit: int) -> ProblemError:
    """The body is longer than the limit."""
    return ProblemError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body may have {limit} bytes, decompressed")


def failed() -> ProblemError:
    """Something here is broken; the log says what."""
    return ProblemError(HTTPStatus.INTERNAL_SERVER_ERROR, "the request could not be served")
