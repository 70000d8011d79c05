# SPDX-License-Identifier: Apache-2.0
"""
A booted machine with a systemd of its own: this machine's root as the lower layer of an overlay
that lives in memory, in systemd-nspawn. Its network is the one that it is started from, so the
tests' servers are reachable. The source tree is at /src.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import time

import servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
COMMAND_TIMEOUT_S = 120

# What an installed service must leave when it is removed, and what the machine itself writes.
BESIDE = ("var/log/", "var/lib/systemd/", "var/cache/", "etc/machine-id", "etc/.updated",
          "var/.updated", "run/", "tmp/", "var/tmp/", "dev/", "root/")


class Container(servers.Server):
    """Runs until stop(). Missing where this machine cannot boot one."""

    name = "container"

    def __init__(self, folder, lower="/"):
        super().__init__(folder)
        self.lower = lower
        self.mounted = []
        self.leader = None

    @property
    def root(self):
        return self.folder / "memory/root"

    def launch(self):
        for tool in ("systemd-nspawn", "nsenter", "setpriv"):
            if shutil.which(tool) is None:
                raise servers.Missing(f"{tool} is not installed (scripts/install-deps --test)")
        if os.geteuid() != 0:
            raise servers.Missing("only root can boot a container")
        if "mount" not in os.environ.get("FIREBRIDGE_NAMESPACE", ""):
            raise servers.Missing("no mount namespace here to build a container's root in")
        self.make_root()
        self.spawn("systemd-nspawn", "--quiet", "--directory", self.root, "--boot",
                   "--machine", f"firebridge-{os.getpid()}", "--register=no", "--keep-unit",
                   "--console=pipe", "--kill-signal=SIGRTMIN+4", f"--bind={ROOT}:/src")

    def make_root(self):
        memory = self.folder / "memory"
        for step in (["tmpfs", "tmpfs", memory],
                     ["overlay", "overlay", self.root, "-o",
                      f"lowerdir={self.lower},upperdir={memory}/upper,workdir={memory}/work"]):
            for folder in (step[2], memory / "upper", memory / "work"):
                pathlib.Path(folder).mkdir(exist_ok=True)
            done = subprocess.run(["mount", "-t", *map(str, step)], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode != 0:
                raise servers.Missing(f"cannot mount a container's root: {done.stdout.strip()}")
            self.mounted.append(step[2])
        for old in ("etc/firebridge", "var/lib/private/firebridge", "var/log/journal",
                    *(f"etc/systemd/system/{wants.name}"
                      for wants in (self.root / "etc/systemd/system").glob("*.wants"))):
            shutil.rmtree(self.root / old, ignore_errors=True)
        (self.root / "var/log/journal").mkdir(parents=True)
        (self.root / "etc/machine-id").write_text("")

    def is_ready(self):
        # The first child only makes the second, which becomes the container's init.
        found = subprocess.run(["pgrep", "-P", str(self.processes[0].pid)], text=True,
                               stdout=subprocess.PIPE).stdout.split()
        if not found:
            return False
        self.leader = int(found[0])
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def wait_until_ready(self):
        try:
            super().wait_until_ready()
        except servers.Failed as failed:
            raise servers.Missing(f"cannot boot a container: {failed}") from None

    def stop(self):
        super().stop()
        for mount in reversed(self.mounted):
            subprocess.run(["umount", "--lazy", mount], check=False)
        self.mounted = []

    # --- What is inside --------------------------------------------------------------------------

    def run(self, *command, check=True, input=None):
        """One command inside, with nothing of our environment."""
        done = subprocess.run(
            ["nsenter", "-t", str(self.leader), "-a", "env", "-i", "--chdir=/src", f"PATH={PATH}",
             "LANG=C.UTF-8", "SYSTEMD_PAGER=", *map(str, command)],
            text=True, errors="replace", input=input, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=COMMAND_TIMEOUT_S,
            stdin=None if input is not None else subprocess.DEVNULL)
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}"
        return done

    def write(self, path, text, mode=0o644):
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def show(self, unit, *properties):
        """The properties of a unit, one value for one and a list for more."""
        shown = self.run("systemctl", "show", unit, "-p", ",".join(properties)).stdout
        values = dict(line.split("=", 1) for line in shown.splitlines())
        found = [values[name] for name in properties]
        return found[0] if len(found) == 1 else found

    def journal(self, unit, *arguments):
        """The unit's own entries, as journald has them."""
        shown = self.run("journalctl", "-q", "-u", unit, "-o", "json", "--all", *arguments).stdout
        return [json.loads(line) for line in shown.splitlines()]

    def wait_for(self, condition, what, unit="firebridge.service", timeout_s=60):
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                tail = self.run("journalctl", "-n", "60", "-o", "short-monotonic", check=False)
                raise AssertionError(f"{what}: not within {timeout_s} s; {unit} is "
                                     f"{self.show(unit, 'ActiveState', 'SubState', 'Result')}\n"
                                     f"{tail.stdout}")
            time.sleep(0.1)

    def added(self):
        """Files that are there and were not in the lower layer, but what a machine writes itself."""
        upper = self.folder / "memory/upper"
        found = set()
        for folder, _, names in os.walk(upper):
            for name in names:
                path = pathlib.Path(folder, name)
                inside = str(path.relative_to(upper))
                is_gone = False
                with contextlib.suppress(OSError):  # a character device 0:0 says: removed
                    is_gone = path.lstat().st_rdev == 0 and path.is_char_device()
                if not is_gone and not inside.startswith(BESIDE):
                    found.add(inside)
        return found
