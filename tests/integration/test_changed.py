# SPDX-License-Identifier: Apache-2.0
"""An object that changes while it is read is a new object, in however old a folder it lies."""

import gzip

import pytest

import fault_proxy
import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)


@pytest.mark.parametrize("hours", [2, 24 * 9], ids=["fresh folder", "folder behind the look-back"])
def test_an_object_replaced_between_listing_and_reading_is_read_anew(job, s3, s3_server, hours):
    name = firehose.key("p/", firehose.hours_ago(hours), suffix="")
    job.put(firehose.body(records(10)), name)
    later = records(20, start=100)

    def replace_once(call):
        if call.operation == "GET" and call.number == 1:
            firehose.put_body(s3, job.bucket, name, firehose.body(later))

    with fault_proxy.FaultProxy(s3_server.url, replace_once) as proxy:
        job.firebridge(job.conf(s3_url=proxy.url), "run", "--once")
    job.once()
    job.table.expect(later)


def test_a_damaged_object_that_is_delivered_again_is_taken_up(job):
    name = firehose.key("p/", firehose.hours_ago(2))
    whole = gzip.compress(firehose.body(records(100)))
    job.put(whole[:len(whole) // 2], name)
    job.fail()
    job.put(whole, name)
    job.once()
    job.table.expect(records(100))


def test_once_does_not_say_well_of_an_object_that_it_could_not_read(job, s3_server):
    """S3 answers 412 although the listing still shows the same ETag."""
    job.put(firehose.body(records(10)))

    def rule(call):
        return fault_proxy.precondition_failed if call.operation == "GET" else None

    with fault_proxy.FaultProxy(s3_server.url, rule) as proxy:
        job.fail(s3_url=proxy.url)


def test_once_says_why_it_ends_non_zero_for_a_changed_object(job, s3, s3_server):
    name = job.put(firehose.body(records(10)))

    def delete_once(call):
        if call.operation == "GET" and call.number == 1:
            s3.delete_object(Bucket=job.bucket, Key=name)

    with fault_proxy.FaultProxy(s3_server.url, delete_once) as proxy:
        result = job.fail(s3_url=proxy.url)
    last = result.stderr.splitlines()[-1]
    assert "changed" in last or "vanished" in last, last
