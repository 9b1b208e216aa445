"""What the container files must keep to: engine 20.10's features, loopback, limits, health checks, hardening."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

HARDENING = {
    "init": True,
    "user": "1000:1000",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "pids_limit": 1024,
}
ENDS = {"no", "on-failure"}
"""Restart policies of services that end, and so need no health check."""

TOO_NEW = {
    "# syntax line: it pulls an image": r"^#\s*syntax\s*=",
    "heredoc": r"^(RUN|COPY).*<<-?[\"']?\w",
    "COPY --link": r"^(COPY|ADD).*--link",
    "COPY --exclude": r"^COPY.*--(exclude|parents)",
    "start interval of a health check": r"--start-interval",
}
TOO_NEW_IN_COMPOSE = ("develop", "gpus", "post_start", "pre_stop", "models", "provider")
FORBIDDEN = ("privileged", "ulimits", "cap_add", "network_mode", "pid", "ipc", "devices")


def in_dockerfile(text: str) -> Iterator[str]:
    """What a Dockerfile must not have, as sentences."""
    joined = re.sub(r"\\\n", " ", text)
    for name, pattern in TOO_NEW.items():
        if re.search(pattern, joined, re.MULTILINE | re.IGNORECASE):
            yield f"{name} is not for Docker 20.10"
    stages = set(re.findall(r"^FROM \S+ AS (\S+)", joined, re.MULTILINE))
    for image in re.findall(r"^FROM (\S+)", joined, re.MULTILINE):
        if image not in stages and not re.fullmatch(r"debian:[a-z]+-slim", image):
            yield f"the base {image} is not a slim Debian"


def in_compose(compose: Mapping[str, Any]) -> Iterator[str]:
    """What a Compose file must not have, as sentences."""
    for name, service in compose["services"].items():
        yield from (f"{name}: {problem}" for problem in _in_service(service))


def _in_service(service: Mapping[str, Any]) -> Iterator[str]:
    for key, value in HARDENING.items():
        if service.get(key) != value:
            yield f"{key} is not as in the anchor"
    yield from (f"{key} is not allowed" for key in FORBIDDEN if key in service)
    yield from (f"{key} is not for Docker 20.10" for key in TOO_NEW_IN_COMPOSE if key in service)
    if "mem_limit" not in service:
        yield "no memory limit"
    if "max-size" not in service.get("logging", {}).get("options", {}):
        yield "its log grows without end"
    health = service.get("healthcheck", {})
    if "start_interval" in health:
        yield "start_interval is not for Docker 20.10"
    if "test" not in health and service.get("restart") not in ENDS:
        yield "no health check"
    if re.search(r":latest\b", service.get("image", ":latest")) or ":" not in service["image"]:
        yield "its image has no tag, or latest"
    for port in service.get("ports", ()):
        if not str(port).startswith("127.0.0.1:"):
            yield f"port {port} is not on loopback"
