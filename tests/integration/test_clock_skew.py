# SPDX-License-Identifier: Apache-2.0
"""A clock that is wrong is corrected by what S3 says, and by nothing else."""

import email.utils
import glob
import os
import time

import pytest

import fault_proxy
import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)

HOUR = 3600
YEARS = 47 * 365 * 24 * HOUR
LIBRARIES = sorted(glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1"))

needs_faketime = pytest.mark.skipif(
    not LIBRARIES or "FIREBRIDGE" in os.environ,
    reason="faketime is not installed, or this is a build with sanitizers, which come first")


def off_by(seconds):
    return {"LD_PRELOAD": LIBRARIES[-1], "FAKETIME": f"{seconds:+d}",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def lie(seconds):
    """The call is passed on; the Date of its answer is not."""
    def answer_late(exchange):
        reply = exchange.forward()
        headers = [(name, value) for name, value in reply.headers if name.lower() != "date"]
        said = email.utils.formatdate(time.time() + seconds, usegmt=True)
        exchange.reply(fault_proxy.Answer(reply.status, headers + [("Date", said)], reply.body))
    return answer_late


def skewed(seconds):
    """S3's refusal of a clock that is right, with a lie for what the time is."""
    return fault_proxy.answer(
        403, b"<Error><Code>RequestTimeTooSkewed</Code><Message>a lie</Message></Error>",
        "application/xml", Date=email.utils.formatdate(time.time() + seconds, usegmt=True))


def offsets(proxy):
    """By how many hours the S3 calls were signed wrongly, of each the nearest."""
    signed = [time.strptime(call.headers["x-amz-date"], "%Y%m%dT%H%M%SZ") for call in proxy.calls]
    return [round((time.mktime(at) - time.timezone - time.time()) / HOUR) for at in signed]


@needs_faketime
@pytest.mark.parametrize("seconds", [HOUR, -HOUR, YEARS, -YEARS],
                         ids=["an hour ahead", "an hour behind", "47 years ahead",
                              "47 years behind"])
def test_a_clock_that_is_wrong_is_corrected_once(job, s3_server, seconds):
    job.put(firehose.body(records(100)))
    with fault_proxy.FaultProxy(s3_server.url) as proxy:
        job.once(s3_url=proxy.url, env=off_by(seconds), patience="5s")
        wrong = [hours for hours in offsets(proxy) if hours != 0]
        # The credentials keep it: whoever calls later is right at once.
        assert wrong == [round(seconds / HOUR)] * len(wrong) and 1 <= len(wrong) <= 2, wrong
        assert len(proxy.calls) > len(wrong)
    job.table.expect(records(100))


@needs_faketime
def test_a_date_that_lies_once_costs_one_call(job, s3_server):
    """The clock is wrong, and the first to say what the time is lies."""
    job.put(firehose.body(records(100)))
    rule = lambda call: lie(30 * 24 * HOUR) if call.operation == "LIST" and call.number == 1 else None  # noqa: E731
    with fault_proxy.FaultProxy(s3_server.url, rule) as proxy:
        job.once(s3_url=proxy.url, env=off_by(HOUR), patience="10s")
        assert offsets(proxy)[:2] == [1, 30 * 24]
        assert offsets(proxy).count(30 * 24) == 1
        assert offsets(proxy)[-1] == 0
    job.table.expect(records(100))


@pytest.mark.parametrize("hours", [-47 * 365 * 24, -1, 1, 24 * 365])
def test_a_refusal_that_lies_once_does_not_stick(job, s3_server, hours):
    """The clock is right. What is believed for one call is refused by S3, and forgotten."""
    job.put(firehose.body(records(100)))
    rule = lambda call: skewed(hours * HOUR) if call.operation == "LIST" and call.number == 1 else None  # noqa: E731
    with fault_proxy.FaultProxy(s3_server.url, rule) as proxy:
        job.once(s3_url=proxy.url, patience="10s")
        believed = [off for off in offsets(proxy) if off != 0]
        plausible = hours > -47 * 365 * 24  # 1979 is nobody's clock
        assert believed == [hours] * plausible
    job.table.expect(records(100))


def test_a_date_is_not_believed_where_nothing_was_refused(job, s3_server):
    job.put(firehose.body(records(100)))
    with fault_proxy.FaultProxy(s3_server.url, lambda call: lie(10 * HOUR)) as proxy:
        job.once(s3_url=proxy.url)
        assert set(offsets(proxy)) == {0}
    job.table.expect(records(100))
