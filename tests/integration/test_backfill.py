# SPDX-License-Identifier: Apache-2.0
"""History, beside the live data."""

import datetime
import json
import os
import subprocess
import time

import pytest

import adding
import firehose
from test_bad_input import job  # noqa: F401 (a fixture)

NOW = "start_at = now"
KILLS = max(3, int(os.environ.get("FIREBRIDGE_KILLS", "50")) // 10)


def put(job, days_ago, name, count=5):
    """An object of some days ago, as a bucket has it whose objects were not all delivered today."""
    when = firehose.now() - datetime.timedelta(days=days_ago)
    records = [{"id": f"{name}-{n}", "n": n} for n in range(count)]
    firehose.put(job.s3, job.bucket, "p/", when, records, ident=name)
    return records


def backfill(job, conf, *arguments, code=0):
    result = job.firebridge(conf, "backfill", *arguments)
    assert result.code == code, str(result)
    return result


def shown(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def days(first, last):
    then = firehose.now()
    return ("--from", f"{then - datetime.timedelta(days=first):%Y-%m-%dT%H:%M:%SZ}",
            "--to", f"{then - datetime.timedelta(days=last):%Y-%m-%dT%H:%M:%SZ}")


@pytest.fixture
def history(job):
    """Objects from before the stream's start, which a first run passes over."""
    records = [record for day in range(10, 4, -1) for record in put(job, day, f"h{day}")]
    job.once(stream=NOW)
    # Swift takes what is put now for modified now; a bucket's history was modified before the start.
    start_ms = (firehose.now().timestamp() + 1) * 1000
    job.firebridge.sql(f"UPDATE stream SET start_ms = {start_ms:.0f}")
    assert job.table.count() == 0
    return records


def wait_for_start(job):
    """Until what is put is no history: a key has the second that it was made in."""
    [(start_ms,)] = job.firebridge.sql("SELECT start_ms FROM stream")
    time.sleep(max(0, start_ms / 1000 + 1 - firehose.now().timestamp()))


def test_history_is_worked_off_beside_a_daemon_and_shown(job, history):
    conf = job.conf(stream=NOW)
    assert "say --overwrite" in backfill(job, conf, *days(30, 1), code=2).stderr
    plan, = shown(backfill(job, conf, *days(30, 1), "--dry-run", "--output", "json"))
    assert (plan["objects"], plan["dry_run"]) == (6, True)
    assert "say --yes" in backfill(job, conf, *days(30, 1), "--if-absent", code=2).stderr
    daemon = job.firebridge.start(conf, "run")
    result = backfill(job, conf, *days(30, 1), "--if-absent", "--yes", "--rate", "0", "--wait",
                      "--output", "json")
    last = shown(result)[-1]
    assert (last["state"], last["objects"], last["total_objects"], last["records"],
            last["percent"]) == ("complete", 6, 6, 30, 100)
    job.table.expect(history)
    assert job.firebridge.sql("SELECT count(*) FROM object") == [(0,)]
    daemon.wait_until(lambda: "is complete: 6 objects, 30 records" in daemon.log)
    assert "100 %  6 of 6 objects" in backfill(job, conf, "--status").stdout
    daemon.terminate()
    assert daemon.wait().code == 0


def test_live_data_comes_first_and_history_within_its_rate(job, history):
    conf = job.conf(stream=NOW + "\nwrite = insert")
    backfill(job, conf, *days(30, 1), "--yes", "--rate", "1")
    daemon = job.firebridge.start(conf, "run")
    daemon.wait_until(lambda: job.table.count() == 5)
    wait_for_start(job)
    live = put(job, 0, "live", 20)
    daemon.wait_until(lambda: job.table.count() >= 25)
    # The second object of history is due five seconds after the first.
    job.table.expect(history[:5] + live)
    backfill(job, conf, "--rate", "0")
    daemon.wait_until(lambda: job.table.count() == 50)
    daemon.terminate()
    assert daemon.wait().code == 0


def test_it_goes_on_after_kills_and_processes_each_object(job, history):
    conf = job.conf(stream=NOW + "\nwrite = insert")
    backfill(job, conf, *days(30, 1), "--yes", "--rate", "20")
    for kill in range(KILLS):
        daemon = job.firebridge.start(conf, "run")
        daemon.wait_until(lambda: job.table.count() > min(kill, 5) * 5)
        daemon.kill()
    daemon = job.firebridge.start(conf, "run")
    status = backfill(job, conf, "--status", "--wait")
    assert "complete" in status.stdout.splitlines()[-1], status
    job.table.expect(history)
    assert job.firebridge.sql("SELECT objects, records FROM backfill") == [(6, 30)]
    daemon.terminate()
    assert daemon.wait().code == 0


def test_a_cancelled_one_leaves_the_rest(job, history):
    conf = job.conf(stream=NOW + "\nwrite = insert")
    backfill(job, conf, *days(30, 1), "--yes", "--rate", "1")
    assert "is running" in backfill(job, conf, *days(30, 1), "--yes", code=1).stderr
    # Who waits where nothing happens is told so, and who is not heard does not wait on.
    with open("/dev/full", "w") as full:
        waiting = subprocess.run([job.firebridge.program, "backfill", "-c", job.firebridge.conf_file,
                                  "--status", "--wait"], env=job.firebridge.env, stdout=full,
                                 stderr=subprocess.PIPE, text=True, timeout=60)
    assert waiting.returncode == 1
    assert waiting.stderr == ("firebridge: no daemon runs: the backfill goes on when one does\n"
                              "firebridge: cannot write the output: No space left on device\n")
    daemon = job.firebridge.start(conf, "run")
    daemon.wait_until(lambda: job.table.count() == 5)
    assert "cancelled" in backfill(job, conf, "--cancel").stdout
    daemon.wait_until(lambda: "is cancelled" in daemon.log)
    daemon.terminate()
    assert daemon.wait().code == 0
    job.once(stream=NOW + "\nwrite = insert")
    job.table.expect(history[:5])
    assert "no backfill" in backfill(job, conf, "--cancel", code=1).stderr
    backfill(job, conf, "--status", code=1)


def test_where_records_add_history_is_added_once(job, history):
    conf = job.conf(stream=NOW + "\nwrite = add\nadd.sum = {n}\nitem.id = {id}")
    daemon = job.firebridge.start(conf, "run")
    backfill(job, conf, *days(30, 7.5), "--yes", "--rate", "0", "--wait")
    sums = {item["id"]["S"]: int(item["sum"]["N"]) for item in adding.scan(job.table)
            if not adding.is_marker(item)}
    assert sums == {record["id"]: record["n"] for record in history[:15]}
    refused = backfill(job, conf, *days(8, 1), "--yes", code=2).stderr
    assert "the stream's records add: a backfill went over" in refused and "--add-again" in refused
    # What lies between two that are complete is new.
    backfill(job, conf, *days(5.4, 1), "--yes", "--rate", "0", "--wait")
    backfill(job, conf, *days(7.4, 5.5), "--yes", "--rate", "0", "--wait")
    assert job.firebridge.sql("SELECT records FROM backfill") == [(10,)]
    assert sum(not adding.is_marker(item) for item in adding.scan(job.table)) == 30
    daemon.terminate()
    assert daemon.wait().code == 0


def test_what_cannot_be_backfilled_is_said(job, history):
    conf = job.conf(stream=NOW)
    assert "no history in this range" in backfill(
        job, conf, "--from", "2101-01-01T00:00:00Z", "--overwrite", "--yes", code=2).stderr
    assert "needs one of" in backfill(job, conf, code=2).stderr
    for wrong, arguments in (
            ("only go with --from", ("--cancel", "--dry-run")),
            ("only go with --from", ("--rate", "7", "--dry-run")),
            ("only go with --from", ("--status", "--to", "2026-01-01T00:00:00Z")),
            ("--rate stands alone", ("--status", "--rate", "9")),
            ("--to must be later", ("--from", "2026-01-02T00:00:00Z", "--to", "2026-01-01T00:00:00Z")),
            ("the most is 1000000000", ("--rate", str(2 ** 64 - 1)))):
        assert wrong in backfill(job, conf, *arguments, code=2).stderr
    assert "has had no backfill" in backfill(job, conf, "--status", code=1).stderr
    assert "no backfill of this stream is running" in backfill(job, conf, "--rate", "5",
                                                               code=1).stderr
