# SPDX-License-Identifier: Apache-2.0
"""Answers that are not the object's bytes must never be taken for them."""

import pytest

import fault_proxy
import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)

PAGE = b"<html><body>Please log in</body></html>"


def only_first_get(fault):
    return lambda call: fault if call.operation == "GET" and call.number == 1 else None


@pytest.mark.parametrize("page", [PAGE, PAGE + b" " * 100_000, PAGE[:10]],
                         ids=["as it is", "longer than the object", "shorter than the object"])
def test_a_page_of_html_with_status_200_is_not_the_object(job, s3_server, page):
    """It has neither the object's ETag nor its length."""
    job.put(firehose.body(records(100)))
    fault = fault_proxy.answer(200, page, "text/html")
    with fault_proxy.FaultProxy(s3_server.url, only_first_get(fault)) as proxy:
        job.once(s3_url=proxy.url)
    job.table.expect(records(100))
    assert not job.firebridge.dead_letters()


def test_another_objects_bytes_are_not_the_object(job, s3_server):
    """A cache that answers with what the key held before, under its own ETag."""
    job.put(firehose.body(records(100)))
    fault = fault_proxy.answer(200, firehose.body(records(100, start=500)),
                               "application/octet-stream", ETag='"of-another-object"')
    with fault_proxy.FaultProxy(s3_server.url, only_first_get(fault)) as proxy:
        job.once(s3_url=proxy.url)
    job.table.expect(records(100))
