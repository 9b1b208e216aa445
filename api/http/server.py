"""The server: uvicorn, with as many processes as are asked for."""

from __future__ import annotations

import os
import sys

from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from api.http.connection import Connection
from eventmill.config.settings import load

CONNECTIONS = 8192
"""The connections that a process serves at a time; further requests get 503."""

KEEP_ALIVE_SECONDS = 75
"""Seconds for which a connection may be idle between two requests: more than the pools of common clients keep one."""


def serve(app: str, port: int, workers: int, *, tls: bool = False) -> None:
    """Serve the application that the function `app`, as `module:name`, makes, in so many processes.

    With `tls`, by the certificate of the settings where they name one.
    """
    settings = load()
    config = Config(
        app,
        factory=True,
        host=os.environ.get("BIND_HOST", "127.0.0.1"),
        port=port,
        workers=workers,
        loop="uvloop",
        http=Connection,
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=bool(settings.api_trusted_proxies),
        forwarded_allow_ips=settings.api_trusted_proxies,
        limit_concurrency=CONNECTIONS,
        backlog=4096,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.api_timeout_seconds + 5,
        ssl_certfile=settings.api_tls_certificate if tls else None,
        ssl_keyfile=settings.api_tls_key if tls else None,
    )
    processes = Multiprocess(config, [config.bind_socket()])
    processes.run()
    if any(process.exitcode == STARTUP_FAILURE for process in processes.processes):
        sys.exit(f"{app} cannot start; the lines above say why")
