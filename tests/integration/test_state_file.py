# SPDX-License-Identifier: Apache-2.0
"""The state file as its operator meets it: damaged, copied, brought back, held, and large."""

import contextlib
import json
import os
import random
import sqlite3
import time
import uuid

import pytest

import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)

MIB = 1024 * 1024
BASE_MS = 1795341600000  # the key time of the first object that is known


def database(job):
    return job.firebridge.state / "firebridge.db"


def state(job, *arguments, code=0):
    result = job.firebridge(job.conf(), "state", *arguments)
    assert result.code == code, str(result)
    return result


def damage(path):
    with open(path, "r+b") as file:
        for page in range(2, os.path.getsize(path) // 4096):
            file.seek(page * 4096)
            file.write(b"\xa5" * 4096)


def test_a_damaged_state_file_is_left_alone_until_the_operator_says_so(job):
    job.put(firehose.body(records(5)))
    job.once()
    damage(database(job))
    before = database(job).read_bytes()
    refused = job.fail()
    assert "firebridge state restore" in refused.stderr
    assert "firebridge state reset --i-understand" in refused.stderr
    assert database(job).read_bytes() == before
    assert "processed again" in state(job, "reset", code=2).stderr
    assert database(job).read_bytes() == before
    assert "firebridge.db.aside-" in state(job, "reset", "--i-understand").stdout
    assert not database(job).exists()
    (aside,) = job.firebridge.state.glob("firebridge.db.aside-*Z")
    assert aside.read_bytes() == before
    job.once()
    job.table.expect(records(5))


def test_a_backup_of_a_running_daemon_goes_on_where_it_was_taken(job):
    process = job.firebridge.start(job.conf(), "run")
    job.put(firehose.body(records(5)))
    process.wait_until(lambda: "done: 5 records" in process.log)
    copy = job.firebridge.folder / "copy"
    state(job, "backup", copy)
    refused = state(job, "restore", copy, "--replace", code=1)
    assert f"process {process.popen.pid} (firebridge)" in refused.stderr
    assert "process" in state(job, "reset", "--i-understand", code=1).stderr
    job.put(firehose.body(records(5, start=5)))
    process.wait_until(lambda: job.table.count() == 10)
    process.terminate()
    assert process.wait().code == 0
    assert "--replace" in state(job, "restore", copy, code=1).stderr
    assert "firebridge.db.aside-" in state(job, "restore", copy, "--replace").stdout
    job.put(firehose.body(records(5, start=10)))
    result = job.once()
    # What came behind the backup is found and written again, and what is in it is not.
    assert "2 objects, 10 records" in result.stderr
    job.table.expect(records(15))


def listed(job, *arguments):
    result = job.firebridge(job.conf(), "objects", "--output", "json", *arguments)
    assert result.code == 0, str(result)
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_objects_are_listed_while_the_daemon_runs_and_when_it_does_not(job):
    nothing = job.firebridge(job.conf(), "objects")
    assert nothing.code == 1 and "there is no state" in nothing.stderr
    process = job.firebridge.start(job.conf(), "run")
    keys = [job.put(firehose.body(records(5, start=5 * n))) for n in range(3)]
    process.wait_until(lambda: process.log.count("done: 5 records") == 3)
    for _ in range(2):
        rows = listed(job)
        assert [row["key"] for row in rows] == keys[::-1]
        assert {row["state"] for row in rows} == {"done"}
        assert {row["records"] for row in rows} == {5}
        assert [row["key"] for row in listed(job, "--prefix", keys[1])] == [keys[1]]
        assert listed(job, "--prefix", "q/") == []
        assert listed(job, "--state", "pending") == []
        assert len(listed(job, "--state", "done", "--stream", "main", "--limit", "2")) == 2
        assert len(listed(job, "--since", "2024-01-01T00:00:00Z")) == 3
        assert listed(job, "--since", "2124-01-01T00:00:00Z") == []
        if process.alive():
            process.terminate()
            assert process.wait().code == 0
    table = job.firebridge(job.conf(), "objects", "--limit", "2").stdout.splitlines()
    assert table[0].split() == ["STREAM", "STATE", "KEY", "TIME", "BYTES", "RECORDS", "LETTERS",
                                "KEY"]
    assert table[1].split()[0:2] == ["main", "done"] and table[1].endswith(keys[2])
    assert len(table) == 4 and "--limit" in table[3]
    assert job.firebridge(job.conf(), "objects", "--state", "doen").code == 2
    assert job.firebridge(job.conf(), "objects", "--stream", "other").code == 1


def test_a_second_daemon_on_the_folder_is_told_who_has_it(job):
    process = job.firebridge.start(job.conf(), "run")
    process.wait_until(lambda: "ready:" in process.log)
    second = job.fail()
    assert f"process {process.popen.pid} (firebridge) holds the state directory" in second.stderr
    assert process.alive()


def test_a_rename_takes_the_dead_letters_along_or_changes_nothing(job):
    """Whatever breaks it off, the same command again does the rest."""
    job.put(firehose.body([{"id": "a"}, {"no": "id"}]))
    job.once()
    conf = job.conf().replace("[stream main]", "[stream quotes]")
    letters = job.firebridge.state / "dead-letters"
    (letters / "quotes").mkdir()
    (letters / "quotes" / "of-another").touch()
    result = job.firebridge(conf, "state", "rename", "main", "quotes")
    assert result.code == 1 and "so nothing is renamed" in result.stderr, result
    assert job.firebridge.sql("SELECT name FROM stream") == [("main",)]
    (letters / "quotes" / "of-another").unlink()
    (letters / "main").rename(letters / "quotes")  # as a kill behind it leaves them
    result = job.firebridge(conf, "state", "rename", "main", "quotes")
    assert result.code == 0, result
    job.firebridge.once(conf)
    assert len(job.firebridge.dead_letters("quotes")) == 1 and not (letters / "main").exists()


def test_wrong_use_is_told_apart(job):
    for words in (["backup"], ["backup", "a", "b"], ["restore"], ["reset", "x"],
                  ["backup", "a", "--replace"], ["reset", "--replace"], ["nothing"]):
        assert job.firebridge(job.conf(), "state", *words).code == 2, words
    assert "there is no state" in state(job, "reset", "--i-understand", code=1).stderr
    assert "firebridge.db" in state(job, "backup", "copy", code=1).stderr
    assert "nowhere" in state(job, "restore", "nowhere", code=1).stderr
    assert "the daemon that keeps a copy in S3" in state(job, "backup", "s3://b/k", code=1).stderr


# --- In S3 ---


def backed_up(job, interval="1h"):
    return job.conf(daemon=f"state_backup = s3://{job.bucket}/keep/state.db.gz\n"
                           f"state_backup_interval = {interval}")


def test_a_new_machine_goes_on_with_the_backup_in_s3(job):
    job.put(firehose.body(records(5)))
    conf = backed_up(job)
    result = job.firebridge.once(conf)
    assert f"the state is kept in s3://{job.bucket}/keep/state.db.gz" in result.stderr
    for path in job.firebridge.state.glob("firebridge.*"):
        path.unlink()
    job.put(firehose.body(records(5, start=5)))
    place = f"s3://{job.bucket}/keep/state.db.gz"
    restored = job.firebridge(conf, "state", "restore", place)
    assert restored.code == 0 and place in restored.stdout, str(restored)
    again = job.firebridge.once(conf)
    assert "1 objects, 5 records" in again.stderr
    job.table.expect(records(10))
    assert not list(job.firebridge.state.glob("firebridge.db.*")), "something is left"
    gone = job.firebridge(conf, "state", "restore", "--replace", place + "x")
    assert gone.code == 1
    job.s3.put_object(Bucket=job.bucket, Key="keep/state.db.gz", Body=b"no gzip at all")
    broken = job.firebridge(conf, "state", "restore", "--replace", place)
    assert broken.code == 1 and "no backup" in broken.stderr, str(broken)
    assert not list(job.firebridge.state.glob("firebridge.db.*")), "something is left"


def test_the_backup_stands_in_the_policy(job):
    result = job.firebridge(backed_up(job), "iam-policy")
    assert result.code in (0, 1), str(result)
    (statement,) = [one for one in json.loads(result.stdout)["Statement"]
                    if one["Sid"] == "StateBackupForRun"]
    assert sorted(statement["Action"]) == ["s3:GetObject", "s3:PutObject"]
    assert statement["Resource"] == [f"arn:aws:s3:::{job.bucket}/keep/state.db.gz"]
    assert "StateBackup" not in job.firebridge(job.conf(), "iam-policy").stdout


def test_a_backup_that_fails_is_told_and_holds_nothing_up(job):
    job.put(firehose.body(records(5)))
    conf = backed_up(job, "1s").replace(job.bucket + "/keep", "no-such-bucket-here/keep")
    process = job.firebridge.start(conf, "run")
    process.wait_until(lambda: "the state is not kept in s3://no-such-bucket-here" in process.log)
    process.wait_until(lambda: job.table.count() == 5)
    shown = json.loads(job.firebridge(conf, "status", "--output", "json").stdout)
    assert shown["state_backup_time"] is None and "no-such-bucket-here" in shown["state_backup_error"]
    assert "the state is not kept in S3" in job.firebridge(conf, "status").stdout
    process.terminate()
    assert process.wait(60).code == 0


def test_a_backup_goes_to_s3_now_and_then(job):
    process = job.firebridge.start(backed_up(job, "1s"), "run")
    process.wait_until(lambda: process.log.count("the state is kept in") >= 2)
    shown = json.loads(job.firebridge(backed_up(job, "1s"), "status", "--output", "json").stdout)
    assert shown["state_backup_time"] and shown["state_backup_error"] is None
    process.terminate()
    assert process.wait().code == 0


# --- Large ------------------------------------------------------------------------------------


def known_objects(count, dice):
    """Objects of a day and an hour, as Firehose names them, a page of a listing after the other."""
    for page in range(count // 1000):
        hour = page * 25_000 // count
        folder = f"p/2026/11/{20 + hour // 24:02}/{hour % 24:02}"
        rows = []
        for _ in range(1000):
            second = dice.randrange(3600)
            name = (f"ticker-stream-1-2026-11-{20 + hour // 24:02}-{hour % 24:02}-"
                    f"{second // 60:02}-{second % 60:02}-{uuid.UUID(int=dice.getrandbits(128))}.gz")
            at_ms = BASE_MS + (hour * 3600 + second) * 1000
            rows.append((f"{folder}/{name}", f"{dice.getrandbits(128):032x}",
                         dice.randrange(5 * MIB), at_ms, at_ms + 60_000))
        yield rows


def fill(path, count):
    """As the daemon does: pages of pending rows that become longer as they are taken and done."""
    dice = random.Random(4711)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -1024")
        (stream,) = db.execute("SELECT id FROM stream").fetchone()
        sequence = 1
        for rows in known_objects(count, dice):
            db.execute("BEGIN")
            db.executemany(
                "INSERT INTO object (stream_id, key, etag, size_bytes, key_time_ms,"
                f" last_modified_ms) VALUES ({stream}, ?, ?, ?, ?, ?)", sorted(rows))
            db.executemany(
                f"UPDATE object SET state = 3, sequence = ?, records = ? WHERE stream_id = {stream}"
                " AND key = ? AND etag = ?",
                [(sequence + i, dice.randrange(100_000), row[0], row[1])
                 for i, row in enumerate(rows)])
            sequence += len(rows)
            db.execute("UPDATE stream SET next_sequence = ?, backlog_listed = 1", (sequence,))
            db.execute("COMMIT")


def start_with(job, count):
    """Seconds to the first object done, seconds of the process to be ready, its peak, the file."""
    job.once()
    fill(database(job), count)
    size = database(job).stat().st_size
    process = job.firebridge.start(job.conf(), "run")
    process.wait_until(lambda: "ready:" in process.log, timeout_s=120)
    ready_s = time.monotonic() - process.started
    job.put(firehose.body(records(5)))
    process.wait_until(lambda: job.table.count() == 5, timeout_s=120)
    process.wait_until(lambda: "the state file is sound" in process.log, timeout_s=120)
    process.terminate()
    result = process.wait()
    assert result.code == 0, str(result)
    print(f"{count:,} known objects: ready after {ready_s:.2f} s, peak memory "
          f"{result.peak_rss_bytes / MIB:.1f} MiB, file {size / 1e6:.1f} MB, "
          f"{size / count:.1f} bytes an object")
    assert result.peak_rss_bytes < 64 * MIB
    assert size / count < 200
    return ready_s, result


def test_a_start_with_many_known_objects_reads_only_what_it_needs(job):
    _, result = start_with(job, 100_000)
    assert "the state file is sound" in result.stderr


@pytest.mark.soak
def test_a_start_with_a_million_known_objects(job):
    ready_s, result = start_with(job, 1_000_000)
    assert ready_s < 1
    assert "the state file is sound" in result.stderr
