# SPDX-License-Identifier: Apache-2.0
"""`check` ends non-zero whenever `run` would refuse to work."""

import sqlite3

import pytest

import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)


def damage(state):
    (state / "firebridge.db").write_bytes(b"no database at all" * 100)


def make_newer(state):
    with sqlite3.connect(state / "firebridge.db") as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        database.execute(f"PRAGMA user_version = {version + 1}")


@pytest.mark.parametrize("spoil", [damage, make_newer])
def test_a_state_file_that_run_refuses(job, spoil):
    job.put(firehose.body(records(1)))
    job.once()
    spoil(job.firebridge.state)
    job.fail()
    result = job.firebridge(job.conf(), "check")
    assert result.code == 1, result


def test_a_checkpoint_of_another_table(job, make_table):
    job.put(firehose.body(records(1)))
    job.once()
    other = make_table()
    job.fail(table=other)
    result = job.firebridge(job.conf(table=other), "check")
    assert result.code == 1, result


def test_a_state_dir_whose_parent_is_missing(job):
    state = job.firebridge.state
    conf = job.conf().replace(f"state_dir = {state}", f"state_dir = {state}/a/b")
    run = job.firebridge(conf, "run", "--once")
    check = job.firebridge(conf, "check")
    assert (check.code == 0) == (run.code == 0), f"check: {check}\nrun: {run}"


def test_a_key_that_json_cannot_hold(job, make_table):
    job.put(firehose.body(records(1)))
    result = job.firebridge(job.conf(table=make_table(partition=("id", "B"))), "check")
    assert "FAIL" in result.stdout or "warn" in result.stdout, result
