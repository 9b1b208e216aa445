"""Somebody else's Kafka: two brokers, whose clients log in by SCRAM."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count, islice
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from eventmill.config.polling import until
from eventmill.config.settings import Settings
from ops.stack import java
from ops.stack.preflight import is_free

MECHANISM, USER, PASSWORD = "SCRAM-SHA-512", "visitor", "of-another-cluster"
FIRST_PORT = 36000
PROPERTIES = r"""
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
listeners=SASL_PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=SASL_PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT
sasl.enabled.mechanisms={mechanism}
sasl.mechanism.inter.broker.protocol={mechanism}
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required username="{user}" password="{password}";
log.dirs={folder}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=2
"""


@contextmanager
def source_cluster(settings: Settings, folder: Path, topic: str) -> Iterator[str]:
    """The addresses of both brokers, as long as the block lasts; the topic's partitions are on both."""
    ports = list(islice((port for port in count(FIRST_PORT) if is_free(port)), 4))
    brokers, voters = ports[:2], ",".join(f"{node}@127.0.0.1:{port}" for node, port in enumerate(ports[2:], 1))
    running: list[subprocess.Popen[bytes]] = []
    try:
        for node, (port, controller) in enumerate(zip(brokers, ports[2:], strict=True), 1):
            home = folder / f"broker-{node}"
            home.mkdir()
            running.append(_start(settings, home, node=node, port=port, controller=controller, voters=voters))
        bootstrap = ",".join(f"127.0.0.1:{port}" for port in brokers)
        _make_topic(bootstrap, topic)
        yield bootstrap
    finally:
        for process in running:
            process.kill()
            process.wait(30)


def _start(settings: Settings, home: Path, **values: object) -> subprocess.Popen[bytes]:
    file = home / "server.properties"
    login = {"mechanism": MECHANISM, "user": USER, "password": PASSWORD, "folder": home}
    file.write_text(PROPERTIES.format(**login, **values))
    command = [
        str(java.find_java(settings) / "bin" / "java"),
        "-Xmx256m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
    ]
    command += ["-cp", f"{settings.lib_dir}/kafka/*"]
    user = f"{MECHANISM}=[name={USER},password={PASSWORD}]"
    arguments = ["format", "--cluster-id", "another-clusterAAAAAAA", "--config", str(file), "--add-scram", user]
    with (home / "log").open("wb") as log:
        subprocess.run([*command, "kafka.tools.StorageTool", *arguments], check=True, stdout=log, stderr=log)
        return subprocess.Popen([*command, "kafka.Kafka", str(file)], stdout=log, stderr=log)


def _make_topic(bootstrap: str, topic: str) -> None:
    login: dict[str, str | int | float | bool] = {
        "bootstrap.servers": bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": MECHANISM,
        "sasl.username": USER,
        "sasl.password": PASSWORD,
        # It asks until they serve, and says nothing of it meanwhile.
        "log_level": 0,
    }
    client = AdminClient(login)

    def both_serve() -> bool:
        with suppress(KafkaException):
            return len(client.list_topics(timeout=2).brokers) == 2
        return False

    until(both_serve, 120, "the source's brokers do not serve")
    client.create_topics([NewTopic(topic, 4, 2)])[topic].result(60)
