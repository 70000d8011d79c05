# SPDX-License-Identifier: Apache-2.0
"""What systemd is to the daemon: the socket that sd_notify(3) writes to. And a tracer's grip."""

import ctypes
import os
import pathlib
import socket
import threading
import time

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17  # <sys/ptrace.h>
WALL = 0x40000000  # __WALL of waitpid(2): threads, too


class Manager:
    """Collects the messages; `env` is what the daemon is started with."""

    def __init__(self, folder, watchdog_s=None):
        self.path = folder / "notify"
        self.env = {"NOTIFY_SOCKET": str(self.path)}
        if watchdog_s:
            self.env["WATCHDOG_USEC"] = str(int(watchdog_s * 1e6))
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self.messages = []  # (when, lines)
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        while True:
            message = self._socket.recv(65536).decode()
            self.messages.append((time.monotonic(), message.split("\n")))

    def lines(self, beginning=""):
        return [line for _, lines in list(self.messages) for line in lines
                if line.startswith(beginning)]

    def last_ping(self):
        return max((when for when, lines in list(self.messages) if "WATCHDOG=1" in lines),
                   default=0)

    def silent_s(self):
        return time.monotonic() - self.last_ping()


def threads(pid):
    """Thread ids by their names; of several of a name, the first."""
    found = {}
    for task in sorted(pathlib.Path(f"/proc/{pid}/task").iterdir(), reverse=True):
        found[(task / "comm").read_text().strip()] = int(task.name)
    return found


class Halted:
    """One thread halted as a debugger halts it, while all others run."""

    def __init__(self, thread_id):
        self.thread_id = thread_id

    def _ptrace(self, request):
        result = LIBC.ptrace(ctypes.c_long(request), ctypes.c_long(self.thread_id),
                             ctypes.c_void_p(0), ctypes.c_void_p(0))
        if result != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

    def __enter__(self):
        self._ptrace(PTRACE_SEIZE)
        self._ptrace(PTRACE_INTERRUPT)
        os.waitpid(self.thread_id, WALL)
        return self

    def __exit__(self, *_):
        self._ptrace(PTRACE_DETACH)
