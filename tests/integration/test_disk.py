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


def mount(path, options):
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], check=True)


def remount(path, options):
    subprocess.run(["mount", "-o", f"remount,{options}", path], check=True)


@pytest.fixture
def state_folder(job):
    """Whatever the test mounts there goes with it."""
    if "mount" not in os.environ.get("FIREBRIDGE_NAMESPACE", ""):
        pytest.skip("no mount namespace here to fill a disk in")
    yield job.firebridge.state
    subprocess.run(["umount", "-l", job.firebridge.state], check=False,
                   stderr=subprocess.DEVNULL)


@pytest.fixture
def small_disk(state_folder):
    mount(state_folder, "size=3m")
    return state_folder


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


def test_a_full_disk_is_waited_for_from_the_start_on(job, state_folder):
    """Too small for a state file, then large enough, then full, then empty again."""
    mount(state_folder, "size=64k")
    process = job.firebridge.start(job.conf(), "run")
    job.put(firehose.body(records(5)))
    process.wait_until(lambda: "it is tried again" in process.log)
    assert "full" in process.log
    remount(state_folder, "size=3m")
    process.wait_until(lambda: job.table.count() == 5)
    fill(state_folder / "filler")
    for n in range(1, 30):
        job.put(firehose.body(records(5, start=5 * n)))
    process.wait_until(lambda: "database or disk is full" in process.log)
    process.wait_until(lambda: "stream main: " in process.log.rpartition("it is tried again")[0])
    (state_folder / "filler").unlink()
    process.wait_until(lambda: job.table.count() == 150 and "well again" in process.log, 90)
    process.terminate()
    assert process.wait().code == 0
    job.table.expect(records(150))


def test_a_read_only_disk_is_waited_for_and_ends_no_stop(job, small_disk):
    job.put(firehose.body(records(5)))
    job.once()
    remount(small_disk, "ro")
    for command, shown in (("status", "main  "), ("objects", " done "), ("verify", "main  ")):
        result = job.firebridge(job.conf(), command)
        assert shown in result.stdout, result
    for is_mended in (False, True):
        process = job.firebridge.start(job.conf(), "run")
        process.wait_until(lambda process=process: "it is tried again" in process.log)
        assert "read-only" in process.log.lower(), process.log
        if is_mended:
            remount(small_disk, "rw")
            job.put(firehose.body(records(5, start=5)))
            process.wait_until(lambda: job.table.count() == 10)
        process.terminate()
        assert process.wait(20).code == (0 if is_mended else 1)


def test_once_does_not_wait_for_a_disk(job, small_disk):
    remount(small_disk, "ro")
    assert "read-only" in job.fail().stderr.lower()
