# SPDX-License-Identifier: Apache-2.0
"""Without the optional libraries everything builds, says so, and names what it cannot read."""

import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = "build/none"
PROGRAMS = [f"{BUILD}/tests/unit/codec/test_{name}"
            for name in ("inflate", "gzip", "zip", "snappy", "zstd", "bzip2", "jq")]


@pytest.mark.slow
def test_a_build_without_optional_libraries_refuses_their_forms_by_name():
    # What a make around this one was told is not for this one.
    alone = {name: value for name, value in os.environ.items() if "MAKE" not in name}
    done = subprocess.run(["make", "-j2", "WERROR=1", "have=", f"BUILD={BUILD}", "all", *PROGRAMS],
                          cwd=ROOT, env=alone, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for lacks in ("libisal", "libsnappy", "libzstd", "libbz2", "libjq", "libmicrohttpd"):
        assert lacks in done.stderr
    for program in PROGRAMS:
        subprocess.run([ROOT / program], check=True, capture_output=True)
    needed = subprocess.run(["readelf", "-d", ROOT / BUILD / "firebridge"], check=True,
                            capture_output=True, text=True).stdout
    assert "libz.so" in needed
    assert not [name for name in ("libisal", "libsnappy", "libzstd", "libbz2", "libjq",
                                   "libmicrohttpd")
                if name in needed]
