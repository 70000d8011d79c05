# SPDX-License-Identifier: Apache-2.0
"""The log is one line an event, whatever a key or a server's message holds."""

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
