# SPDX-License-Identifier: Apache-2.0
"""SIGTERM in every bad moment: in time, with 0, and nothing is lost."""

import time

import pytest

import fault_proxy
import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)

STOP_TIMEOUT_S = 6


def stop_in(job, conf, moment, again_after_s=None):
    """Seconds that the stop took."""
    process = job.firebridge.start(conf, "run")
    process.wait_until(moment)
    began = time.monotonic()
    process.terminate()
    if again_after_s:
        time.sleep(again_after_s)
        process.terminate()
    result = process.wait(60)
    assert result.code == 0, result
    return time.monotonic() - began


@pytest.mark.parametrize("again_after_s", [None, 0.5], ids=["one signal", "two signals"])
@pytest.mark.parametrize("fault", [
    fault_proxy.throttle, fault_proxy.unprocessed(lambda _: False), fault_proxy.delay(20),
    fault_proxy.dynamodb_error(400, "AccessDeniedException")],
    ids=["throttled", "unprocessed", "silent", "denied"])
def test_while_the_table_takes_nothing(job, dynamodb_server, fault, again_after_s):
    job.put(firehose.body(records(1000)))

    def rule(call):
        return fault if call.operation == "BatchWriteItem" else None

    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        conf = job.conf(dynamodb_url=proxy.url, daemon=f"stop_timeout = {STOP_TIMEOUT_S}s")
        took_s = stop_in(job, conf, lambda: len(proxy.of("BatchWriteItem")) > 3, again_after_s)
    assert took_s < (3 if again_after_s else STOP_TIMEOUT_S + 1)
    job.once()
    job.table.expect(records(1000))


@pytest.mark.parametrize("operation", ["LIST", "GET"])
def test_while_s3_is_silent(job, s3_server, operation):
    job.put(firehose.body(records(1000)))

    def rule(call):
        return fault_proxy.delay(20) if call.operation == operation else None

    with fault_proxy.FaultProxy(s3_server.url, rule) as proxy:
        took_s = stop_in(job, job.conf(s3_url=proxy.url), lambda: proxy.of(operation))
    assert took_s < 5
    job.once()
    job.table.expect(records(1000))
