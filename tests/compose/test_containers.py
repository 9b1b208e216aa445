"""The pipelines in containers: the same truth as on the native stack, whatever is killed, and no secret in sight."""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import requests

from eventmill.config.polling import until
from eventmill.config.settings import ROOT
from eventmill.lake import hive_tables
from tests.compose.containers import Containers, docker, inspect
from tests.load import Load
from tests.support import SECRETS

ASK = """
import sys
from eventmill.config import settings
from eventmill.lake import checkpoint_progress
from ops.reports import demo
values, pipeline = settings.load(), sys.argv[1]
"""
NEXT_START = ASK + "print(demo.next_start(values, pipeline).isoformat())"
HELD = ASK + "print(sum(checkpoint_progress.held(values, pipeline).values()))"
WAITING = ASK + "print(checkpoint_progress.waiting_records(values, pipeline))"
SOUND = ("--late", "0%", "--duplicates", "0%", "--broken", "0%")
CORES_AT_WORK = """
import requests
from eventmill.config import settings
port = settings.load().spark_master_ui_port
print(requests.get(f"http://spark-master:{port}/json/", timeout=10).json()["coresused"])
"""
HOST = "load.example.org"
EVENTS = "SELECT COUNT(*) FROM game_events WHERE host = '{}'"
IDENTITIES = EVENTS.replace("*", "DISTINCT json_extract_scalar(raw_event, '$.messageid')")
ACTIONS = "SELECT COUNT(*) FROM user_actions"
FACTS = "SELECT COUNT(*) AS number FROM fact_product_views"
LAG = """
from eventmill.config import settings
from eventmill.kafka import forwarder
print(forwarder.lag(settings.load()))
"""
BROKER_AND_JOBS = (("kafka", "jobs"),)
OTHERS = (("cassandra", "forwarder", "api"), ("namenode", "postgres", "source-kafka"))
"""What is killed at once, in one round after the other."""

SEND_VISITS = ("send", "visits", "--patience", "180")
SEND_CARTS = ("send", "carts", "--batch", "100", "--patience", "180")
SHOP_RUN = ("shop", "run", "--rate", "1000", "--steps", "300", "--patience", "180")
SHOP = "SELECT order_id, user_id, product_id, quantity, status FROM {} ORDER BY 1"
RUN_DAG = """
import sys
from eventmill.airflow import rest_client
from eventmill.config import settings
values, name = settings.load(), sys.argv[1]
print(set(rest_client.wait(values, name, rest_client.trigger(values, name), seconds=600).values()))
"""
SPENT = [["user1.comcast.com", 2808], ["user2.att.com", 1248], ["user2.comcast.com", 260]]
LISTING = "SELECT DISTINCT table_name AS name FROM information_schema.{} WHERE table_schema = 'default'"
COUNTS = "SELECT window_start, source, source_number FROM commerce ORDER BY 1, 2"


def held(stack: Containers) -> int:
    """How many records the topic of the clicks has had."""
    return int(stack.python(HELD, "clicks"))


def generate(stack: Containers, name: str, count: int, *options: str, pipeline: str = "clicks") -> tuple[str, str]:
    """A sample in the demo's volume that is newer than all that was counted: its path and its truth's."""
    sample, truth = f"/data/demo/{pipeline}-{name}.json", f"/data/demo/{pipeline}-{name}-truth.json"
    start = ("--start", stack.python(NEXT_START, pipeline), "--span", "2h")
    stack.eventmill("generate", pipeline, "--count", str(count), *start, "--out", sample, "--truth", truth, *options)
    return sample, truth


def wait_until_processed(stack: Containers, pipeline: str) -> None:
    """Wait until the pipeline's job has processed all that Kafka holds."""
    until(lambda: stack.python(WAITING, pipeline) == "0", 300, f"the job of the {pipeline} has not caught up", every=1)


def number(stack: Containers, query: str) -> int:
    """The one number that Presto answers."""
    ((found,),) = (row.values() for row in json.loads(stack.eventmill("sql", "presto", query, "--format", "json")))
    return int(found)


def secret(name: str) -> str:
    """A password of the stack."""
    return (ROOT / ".eventmill" / "secrets" / name).read_text().strip()


def facts(stack: Containers) -> int:
    """How many views the star schema has."""
    ((found,),) = (row.values() for row in json.loads(stack.eventmill("sql", "postgres", FACTS, "--format", "json")))
    return int(found)


def counts(stack: Containers, engine: str) -> object:
    """All windows as an engine gives them."""
    return json.loads(stack.eventmill("sql", engine, COUNTS, "--format", "json"))


def test_the_demo_ends_in_the_truth(containers: Containers) -> None:
    printed = containers.eventmill("demo", "--count", "20000")
    assert "every record is accounted for" in printed
    assert counts(containers, "hive") == counts(containers, "mysql") == counts(containers, "presto") != []
    spent = json.loads(containers.eventmill("query", "game-spending", "--format", "json"))
    assert [list(row.values()) for row in spent] == SPENT


def test_the_broker_the_jobs_and_mysql_are_killed_and_cost_no_record(containers: Containers) -> None:
    samples = survive(containers, BROKER_AND_JOBS, first_seed=0)
    run_demo_and_kill_mysql(containers, samples[-1][0])
    containers.eventmill("verify", "clicks", "--truth", samples[-1][1])
    assert counts(containers, "hive") == counts(containers, "mysql")


@pytest.mark.long
def test_other_services_are_killed_and_cost_no_record(containers: Containers) -> None:
    survive(containers, OTHERS, first_seed=len(BROKER_AND_JOBS))


def survive(containers: Containers, rounds: Sequence[Sequence[str]], first_seed: int) -> list[tuple[str, str]]:
    """Kill services while every pipeline gets records, and see that none is lost; returns the samples of clicks."""
    samples, loads = [], []
    stored, viewed = number(containers, ACTIONS), facts(containers)
    for seed, services in enumerate(rounds, first_seed):
        name = services[0]
        samples.append(generate(containers, name, 10_000, *SOUND))
        loads.append(Load(containers.api, f"{name}.{HOST}", batches=40, seed=seed))
        # Samples of one seed have the same identities.
        actions, _ = generate(containers, name, 5_000, *SOUND, "--seed", str(seed), pipeline="carts")
        logs, _ = generate(containers, name, 2_000, "--seed", str(seed), pipeline="visits")
        before = held(containers)
        with ThreadPoolExecutor(4) as pool:
            containers.eventmill("send", "clicks", samples[-1][0], "--no-wait")
            sending: list[Future[Any]] = [pool.submit(loads[-1].send)]
            commands = (*SEND_CARTS, actions), (*SHOP_RUN, "--seed", str(seed)), (*SEND_VISITS, logs)
            sending += [pool.submit(containers.eventmill, *command) for command in commands]
            until(lambda: held(containers) > before, 120, "nothing has come to Kafka")  # noqa: B023 - called at once
            containers.kill(*services)
            for sent in sending:
                sent.result()
        until(lambda: held(containers) >= before + 10_000, 300, "Kafka has not got all clicks", every=1)  # noqa: B023
        wait_until_processed(containers, "clicks")
        wait_until_processed(containers, "carts")
    until(lambda: containers.python(LAG) == "0", 300, "not all page logs are forwarded", every=1)
    for pipeline in ("game", "orders", "visits"):
        wait_until_processed(containers, pipeline)
    for pipeline in ("clicks", "game", "carts", "orders"):
        containers.eventmill("tables", pipeline)
    for _, truth in samples:
        containers.eventmill("verify", "clicks", "--truth", truth)
    containers.eventmill("verify", "game", "carts", "orders", "visits")
    for load in loads:
        found = [number(containers, query.format(load.host)) for query in (EVENTS, IDENTITIES)]
        assert found == [len(load.sent), len(load.sent)]
    assert number(containers, ACTIONS) - stored == 5_000 * len(samples)
    assert facts(containers) - viewed == 2_000 * len(samples)
    return samples


def run_demo_and_kill_mysql(containers: Containers, sample: str) -> None:
    """Run the demo with a sample, and kill MySQL in the middle of the export."""
    with ThreadPoolExecutor(1) as pool:
        demo = pool.submit(containers.eventmill, "demo", "--data", sample)
        until(
            lambda: demo.done() or containers.has_process("scheduler", "org.apache.sqoop.Sqoop"),
            600,
            "the export did not start",
        )
        assert not demo.done(), demo.result()
        containers.kill("mysql")
        assert "every record is accounted for" in demo.result()


@pytest.mark.long
def test_adminer_shows_the_tables_of_who_logs_in(containers: Containers) -> None:
    page, browser = f"http://127.0.0.1:{containers.environment['ADMINER_PORT']}/", requests.Session()
    login = {"server": "PostgreSQL", "username": "eventmill", "db": "eventmill", "driver": "pgsql"}
    for password, shown in (("wrong", False), (secret("postgres_password"), True)):
        form = {f"auth[{name}]": value for name, value in (login | {"password": password}).items()}
        answer = browser.post(page, data=form, timeout=30)
        assert ("fact_product_views" in answer.text) is shown
    elsewhere = {f"auth[{name}]": value for name, value in (login | {"server": "metastore"}).items()}
    assert "fact_product_views" not in requests.post(page, data=elsewhere, timeout=30).text


@pytest.mark.long
def test_the_orders_come_to_the_warehouse(containers: Containers) -> None:
    containers.eventmill(*SHOP_RUN, "--seed", "60")
    assert containers.python(RUN_DAG, "orders_warehouse", seconds=660) == "{'success'}"
    in_shop, in_warehouse = (
        json.loads(containers.eventmill("sql", engine, SHOP.format(table), "--format", "json"))
        for engine, table in (("mysql", "eCommerce.orders"), ("presto", "orders"))
    )
    assert in_shop == in_warehouse != []


@pytest.mark.long
def test_compaction_changes_no_row(containers: Containers) -> None:
    before = counts(containers, "hive")
    assert containers.python(RUN_DAG, "compaction", seconds=660) == "{'success'}"
    assert counts(containers, "hive") == before != []


@pytest.mark.parametrize("listed", ["tables", "columns"])
def test_presto_lists_every_table_of_the_pipelines(listed: str, containers: Containers) -> None:
    scripts = (hive_tables.script(pipeline).read_text("utf-8") for pipeline in hive_tables.pipelines())
    made = {name for script in scripts for name in hive_tables.TABLE.findall(script)}
    answer = containers.eventmill("sql", "presto", LISTING.format(listed), "--format", "json")
    assert made <= {row["name"] for row in json.loads(answer)}


def test_no_secret_is_in_the_configuration_the_images_or_the_logs(containers: Containers) -> None:
    files = sorted((ROOT / ".eventmill" / "secrets").iterdir())
    shown = [containers.compose("--profile", "*", "config"), containers.compose("logs", "--no-color")]
    shown += [docker("history", "--no-trunc", image) for image in containers.images()]
    shown += [docker("image", "inspect", image) for image in containers.images()]
    running = containers.compose("ps", "--all", "--quiet").split()
    shown += [inspect(container, "{{json .Config}} {{json .State}}") for container in running]
    assert {file.name for file in files} == set(SECRETS)
    assert [file.name for file in files if any(file.read_text() in text for text in shown)] == []


def test_down_keeps_the_data_with_which_the_clicks_go_on_alone_on_a_cluster(containers: Containers) -> None:
    before = [counts(containers, engine) for engine in ("hive", "mysql")]
    containers.down()
    containers.environment |= {"ENABLED_PIPELINES": "clicks", "COMPOSE_PROFILES": "clicks,spark-cluster"}
    containers.environment["SPARK_MASTER"] = "spark://spark-master:7077"
    containers.up()
    assert "cassandra" not in containers.compose("ps", "--services").split()
    assert [counts(containers, engine) for engine in ("hive", "mysql")] == before
    sample, truth = generate(containers, "cluster", 20_000)
    containers.eventmill("demo", "--data", sample)
    containers.eventmill("verify", "clicks", "--truth", truth)
    assert int(containers.python(CORES_AT_WORK)) == 2


def test_removing_the_volumes_leaves_nothing(containers: Containers) -> None:
    containers.remove()
    assert containers.left() == []
