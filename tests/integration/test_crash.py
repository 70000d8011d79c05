# SPDX-License-Identifier: Apache-2.0
"""A run that is killed at each write and sync of its state file; the tool says more."""

import os
import re
import subprocess
import tempfile

import pytest

from built import BUILD

TOOL = BUILD / "tests" / "simulation" / "crash_tool"
SUM = re.compile(r"^(\d+) kills, 0 tables wrong$", re.M)


def kill_at_each(objects, step):
    # Thousands of syncs: not on a disk, where there is something else.
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shm) as folder:
        done = subprocess.run([TOOL, "--objects", str(objects), "--step", str(step),
                               "--directory", folder], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
    print(done.stdout, end="")
    found = SUM.search(done.stdout)
    assert done.returncode == 0 and found, done.stdout
    return int(found.group(1))


def test_the_table_is_right_after_a_kill_at_every_tenth_write_and_sync():
    assert kill_at_each(4, 10) > 60


@pytest.mark.soak
def test_the_table_is_right_after_a_kill_at_each_write_and_sync():
    assert kill_at_each(8, 1) > 1000
