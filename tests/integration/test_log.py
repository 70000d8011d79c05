# SPDX-License-Identifier: Apache-2.0
"""The log is one line an event, whatever a key or a server's message holds."""

import gzip
import json
import pathlib
import re

import fault_proxy
import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)

ROOT = pathlib.Path(__file__).resolve().parents[2]
LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|notice|info|debug) ")


def check_lines(log):
    torn = [line for line in log.split("\n")[:-1] if not LINE.match(line)]
    assert not torn, torn
    check_text(log)


def check_text(text):
    """Nothing that a terminal obeys, or that shows a line as another one."""
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]",
                         text), ascii(text)


def test_keys_with_control_characters(job, dynamodb):
    for odd in ("a\n<3>b", "esc\x1b[31m", "csi\x9b31m", "rlo\u202e", "cr\rx", "tab\tx"):
        name = firehose.key("p/", job.begin, stream="s", suffix=odd)
        job.put(firehose.body(records(2)) + b'{"id": 1}', name)
    check_lines(job.once().stderr)
    odd_id = "i\x1b[31m\x9b31m"
    name = job.put(firehose.body([{"id": odd_id, "text": "\x9b2J\u202e"}]))
    conf = job.conf()
    job.firebridge.once(conf)
    dynamodb.delete_item(TableName=job.table.name, Key={"id": {"S": odd_id}})
    for command, code in ((("objects",), 0), (("verify",), 1), (("skip", "--key", "a\x9bb"), 1),
                          (("explain", f"s3://{job.bucket}/{name}"), 0),
                          (("pause", "a\x9bb\x1b"), 1), (("status", "--stream", "a\x9bb\x1b"), 1)):
        result = job.firebridge(conf, *command, *(["--why", "\x9b"] if "skip" in command else []))
        assert result.code == code, result
        check_text(result.stdout + result.stderr)


def test_a_message_with_control_characters(job, dynamodb_server, s3_server):
    job.put(firehose.body(records(2)))
    evil = fault_proxy.dynamodb_error(400, "AccessDeniedException", "a\n<0>b \x1b[31m \r c")

    def rule(call):
        return evil if call.operation == "BatchWriteItem" and call.number < 3 else None

    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        check_lines(job.once(dynamodb_url=proxy.url).stderr)


def test_no_line_ends_in_two_full_stops(job, s3_server):
    job.put(firehose.body(records(2)))

    def rule(call):
        return fault_proxy.answer(
            412, b"<?xml version='1.0'?><Error><Code>PreconditionFailed</Code><Message>At least one"
            b" of the preconditions you specified did not hold.</Message></Error>",
            "application/xml") if call.operation == "GET" else None

    with fault_proxy.FaultProxy(s3_server.url, rule) as proxy:
        assert ".." not in job.firebridge(job.conf(s3_url=proxy.url), "run", "--once").stderr


READS_AS = re.compile(r"info *stream main: from object (\S+) on: (.*)")


def test_how_objects_are_read_is_said_when_it_changes(job):
    logs = json.dumps({"messageType": "DATA_MESSAGE", "logEvents": [{"id": "1", "message": ""}]})
    plain, packed = firehose.body(records(2)), firehose.body(records(2), members=2)
    packed_logs = gzip.compress(gzip.compress(logs.encode()))
    names = [job.put(body) for body in (packed, packed, plain, b"", plain, packed_logs, packed)]
    result = job.once()
    assert READS_AS.findall(result.stderr) == [
        (names[0], "compression gzip, format json (auto, by the first record)"),
        (names[2], "compression none, format json (auto, by the first record)"),
        (names[5], "compression gzip, gzip, format cloudwatch-logs (auto, by the first record)"),
        (names[6], "compression gzip, format json (auto, by the first record)")]


def test_how_objects_are_read_is_said_with_the_record_that_decides_it(job):
    name = job.put(b'{"id":}\n' + firehose.body(records(2)))
    assert READS_AS.findall(job.once().stderr) == [
        (name, "compression none, format json (auto, by the first record)")]


def test_how_objects_are_read_is_said_with_the_record_that_decides_it(job):
    name = job.put(b'{"id":}\n' + firehose.body(records(2)))
    assert READS_AS.findall(job.once().stderr) == [
        (name, "compression none, format json (auto, by the first record)")]


def test_a_format_that_the_conf_names_is_not_said_to_be_found(job):
    name = job.put(b"id\n1\n")
    assert READS_AS.findall(job.once(stream="format = csv").stderr) == [
        (name, "compression none, format csv")]


# What each of these carries besides, by the table of docs/operations.md; a unit test holds that
# against the program's own.
CARRIES = {row[0]: set(row[1].partition(";")[0].replace(" ", "").split(",")) - {""}
           for row in re.findall(r"^\| `([a-z-]+)` \| [a-z]+ \| ([^|]*) \|",
                                 (ROOT / "docs" / "operations.md").read_text(), re.M)}
OF_ALL = {"time", "level", "message", "code_file", "code_line", "code_func"}


def test_json_lines_carry_what_the_manual_says_whatever_a_key_holds(job):
    odd = ("a\n<3>b", 'q"u\\o', "esc\x1b[31m", "\u20ac\U0001f525")
    names = {job.put(firehose.body(records(2)) + b'{"id": 1}',
                     firehose.key("p/", job.begin, stream="s", suffix=suffix)) for suffix in odd}
    log = job.once(daemon="log_format = json").stderr
    lines = [json.loads(line) for line in log.splitlines()]
    seen = set()
    for line in lines:
        event = line.get("event")
        assert OF_ALL <= set(line), line
        if event is None:
            assert line["level"] == "debug", line
            continue
        seen.add(event)
        besides = set(line) - OF_ALL - {"event", "message_id", "repeats"}
        assert besides | {"request_id"} == CARRIES[event] | {"request_id"}, line
        assert re.fullmatch(r"[0-9a-f]{32}", line["message_id"])
        assert line["message"].startswith("stream main: ") == ("stream" in line)
    assert {"starting", "ready", "object-begun", "object-ended", "dead-letter",
            "stream-summary", "ended"} <= seen
    letters = [line for line in lines if line.get("event") == "dead-letter"]
    assert len(letters) == 2 and letters[1]["repeats"] == 2, letters
    assert {line["object"] for line in lines if line.get("event") == "object-ended"} == names
