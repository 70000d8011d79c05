# SPDX-License-Identifier: Apache-2.0
"""start_at = now: what Firehose was still holding at that moment is new too."""

import datetime
import time

import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)


def test_an_object_that_firehose_was_filling_at_the_start_is_carried(job, s3):
    """Its name has the time of its oldest record; it is delivered, and most of it came, later."""
    process = job.firebridge.start(job.conf(stream="start_at = now"), "run")
    process.wait_until(lambda: "ready" in process.log)
    time.sleep(1)
    firehose.put(s3, job.bucket, "p/", firehose.now() - datetime.timedelta(minutes=4), records(5))
    process.wait_until(lambda: job.table.count() == 5, timeout_s=10)
    process.kill()
