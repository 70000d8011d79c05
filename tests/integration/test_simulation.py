# SPDX-License-Identifier: Apache-2.0
"""No late object is missed, over histories of Firehose, S3 and the daemon in virtual time."""

import concurrent.futures
import os
import re
import subprocess
import tempfile
import time

import pytest

from built import BUILD, ROOT

TOOL = BUILD / "tests" / "simulation" / "simulate_tool"
SEED = int(os.environ.get("FIREBRIDGE_SEED", time.time_ns() // 1000))
SUM = re.compile(r"^seeds (\d+) to \d+: (\d+) histories, (\d+) objects, 0 histories with a fault; "
                 r"on \d+ days \d+ LIST calls of \d+ allowed, on the closest day \d+ %$", re.M)


def simulate(seed, histories):
    # Millions of commits: not on a disk, where there is something else.
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=shm) as folder:
        done = subprocess.run([TOOL, "--seed", str(seed), "--histories", str(histories),
                               "--directory", folder], text=True, stdout=subprocess.PIPE,
                              check=False)
    print(done.stdout, end="")
    found = SUM.search(done.stdout)
    assert done.returncode == 0 and found, done.stdout
    return int(found.group(2))


def test_every_object_is_found_in_some_histories():
    assert simulate(SEED, 30) == 30


@pytest.mark.soak
def test_every_object_is_found_in_10000_histories():
    parts = os.cpu_count() * 4
    each = -(-10000 // parts)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [pool.submit(simulate, SEED + i * each, each) for i in range(parts)]
        assert sum(run.result() for run in runs) >= 10000


def formula(awake, quiet, finding, fresh, known, per_poll=1, per_sweep=1, falling_quiet=0,
            poll_s=10, sweep_s=600):
    """LIST calls a day, as docs/operations.md has it."""
    return (86400 / poll_s * (finding + awake * per_poll + fresh / 1000)
            + 86400 / sweep_s * (finding + awake * per_sweep + known / 1000)
            + 86400 / (24 * sweep_s) * quiet * per_sweep
            + 40 * falling_quiet * per_sweep)


def test_the_table_of_costs_is_what_the_formula_says():
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ ((?:\| \d+ ){6})\| \$([\d.]+) \|$", text, re.M)
    assert len(rows) == 5
    for numbers, dollars in rows:
        *row, calls = map(int, re.findall(r"\d+", numbers))
        assert calls == round(formula(*row))
        assert float(dollars) == round(calls * 0.005 / 1000, 2)
