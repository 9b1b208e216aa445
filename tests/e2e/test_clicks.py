"""The clicks line from a file to MySQL, on real engines: the result is the truth, whatever happens on the way."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from eventmill.wait import until
from tests.e2e.clicks import Clicks, Counts, Sample

FAULTS = ("--late", "1%", "--duplicates", "1%", "--broken", "1%")
SOUND = ("--late", "0%", "--duplicates", "0%", "--broken", "0%")


def closed(counts: Counts, among: Counts) -> Counts:
    """Those of the counts whose windows are also among the others."""
    windows = {window for window, _ in among}
    return {key: count for key, count in counts.items() if key[0] in windows}


def assert_exact(clicks: Clicks, sample: Sample) -> None:
    """What Hive and MySQL hold of the sample's closed windows is its truth, and few windows are open."""
    in_hive, in_mysql, expected = clicks.counts("hive"), clicks.counts("mysql"), sample.counts()
    final = closed(expected, in_hive)
    assert len({window for window, _ in expected}) - len({window for window, _ in final}) <= 3
    assert closed(in_hive, expected) == final
    assert closed(in_mysql, expected) == final


def test_the_result_is_the_truth_in_every_engine(clicks: Clicks, tmp_path: Path) -> None:
    sample = clicks.generate(tmp_path, "demo", "--count", "20000", "--span", "2h", "--seed", "7", *FAULTS)
    clicks.send(sample.file)
    clicks.wait_until_processed()
    assert set(clicks.run_dag().values()) == {"success"}
    clicks.verify("--truth", str(sample.truth_file))
    assert_exact(clicks, sample)
    assert clicks.counts("spark") == clicks.counts("hive")


def test_a_second_run_changes_nothing(clicks: Clicks, tmp_path: Path) -> None:
    sample = clicks.generate(tmp_path, "again", "--count", "5000", "--span", "1h", "--seed", "8", *SOUND)
    clicks.send(sample.file)
    clicks.wait_until_processed()
    clicks.run_dag()
    before = clicks.counts("hive"), clicks.counts("mysql"), clicks.held()
    assert "was sent before" in clicks.send(sample.file)
    assert set(clicks.run_dag().values()) == {"success"}
    assert (clicks.counts("hive"), clicks.counts("mysql"), clicks.held()) == before
    assert_exact(clicks, sample)


def test_the_same_file_sent_twice_is_counted_once(clicks: Clicks, tmp_path: Path) -> None:
    sample = clicks.generate(tmp_path, "twice", "--count", "3000", "--span", "1h", "--seed", "9", *SOUND)
    clicks.send(sample.file)
    clicks.send(sample.file, "--again")
    clicks.wait_until_processed()
    clicks.run_dag()
    clicks.verify()
    assert_exact(clicks, sample)


def test_the_live_view_shows_the_open_windows(clicks: Clicks, tmp_path: Path) -> None:
    sample = clicks.generate(tmp_path, "live", "--count", "3000", "--span", "1h", "--seed", "10", *SOUND)
    clicks.send(sample.file)
    clicks.wait_until_processed()
    query = "SELECT window_start, source, source_number FROM platform_counts_live WHERE closed = 0"
    rows = clicks.rows("mysql", query)
    live = {(str(row["window_start"]), str(row["source"])): row["source_number"] for row in rows}
    assert live
    assert live.items() <= sample.counts().items()


def test_the_mail_tells_the_counts(clicks: Clicks) -> None:
    clicks.run_dag()
    folder = clicks.stack.state_dir / "mail"
    newest = max((file for file in folder.rglob("*") if file.is_file()), key=lambda file: file.stat().st_mtime)
    assert "Clicks by platform" in newest.read_text()


@pytest.mark.parametrize("service", ["kafka", "datanode", "namenode", "nifi"])
def test_a_killed_service_costs_no_record(clicks: Clicks, tmp_path: Path, service: str) -> None:
    sample = clicks.generate(tmp_path, service, "--count", "30000", "--span", "2h", "--seed", "11", *SOUND)
    before = clicks.held()
    clicks.stack.eventmill("send", "clicks", str(sample.file), "--no-wait")
    until(lambda: clicks.held() > before, 120, "nothing has come to Kafka")
    clicks.kill(service)
    clicks.stack.eventmill("up", seconds=600)
    until(lambda: clicks.held() >= before + sample.truth.lines, 300, "Kafka has not got all records", every=1)
    clicks.wait_until_processed()
    clicks.run_dag()
    clicks.verify()
    assert_exact(clicks, sample)


def test_a_killed_job_goes_on_where_it_was(clicks: Clicks, tmp_path: Path) -> None:
    sample = clicks.generate(tmp_path, "job", "--count", "60000", "--span", "5h", "--seed", "12", *FAULTS)
    clicks.supervisor.stop("job-clicks")
    clicks.send(sample.file)
    clicks.supervisor.start("job-clicks")
    chance = random.Random(12)
    for _ in range(5):
        clicks.wait_for_a_batch()
        clicks.wait(chance.uniform(0, 4))
        clicks.kill("job-clicks")
    clicks.wait_until_processed()
    clicks.run_dag()
    clicks.verify("--truth", str(sample.truth_file))
    assert_exact(clicks, sample)
