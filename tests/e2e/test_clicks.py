"""The clicks pipeline from a file to MySQL, on real engines: the result is the truth, whatever happens on the way."""

from __future__ import annotations

import random
from pathlib import Path

from eventmill.config.polling import until
from tests.e2e.clicks import Clicks, Counts, Sample

FAULTS = ("--late", "1%", "--duplicates", "1%", "--broken", "1%")
BAD_FILES = {
    "empty.json": b"",
    "picture.png": bytes(range(128, 256)) * 20,
    "broken-off.json": b'{"event":"ProductView","messageid":',
    "long-line.json": b'{"event":"' + b"x" * 50_000_000 + b'"}',
    "not-utf-8.json": b'{"event":"ProductView","userid":"\xff\xfe"}',
}
SOUND = ("--late", "0%", "--duplicates", "0%", "--broken", "0%")


def closed(counts: Counts, among: Counts) -> Counts:
    """Those of the counts whose windows are also among the others."""
    windows = {window for window, _ in among}
    return {key: count for key, count in counts.items() if key[0] in windows}


def assert_exact(counts: Counts, sample: Sample) -> None:
    """What an engine holds of the sample's closed windows is its truth, and only the last few windows are open."""
    expected = sample.counts()
    final = closed(expected, counts)
    assert len({window for window, _ in expected}) - len({window for window, _ in final}) <= 3
    assert closed(counts, expected) == final


def test_the_result_is_the_truth_and_a_second_run_changes_nothing(clicks: Clicks, tmp_path: Path) -> None:
    sample = clicks.generate(tmp_path, "demo", "--count", "20000", "--span", "2h", "--seed", "7", *FAULTS)
    clicks.send(sample.file)
    clicks.wait_until_processed()
    assert set(clicks.run_dag(sample.file).values()) == {"success"}
    clicks.verify("--truth", str(sample.truth_file))
    first = clicks.counts("hive"), clicks.counts("mysql"), clicks.held()
    for counts in (*first[:2], clicks.counts("presto"), clicks.counts("spark")):
        assert_exact(counts, sample)
    clicks.stack.eventmill("query", "platform-views", "--compare")
    assert clicks.rows_of("export-differences") == []
    assert "Clicks by platform" in clicks.newest_mail()
    assert "was sent before" in clicks.send(sample.file)
    assert set(clicks.run_dag(sample.file).values()) == {"success"}
    assert (clicks.counts("hive"), clicks.counts("mysql"), clicks.held()) == first


def test_the_same_file_sent_twice_is_counted_once(clicks: Clicks, tmp_path: Path) -> None:
    sample = clicks.generate(tmp_path, "twice", "--count", "3000", "--span", "1h", "--seed", "9", *SOUND)
    clicks.send(sample.file)
    clicks.send(sample.file, "--again")
    clicks.wait_until_processed()
    clicks.find_days()
    clicks.verify()
    assert_exact(clicks.counts("hive"), sample)


def test_a_check_goes_on_from_the_last_one_and_finds_what_was_taken_away(clicks: Clicks, tmp_path: Path) -> None:
    clicks.verify("--all")
    before = clicks.report()["taken"]
    assert (before["days"], before["records"]) == (before["of_days"], before["of_records"])
    with clicks.file_away("commerce"):
        assert "stored, by the job" in {each["what"] for each in clicks.report()["differences"]}
    late_and_copies = ("--late", "1%", "--duplicates", "1%", "--broken", "0%")
    sample = clicks.generate(tmp_path, "more", "--count", "3000", "--span", "1h", "--seed", "8", *late_and_copies)
    clicks.send(sample.file)
    clicks.wait_until_processed()
    clicks.find_days()
    again = clicks.report()
    assert again["differences"] == []
    assert again["taken"]["records"] == before["records"] == again["accepted"] - sample.truth.lines
    assert clicks.report("--all") | {"notes": [], "taken": None} == again | {"notes": [], "taken": None}
    assert_exact(clicks.counts("hive"), sample)


def test_arrays_many_files_and_files_that_are_no_json_end_in_the_right_place(clicks: Clicks, tmp_path: Path) -> None:
    options = ("--format", "array", "--count", "3000", "--span", "1h", "--seed", "10", *SOUND)
    sample = clicks.generate(tmp_path, "array", *options)
    before = clicks.rejected_by_nifi()
    for name, content in BAD_FILES.items():
        (tmp_path / name).write_bytes(content)
        clicks.drop(tmp_path / name, name)
    clicks.send(sample.file)
    until(lambda: clicks.rejected_by_nifi() == before + len(BAD_FILES), 120, "not every bad file was rejected", every=1)
    clicks.wait_until_processed()
    clicks.find_days()
    clicks.verify()
    assert_exact(clicks.counts("hive"), sample)


def test_the_live_view_shows_the_open_windows(clicks: Clicks, tmp_path: Path) -> None:
    sample = clicks.generate(tmp_path, "live", "--count", "3000", "--span", "1h", "--seed", "11", *SOUND)
    clicks.send(sample.file)
    clicks.wait_until_processed()
    query = "SELECT window_start, source, source_number FROM platform_counts_live WHERE closed = 0"
    rows = clicks.rows("mysql", query)
    live = {(str(row["window_start"]), str(row["source"])): row["source_number"] for row in rows}
    assert live
    assert live.items() <= sample.counts().items()


def test_each_way_to_read_kafka_goes_on_where_the_other_was(clicks: Clicks, tmp_path: Path) -> None:
    samples = []
    clicks.supervisor.stop("jobs")
    for seed, way in ((14, "spark"), (15, "librdkafka"), (16, "spark")):
        options = ("--count", "3000", "--span", "1h", "--seed", str(seed), *SOUND)
        sample = clicks.generate(tmp_path, str(seed), *options)
        before = clicks.held()
        clicks.send(sample.file)
        clicks.wait_until_held(before + sample.truth.lines)
        clicks.run_bounded(SPARK_KAFKA_READER=way)
        clicks.wait_until_processed(1)
        samples.append(sample)
    clicks.supervisor.start("jobs")
    clicks.find_days()
    clicks.verify()
    for sample in samples:
        assert_exact(clicks.counts("hive"), sample)


def test_killed_services_cost_no_record(clicks: Clicks, tmp_path: Path) -> None:
    samples = []
    for services in (("kafka", "datanode"), ("nifi", "namenode")):
        sample = clicks.generate(tmp_path, services[0], "--count", "20000", "--span", "2h", "--seed", "12", *SOUND)
        before = clicks.held()
        clicks.stack.eventmill("send", "clicks", str(sample.file), "--no-wait")
        until(lambda: clicks.held() > before, 120, "nothing has come to Kafka")  # noqa: B023 - called at once
        for service in services:
            clicks.kill(service)
        clicks.stack.eventmill("up", seconds=600)
        clicks.wait_until_held(before + sample.truth.lines)
        clicks.wait_until_processed()
        samples.append(sample)
    clicks.run_dag(samples[-1].file)
    clicks.verify()
    for counts in (clicks.counts("hive"), clicks.counts("mysql")):
        for sample in samples:
            assert_exact(counts, sample)


def test_a_killed_job_goes_on_where_it_was(clicks: Clicks, tmp_path: Path) -> None:
    sample = clicks.generate(tmp_path, "job", "--count", "40000", "--span", "5h", "--seed", "13", *FAULTS)
    clicks.supervisor.stop("jobs")
    clicks.send(sample.file)
    clicks.supervisor.start("jobs")
    chance = random.Random(13)
    for _ in range(3):
        clicks.wait_for_a_batch()
        clicks.wait(chance.uniform(0, 4))
        clicks.kill("jobs")
    clicks.wait_until_processed()
    clicks.run_dag(sample.file)
    clicks.verify("--truth", str(sample.truth_file))
    assert_exact(clicks.counts("hive"), sample)
    assert_exact(clicks.counts("mysql"), sample)
