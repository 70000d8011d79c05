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


# What is wrong in a stream's section, and what is said of it.
WRONG = {
    "compression = lz4": 'compression: "lz4"; expected auto, none, gzip, ',
    "compresion = gzip": "unknown key compresion; did you mean compression?",
    "max_layers = 0": 'max_layers: "0"; expected a whole number from 1 to 8',
    "max_inflated_size = 1TB": 'max_inflated_size: "1TB"; expected bytes, or a whole number with',
    "on_damaged_object = skip": 'on_damaged_object: "skip"; expected dead-letter or stop',
    "format = avro": 'format: "avro"; expected auto, json, ',
    "format = json\ncolumns = a, b": "columns is for format = csv or tsv, and format is json",
    "columns = a, b": "columns is for format = csv or tsv, and format is auto",
    "format = csv\ncolumns = a,,b": 'columns: "a,,b"; expected names by commas, with none left empty',
    "format = csv\ncolumns = a\ntypes = b: number": 'types has "b", which is none of the columns',
    "format = csv\ntypes = a: int": 'types: "a: int"; expected NAME: number or NAME: string',
    "format = lines\npattern = (a)": "pattern has 1 group, and fields has 0 names; name every group",
    "format = lines\npattern = (a": "pattern: Unmatched (",
    "format = tsv\nfield_separator = comma": "field_separator is for format = csv, and format is tsv",
    "delimiter = \\q": 'delimiter: "\\q"; expected newline, or 1 to 16 bytes',
    "unwrap = all": 'unwrap: "all"; expected none or message',
}


@pytest.mark.parametrize("lines", WRONG)
def test_what_is_wrong_about_how_objects_are_read_is_said_by_check_and_run(lines, job):
    conf = job.make_conf(main=(f"s3://{job.bucket}/p/", job.table, lines))
    for command in ("check",), ("run", "--once"):
        result = job.firebridge(conf, *command)
        said = [line for line in result.stderr.splitlines() if WRONG[lines] in line]
        assert result.code > 0 and len(said) == 1, result
        assert said[0].startswith(f"firebridge: {job.firebridge.conf_file}:"), said
