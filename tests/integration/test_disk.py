# SPDX-License-Identifier: Apache-2.0
"""A disk that is full while the daemon runs, and has room again later."""

import json
import os
import subprocess
import time

import pytest

import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)

LENIENT = "max_dead_letters = 100000 in 100000"


@pytest.fixture
def small_disk(job):
    if "mount" not in os.environ.get("FIREBRIDGE_NAMESPACE", ""):
        pytest.skip("no mount namespace here to fill a disk in")
    state = job.firebridge.state
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", state], check=True)
    yield state
    subprocess.run(["umount", "-l", state], check=False)


def fill(path):
    with open(path, "wb", buffering=0) as file, pytest.raises(OSError):
        while True:
            file.write(b"x" * 4096)


def test_work_goes_on_when_there_is_room_again(job, small_disk):
    process = job.firebridge.start(job.conf(stream=LENIENT), "run")
    job.put(firehose.body(records(5)))
    process.wait_until(lambda: job.table.count() == 5)
    fill(small_disk / "filler")
    for n in range(20):
        bad = [b'{"id": "%d", "x": tru}' % (1000 * n + i) for i in range(300)]
        job.put(firehose.body(bad + records(3, start=100 + 3 * n)))
    time.sleep(8)
    (small_disk / "filler").unlink()
    process.wait_until(lambda: job.table.count() == 65 and len(job.firebridge.dead_letters()) >= 6000,
                       timeout_s=90)
    process.terminate()
    assert process.wait().code == 0
    letters = {json.dumps(json.loads(line)["id"]) for line in job.firebridge.dead_letters()}
    assert len(letters) == 6000
