# SPDX-License-Identifier: Apache-2.0
"""The log is one line an event, whatever a key or a server's message holds."""

import gzip
import json
import re

import fault_proxy
import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)

LINE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (error|warning|notice|info|debug) ")


def check_lines(log):
    torn = [line for line in log.split("\n")[:-1] if not LINE.match(line)]
    assert not torn, torn
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", log), log


def test_keys_with_control_characters(job):
    for odd in ("a\n<3>b", "esc\x1b[31m", "cr\rx", "tab\tx"):
        name = firehose.key("p/", job.begin, stream="s", suffix=odd)
        job.put(firehose.body(records(2)) + b'{"id": 1}', name)
    check_lines(job.once().stderr)


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
