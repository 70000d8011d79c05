# SPDX-License-Identifier: Apache-2.0
"""tests/bench/object_tool.c from Python: an object's records as lines, and how it ended."""

import json
import subprocess

from built import BUILD

TOOL = BUILD / "tests" / "bench" / "object_tool"


def read(path, *options):
    """The records as lines, and {"compression", "format", "end", "message", …}."""
    done = subprocess.run([TOOL, "--key", "id", *options, path], capture_output=True, check=True)
    *records, end = done.stdout.splitlines()
    return records, json.loads(end)


def unreported_cuts(path, *options):
    """
    Cuts the object off at every byte. None may give a wrong record; returns the cuts at which
    records are missing and nothing tells.
    """
    done = subprocess.run([TOOL, "--key", "id", "--truncations", *options, path],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert lines[-1].endswith("cuts, 0 with a wrong record"), done.stdout
    return {int(line.split(":")[0].removeprefix("cut at ")) for line in lines[:-1]}
