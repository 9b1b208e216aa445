"""An event API of its own on the stack's Kafka, with topics that no pipeline reads, and with a shop of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from eventmill.config.polling import until
from eventmill.databases import mysql
from eventmill.kafka import topics
from ops.stack.engines import ENGINES, service_environment
from ops.stack.isolated_stack import IsolatedStack
from ops.stack.preflight import is_free

FIRST_PORT = 32000


@contextmanager
def own_api(stack: IsolatedStack) -> Iterator[str]:
    """The address of such an API, as long as the block lasts."""
    names = {name: f"own-{topic}" for name, topic in stack.settings if name.endswith("_topic")}
    port = next(port for port in count(FIRST_PORT) if is_free(port))
    changes = {"shop_database": stack.settings.mysql_database, "api_port": port, "state_dir": stack.state_dir / "own"}
    own = stack.settings.model_copy(update=names | changes)
    topics.apply_topics(own)
    mysql.apply_tables(own)
    environment = stack.environment | service_environment(own)
    script = ENGINES / "api"
    with subprocess.Popen([script / "run", "api"], env=environment) as process:
        try:
            until(
                lambda: not subprocess.run([script / "ready", "api"], env=environment, capture_output=True).returncode,
                60,
                "the API does not serve",
            )
            yield f"http://{own.api_host}:{port}"
        finally:
            process.terminate()
