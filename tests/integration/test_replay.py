# SPDX-License-Identifier: Apache-2.0
"""Objects that an operator lets be processed again."""

import json
import os
import pty
import subprocess

import pytest

import adding
import firehose
from test_bad_input import job  # noqa: F401 (a fixture)

FAR = ("--from", "2001-01-01T00:00:00Z", "--to", "2101-01-01T00:00:00Z")
CHANGES = "write = {op:default=\"I\"}\nwrite.map = I: put, D: delete"


def replay(job, conf, *arguments, code=0):
    result = job.firebridge(conf, "replay", *arguments, "--output", "json")
    assert result.code == code, str(result)
    result.plan = json.loads(result.stdout) if result.stdout else {}
    return result


def two_versions(job):
    """Of x an old one and a newer one; of y one."""
    return (job.put(firehose.body([{"id": "x", "n": 1}, {"id": "y", "n": 1}])),
            job.put(firehose.body([{"id": "x", "n": 2}])))


def test_an_old_record_takes_the_place_of_a_newer_item_only_when_it_is_said(job):
    old, _ = two_versions(job)
    job.once()
    conf = job.conf()
    refused = replay(job, conf, "--key", old, "--yes", code=2)
    assert "--overwrite" in refused.stderr and "--if-absent" in refused.stderr
    assert "say --yes" in replay(job, conf, "--key", old, "--overwrite", code=2).stderr
    assert replay(job, conf, "--key", old, "--dry-run").plan["marked"] == 0
    job.once()
    job.table.expect([{"id": "x", "n": 2}, {"id": "y", "n": 1}])
    found = replay(job, conf, "--key", old, "--overwrite", "--yes").plan
    assert found == {"stream": "main", "dry_run": False, "objects": 1, "bytes": 32,
                     "records_estimate": 2, "write_units_estimate": 2, "pruned": 0,
                     "never_read": 0, "under_way": 0, "to_come": 0, "marked": 1}
    job.once()
    job.table.expect([{"id": "x", "n": 1}, {"id": "y", "n": 1}])


def test_a_whole_replay_ends_as_the_first_time(job):
    two_versions(job)
    job.once()
    expected = job.table.scan()
    assert replay(job, job.conf(), *FAR, "--overwrite", "--yes").plan["marked"] == 2
    job.once()
    assert job.table.by_key() == job.table.by_key(expected)


def test_with_if_absent_what_is_in_the_table_stays(job):
    old, _ = two_versions(job)
    job.once()
    job.table.dynamodb.delete_item(TableName=job.table.name, Key={"id": {"S": "y"}})
    replay(job, job.conf(), "--key", old, "--if-absent", "--yes")
    job.once()
    job.table.expect([{"id": "x", "n": 2}, {"id": "y", "n": 1}])


def test_with_if_absent_a_delete_is_left_out(job):
    old = job.put(firehose.body([{"id": "x", "n": 1}, {"id": "y", "op": "D"}]))
    job.put(firehose.body([{"id": "y", "n": 2}]))
    job.once(stream=CHANGES)
    replay(job, job.conf(stream=CHANGES), "--key", old, "--if-absent", "--yes")
    result = job.once(stream=CHANGES)
    assert "1 left out" in result.stderr
    job.table.expect([{"id": "x", "n": 1}, {"id": "y", "n": 2}])
    verified = job.firebridge(job.conf(stream=CHANGES), "verify")
    assert verified.code == 0, verified


def test_a_running_daemon_takes_up_what_is_replayed(job):
    two_versions(job)
    conf = job.conf(stream="write = insert")
    daemon = job.firebridge.start(conf, "run")
    daemon.wait_until(lambda: job.table.count() == 2)
    job.table.dynamodb.delete_item(TableName=job.table.name, Key={"id": {"S": "y"}})
    daemon.wait_until(
        lambda: job.firebridge.sql("SELECT count(*) FROM object WHERE state = 3") == [(2,)])
    assert replay(job, conf, "--prefix", "p/", "--yes").plan["marked"] == 2
    daemon.wait_until(lambda: job.table.count() == 2)
    daemon.terminate()
    assert daemon.wait().code == 0


def test_objects_that_the_state_file_forgot_are_found_in_s3(job):
    two_versions(job)
    job.once()
    ahead_ms = (firehose.now().timestamp() + 3600) * 1000
    job.firebridge.sql(f"UPDATE stream SET low_water_ms = {ahead_ms:.0f}")
    job.firebridge.sql("DELETE FROM object")
    found = replay(job, job.conf(), *FAR, "--overwrite", "--yes").plan
    assert (found["objects"], found["pruned"], found["marked"]) == (2, 2, 2)
    assert found["records_estimate"] is None
    assert "2 objects, 3 records" in job.once().stderr


def test_what_the_poller_will_find_by_itself_is_left_to_it(job):
    two_versions(job)
    job.once()
    job.put(firehose.body([{"id": "z"}]))
    found = replay(job, job.conf(), *FAR, "--if-absent", "--yes").plan
    assert (found["objects"], found["to_come"]) == (2, 1)
    again = replay(job, job.conf(), *FAR, "--if-absent", "--yes", code=1).plan
    assert (again["objects"], again["under_way"]) == (0, 2)


def test_what_was_added_is_added_again_only_when_it_is_said(job):
    records = [b'{"product":1,"price":2.5,"at":"t","user":"u"}'] * 30
    job.put(firehose.body(records))
    count = {"stream": adding.COUNT}
    job.once(**count)
    refused = replay(job, job.conf(**count), *FAR, "--yes", code=2)
    assert "--add-again" in refused.stderr
    for times in (2, 3):
        found = replay(job, job.conf(**count), *FAR, "--add-again", "--yes").plan
        assert (found["marked"], found["write_units_estimate"]) == (1, 60)
        for _ in range(2):
            job.once(**count)
            assert adding.sums_in(job.table) == adding.sums_of(records * times)


@pytest.mark.parametrize("arguments, says", [
    ((), "needs one of"),
    (("--key", "a", "--prefix", "b"), "needs one of"),
    (("--from", "2026-01-01T00:00:00Z"), "later --to"),
    (("--key", "a", "--overwrite", "--if-absent"), "contradict"),
    (("--key", "a", "--add-again"), "add nothing"),
])
def test_wrong_use_is_said(job, arguments, says):
    if not os.path.exists(job.firebridge.state / "firebridge.db"):
        job.once()
    assert says in replay(job, job.conf(), *arguments, code=2).stderr


@pytest.mark.parametrize("answer, code, pending", [(b"yes\n", 0, 2), (b"no\n", 2, 0)])
def test_a_person_is_asked(job, answer, code, pending):
    two_versions(job)
    job.once()
    ours, theirs = pty.openpty()
    job.firebridge.conf_file.write_text(job.conf())
    with subprocess.Popen([job.firebridge.program, "replay", "-c", job.firebridge.conf_file,
                           "--prefix", "p/", "--overwrite"], env=job.firebridge.env, stdin=theirs,
                          stderr=theirs, stdout=subprocess.PIPE, text=True) as process:
        os.close(theirs)
        os.write(ours, answer)
        stdout, _ = process.communicate(timeout=60)
    os.close(ours)
    assert process.returncode == code
    assert "to be processed again             2" in stdout
    assert job.firebridge.sql("SELECT count(*) FROM object WHERE state = 0") == [(pending,)]
