# SPDX-License-Identifier: Apache-2.0
"""
A clean Debian 12 with the libraries that the program needs and nothing to build it with: make
install, boot, enable, the demo's data carried over, and make uninstall leaves conf and state.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import pytest

import container
import servers
from conftest import running
from test_systemd import UNIT, Service

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/demo"))

import demo  # noqa: E402  (the path must be there first)

pytestmark = pytest.mark.soak

CONF_AND_STATE = ("etc/firebridge", "var/lib/firebridge", "var/lib/private")
# The administrator's own: how the test hands keys over.
DROP_IN = f"etc/systemd/system/{UNIT}.d"
# The container's own, beside what it writes everywhere.
OF_THE_BOOT = {"src", "var/lib/dbus/machine-id"}


def make(target, destination):
    done = subprocess.run(["make", target, f"DESTDIR={destination}"], cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


class CleanMachine(container.Container):
    """What `scripts/install-deps --soak` made, with `make install` done before it boots."""

    name = "clean-debian"

    def launch(self):
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        made = sorted(pathlib.Path(cache, "firebridge").glob("debian-12-*.tar"))
        if not made:
            raise servers.Missing("no clean Debian 12 is here (on Debian 12, "
                                  "scripts/install-deps --soak makes one)")
        self.lower = self.folder / "debian"
        self.lower.mkdir()
        subprocess.run(["tar", "-xf", made[-1], "-C", self.lower, "--exclude=./dev/*"], check=True)
        super().launch()

    def make_root(self):
        super().make_root()
        self.before = self.files()
        make("install", self.root)
        self.installed = self.files() - self.before

    def files(self):
        """All files and folders but those that a machine writes by itself."""
        found = set()
        for folder, folders, names in os.walk(self.root):
            inside = (os.path.relpath(os.path.join(folder, name), self.root)
                      for name in folders + names)
            found |= {path for path in inside if not f"{path}/".startswith(container.BESIDE)}
        return found


@pytest.fixture
def machine(server_folder):
    yield from running(CleanMachine, server_folder)


def nothing_builds_there_and_nothing_lacks(machine):
    for tool in ("cc", "gcc", "ld", "make", "pkg-config", "python3"):
        assert machine.run("which", tool, check=False).returncode != 0, tool
    assert not (machine.root / "usr/include/curl").exists()
    libraries = machine.run("ldd", "/usr/bin/firebridge").stdout
    assert "libcurl.so" in libraries and "not found" not in libraries, libraries


def test_a_clean_root_carries_the_demos_data_and_is_clean_again(
        machine, s3_server, dynamodb_server, s3, make_table, figures):
    nothing_builds_there_and_nothing_lacks(machine)
    table = make_table(partition=("TICKER_SYMBOL", "S"))
    records = demo.make_bucket(s3)
    service = Service(machine, s3_server, dynamodb_server)
    service.conf(ticker=(f"s3://{demo.BUCKET}/{demo.PREFIX}", table))
    service.hand_over_keys()

    started = time.monotonic()
    machine.run("systemctl", "enable", "--now", UNIT)
    last = demo.last_price_of(records)
    machine.wait_for(lambda: table.count() == len(last), "an item for each symbol")
    machine.wait_for(lambda: carried(machine) == demo.OBJECTS, "all objects' end")
    records += demo.put_late_object(s3)
    machine.wait_for(lambda: carried(machine) == demo.OBJECTS + 1, "the late object")
    table.expect(records)
    assert table.count() == len(last) + 2
    assert machine.show(UNIT, "ActiveState", "NRestarts") == ["active", "0"]
    seconds = time.monotonic() - started

    machine.run("systemctl", "disable", "--now", UNIT)
    assert machine.show(UNIT, "ActiveState", "Result") == ["inactive", "success"]
    make("uninstall", machine.root)
    left = machine.files() - machine.before - OF_THE_BOOT
    assert machine.before - machine.files() == set()
    assert {path for path in left if not path.startswith((*CONF_AND_STATE, DROP_IN))} == set()
    assert {"etc/firebridge/firebridge.conf", "var/lib/private/firebridge/firebridge.db"} <= left
    figures(f"a clean Debian 12: {len(machine.installed)} files and folders installed, "
            f"{len(records)} records of {demo.OBJECTS + 1} objects are {table.count()} items "
            f"after {seconds:.1f} s, {len(left)} files and folders left: conf, keys and state")


def carried(machine):
    """How many objects the daemon says are done, asked as an operator asks."""
    objects = machine.run("firebridge", "objects", "--state", "done", "--limit", "0",
                          "--output", "json")
    return len([json.loads(line) for line in objects.stdout.splitlines()])
