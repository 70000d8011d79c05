# SPDX-License-Identifier: Apache-2.0
"""What was well again is forgotten: back-off, health and --once's patience begin anew."""

import pytest

import fault_proxy
import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)

DENIED = fault_proxy.dynamodb_error(400, "AccessDeniedException")


def on_write(fault, which):
    """A rule: the BatchWriteItem calls of these numbers meet the fault."""
    return lambda call: fault if call.operation == "BatchWriteItem" and which(call.number) else None


@pytest.mark.alone
def test_a_success_between_two_throttles_resets_the_back_off(job, dynamodb_server):
    job.put(firehose.body(records(300)))
    rule = on_write(fault_proxy.throttle, lambda number: number % 2 == 1)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        result = job.once(dynamodb_url=proxy.url, stream="writers = 1", patience="2min")
    assert result.seconds < 20, result
    assert "try 3 in" not in result.stderr, result  # each call fails once and then succeeds


def test_a_writer_that_is_well_again_says_so(job, dynamodb_server):
    job.put(firehose.body(records(10)))
    rule = on_write(fault_proxy.fail_before, lambda number: number < 7)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        result = job.once(dynamodb_url=proxy.url, stream="writers = 1", patience="2min")
    assert "it is tried again" in result.stderr
    assert "well again" in result.stderr, result


def test_three_denials_far_apart_do_not_end_once(job, dynamodb_server):
    job.put(firehose.body(records(1000)))
    rule = on_write(DENIED, lambda number: number % 10 == 3)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        job.once(dynamodb_url=proxy.url, stream="writers = 1", patience="2min")
    job.table.expect(records(1000))


@pytest.mark.parametrize("fault", [fault_proxy.throttle, fault_proxy.unprocessed(lambda _: False)])
def test_a_table_that_is_throttled_for_long_is_told(job, dynamodb_server, fault):
    job.put(firehose.body(records(10)))
    rule = on_write(fault, lambda number: True)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        conf = job.conf(dynamodb_url=proxy.url).replace("log_level = debug", "log_level = notice")
        process = job.firebridge.start(conf, "run")
        process.wait_until(lambda: process.log, timeout_s=45)
        process.kill()
