# SPDX-License-Identifier: Apache-2.0
"""`firebridge explain`: what would become of an object, without writing anything."""

import gzip
import json
import subprocess

import pytest

import firehose

CLICKS = b'{"id":"a","n":1.50}{"id":"b"}\n{"n":3}\n{"id":"c","n":00}\n{"id":"d"}'


@pytest.fixture
def clicks(tmp_path):
    path = tmp_path / "clicks"
    path.write_bytes(gzip.compress(CLICKS))
    return path


def lines(result):
    """The head, the records and the sums of `--output json`."""
    head, *records, sums = map(json.loads, result.stdout.splitlines())
    return head, records, sums


def test_without_a_conf_a_file_is_read_with_the_defaults(firebridge, clicks):
    result = firebridge.bare("explain", "--output", "json", "--key", "id", clicks)
    head, records, sums = lines(result)
    assert result.code == 1 and result.stderr == ""
    assert head == {"object": str(clicks), "key": {"id": "S"}, "compression": "gzip",
                    "format": "json"}
    assert [record["operation"] for record in records] == \
        ["put", "put", "dead-letter", "dead-letter", "put"]
    assert records[0] == {"record": 0, "offset": 0, "size": 19, "operation": "put",
                          "item": {"id": {"S": "a"}, "n": {"N": "1.50"}}, "item_bytes": 7,
                          "write_units": 1}
    assert [records[i]["reason"] for i in (2, 3)] == ["key-missing", "malformed-json"]
    assert sums["reasons"] == {"key-missing": 1, "malformed-json": 1}
    assert (sums["records"], sums["items"], sums["dead_letters"]) == (5, 3, 2)
    assert sums["object_bytes"] == clicks.stat().st_size


def test_items_of_a_whole_object_end_with_zero(firebridge, tmp_path):
    good = tmp_path / "good"
    good.write_bytes(b'{"id":"a"}\n')
    assert firebridge.bare("explain", good).code == 0
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    result = firebridge.bare("explain", empty)
    assert result.code == 0 and "0 records" in result.stdout


def test_a_format_that_is_not_decided_yet_is_not_said_to_be(firebridge, tmp_path):
    path = tmp_path / "bad"
    path.write_bytes(b'{"id":}\n{"id":"a"}\n')
    assert "format       auto (the first record does not decide it)\n" in \
        firebridge.bare("explain", path).stdout


def test_a_damaged_object_says_so(firebridge, clicks):
    clicks.write_bytes(clicks.read_bytes()[:-9])
    result = firebridge.bare("explain", clicks)
    assert result.code == 1
    assert "damaged: gzip: the object is cut off" in result.stdout
    _, _, sums = lines(firebridge.bare("explain", "--output=json", clicks))
    assert "cut off" in sums["damaged"]


def test_a_first_record_that_decides_no_form_is_not_said_to(firebridge, tmp_path):
    odd = tmp_path / "odd"
    odd.write_bytes(b'nothing\n{"id":"a"}\n')
    result = firebridge.bare("explain", odd)
    assert "format       auto (the first record does not decide it)" in result.stdout


def test_an_output_that_nobody_reads_ends_it(program):
    """`| head` before an object that never ends."""
    explain = subprocess.Popen([program, "explain", "--limit", "999999999", "/dev/stdin"],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    explain.stdout.close()
    with pytest.raises(BrokenPipeError):
        for _ in range(1000):
            explain.stdin.write(b'{"id":"a"}\n' * 10000)
    explain.stdin = None
    assert b"cannot write the output: Broken pipe" in explain.communicate(timeout=10)[1]
    assert explain.returncode == 1


def test_write_units_are_kilobytes_begun(firebridge, tmp_path):
    path = tmp_path / "large"
    path.write_text(json.dumps({"id": "x", "text": "y" * 3000}))
    _, [record], sums = lines(firebridge.bare("explain", "--output", "json", path))
    assert record["item_bytes"] == 2 + 1 + 4 + 3000
    assert record["write_units"] == sums["write_units"] == 3


def test_only_so_many_records_are_shown_and_all_are_counted(firebridge, tmp_path):
    path = tmp_path / "many"
    path.write_text("".join(json.dumps({"id": str(i)}) for i in range(1000)))
    for limit, shown in (("0", 0), ("7", 7), ("5000", 1000)):
        _, records, sums = lines(firebridge.bare("explain", "--output", "json", "--limit", limit,
                                                 path))
        assert len(records) == shown and sums["records"] == 1000
    result = firebridge.bare("explain", path)
    assert result.stdout.count("\nrecord ") == 10 and "990 more records not shown" in result.stdout


def test_a_key_of_the_stream_can_be_tried_out(firebridge, tmp_path):
    path = tmp_path / "rows"
    path.write_text("id;n\na;1\n")
    result = firebridge.bare("explain", "--output", "json", "--set", "format=csv", "--set",
                             "field_separator = semicolon", "--set", "types=n: number", path)
    _, [record], sums = lines(result)
    assert record["item"] == {"id": {"S": "a"}, "n": {"N": "1"}}
    assert sums["passed_over"] == 1


@pytest.mark.parametrize("arguments, said", [
    (["--set", "formt=csv", "x"], "no key formt; did you mean format?"),
    (["--set", "format=excel", "x"], "expected auto, json,"),
    (["--set", "format", "x"], "expected KEY=VALUE"),
    (["--set", "columns=a", "x"], "columns is for format = csv or tsv, and format is auto"),
    (["--key", "id:Z", "x"], "the type is S, N or B"),
    (["--key", ",", "x"], "expected NAME"),
    (["--stream", "s", "x"], "there is no stream s"),
    (["--limit", "ten", "x"], "expected a whole number"),
    (["--output", "yaml", "x"], "expected text or json"),
    (["/nonexistent/object"], "/nonexistent/object cannot be opened"),
    (["/"], "/ cannot be read: Is a directory"),
    (["s3://bucket"], "expected s3://BUCKET/KEY"),
    (["x", "y"], "usage: firebridge explain"),
    ([], "usage: firebridge explain"),
])
def test_what_is_wrong_is_named(firebridge, arguments, said):
    result = firebridge.bare("explain", *arguments)
    assert result.code > 0 and said in result.stderr and result.stdout == ""


def test_the_tables_key_and_the_objects_bytes_come_from_aws(firebridge, make_conf, s3, bucket,
                                                            make_table):
    table = make_table(sort=("n", "S"))
    name = firehose.put(s3, bucket, "p/", firehose.now(),
                        [{"id": "a", "n": "1"}, {"id": "b"}])
    conf = make_conf(main=(f"s3://{bucket}/p/", table), other=(f"s3://{bucket}/q/", "none"))
    result = firebridge(conf, "explain", "--output", "json", f"s3://{bucket}/{name}")
    head, records, _ = lines(result)
    assert head["key"] == {"id": "S", "n": "S"} and head["stream"] == "main"
    assert head["table"] == table.name and head["compression"] == "gzip"
    assert [record["operation"] for record in records] == ["put", "dead-letter"]
    assert "a key attribute is missing: n" in records[1]["message"]
    assert not list(firebridge.state.iterdir())
    table.expect([])


def test_a_table_that_cannot_be_asked_is_named_and_the_rest_shown(firebridge, make_conf, clicks):
    conf = make_conf(main=("s3://bucket/p/", "no-such-table"))
    result = firebridge(conf, "explain", clicks)
    assert "table no-such-table cannot be described" in result.stderr
    assert "--key" in result.stderr and "item of 7 bytes" in result.stdout


def test_the_stream_must_be_clear(firebridge, make_conf, clicks):
    conf = make_conf(one=("s3://bucket/p/", "none"), two=("s3://bucket/q/", "none"))
    result = firebridge(conf, "explain", clicks)
    assert result.code == 1 and "2 streams; say which one with --stream NAME" in result.stderr
    result = firebridge(conf, "explain", "--stream", "two", "--key", "id", clicks)
    assert "stream       two" in result.stdout


def test_an_object_that_the_stream_leaves_out_is_pointed_out(firebridge, make_conf, s3, bucket):
    name = "p/processing-failed/2026/11/22/10/x"
    firehose.put_body(s3, bucket, name, b'{"id":"a"}')
    conf = make_conf(main=(f"s3://{bucket}/p/", "none"))
    result = firebridge(conf, "explain", "--key", "id", f"s3://{bucket}/{name}")
    assert "would leave this object out: it is of Firehose's error output" in result.stderr
    assert '{"id": {"S": "a"}}' in result.stdout


def test_an_object_that_is_not_there_is_named(firebridge, make_conf, bucket):
    conf = make_conf(main=(f"s3://{bucket}/p/", "none"))
    result = firebridge(conf, "explain", "--key", "id", f"s3://{bucket}/p/none")
    assert result.code == 1 and "NoSuchKey" in result.stderr and result.stdout == ""
