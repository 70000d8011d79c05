# SPDX-License-Identifier: Apache-2.0
"""`check` ends within 20 s whatever does not answer, and says what did not."""

import contextlib
import os
import socket
import subprocess
import time

import pytest

import tls
from test_bad_input import job  # noqa: F401 (a fixture)

LIMIT_S = 20
STREAMS = 5


class Silent(tls.Listener):
    """Takes connections and what comes over them, and never says a word."""

    def serve(self, connection):
        while connection.recv(tls.CHUNK):
            pass


class Dripping(tls.Listener):
    """Answers a byte at a time, for ever."""

    def serve(self, connection):
        connection.recv(tls.CHUNK)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.2)


class DrippingHead(tls.Listener):
    """Is never done with the head of its answer."""

    def serve(self, connection):
        connection.recv(tls.CHUNK)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X: y\r\n")
            time.sleep(0.2)


class Deaf:
    """Takes no connection at all: its queue is full, so that nobody's SYN is answered."""

    def __enter__(self):
        self._socket = socket.create_server((tls.HOST, 0), backlog=0)
        self.port = self._socket.getsockname()[1]
        self._waiting = []
        for _ in range(4):
            waiting = socket.socket()
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect((tls.HOST, self.port))
            self._waiting.append(waiting)
        return self

    def __exit__(self, *_):
        for waiting in self._waiting:
            waiting.close()
        self._socket.close()


# What does not answer, how it is asked, and what `check` says of it. They all run at once.
NO_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": ""}
NOWHERE = "https://db.example"
BY_STS = ["role_arn = arn:aws:iam::123456789012:role/r", "endpoint.sts = http://{peer}"]
CASES = {
    "a silent server": (Silent, "http://{peer}", [], {}, "no whole answer of {peer}"),
    "a silent TLS server": (Silent, "https://{peer}", [], {}, "{peer}"),
    "a deaf server": (Deaf, "http://{peer}", [], {}, "{peer}"),
    "a deaf TLS server": (Deaf, "https://{peer}", [], {}, "{peer}"),
    "a dripping server": (Dripping, "http://{peer}", [], {}, "no whole answer of {peer}"),
    "a dripping head": (DrippingHead, "http://{peer}", [], {}, "no whole answer of {peer}"),
    "a silent proxy": (Silent, NOWHERE, ["proxy = http://{peer}"], {}, "db.example:443"),
    "a deaf proxy": (Deaf, NOWHERE, ["proxy = http://{peer}"], {}, "db.example:443"),
    "silent metadata": (Silent, NOWHERE, ["endpoint.imds = http://{peer}"], NO_KEYS, "{peer}"),
    "dripping metadata": (Dripping, NOWHERE, ["endpoint.imds = http://{peer}"], NO_KEYS, "{peer}"),
    "deaf metadata": (Deaf, NOWHERE, ["endpoint.imds = http://{peer}"], NO_KEYS, "{peer}"),
    "silent STS": (Silent, NOWHERE, BY_STS, {}, "AssumeRole of arn:aws:iam::123456789012:role/r"),
    "deaf STS": (Deaf, NOWHERE, BY_STS, {}, "{peer}"),
    "a file that is a pipe": (Silent, NOWHERE, [], {**NO_KEYS, "AWS_CONFIG_FILE": "{pipe}"}, ""),
}


def conf_of(job, url, *lines):
    streams = {f"s{n}": (f"s3://{job.bucket}/p{n}/", job.table) for n in range(STREAMS)}
    conf = job.make_conf(s3_url=url, dynamodb_url=url, **streams)
    return conf.replace("[aws]\n", "\n".join(["[aws]", *lines, ""]))


class Run:
    """One `check`, under way."""

    def __init__(self, job, name, conf, env, command=()):
        file = job.firebridge.folder / (name.replace(" ", "-") + ".conf")
        file.write_text(conf)
        self.began = time.monotonic()
        self.popen = subprocess.Popen(
            [*command, job.firebridge.program, "check", "-c", file], text=True,
            env={**job.firebridge.env, **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def wrong(self):
        """Its lines that say FAIL; it must have ended in time."""
        try:
            output, _ = self.popen.communicate(timeout=self.began + LIMIT_S - time.monotonic())
        except subprocess.TimeoutExpired:
            self.popen.kill()
            return f"no end after {LIMIT_S} s: {self.popen.communicate()[0]}"
        lines = [line for line in output.splitlines() if line.startswith("FAIL")]
        return "\n".join(lines) if self.popen.returncode == 1 else output


def test_check_ends_in_time_whatever_does_not_answer(job, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with contextlib.ExitStack() as stack:
        runs = {}
        for name, (kind, url, lines, env, says) in CASES.items():
            server = stack.enter_context(kind())
            words = {"peer": f"{tls.HOST}:{server.port}", "pipe": tmp_path / "pipe"}
            conf = conf_of(job, url.format(**words), *(line.format(**words) for line in lines))
            env = {key: value.format(**words) for key, value in env.items()}
            runs[name] = Run(job, name, conf, env), says.format(**words)
        wrong = {name: (run.wrong(), says) for name, (run, says) in runs.items()}
    other = {name: said for name, (said, says) in wrong.items()
             if not said.startswith("FAIL") or says not in said}
    assert not other


@pytest.mark.skipif("mount" not in os.environ.get("FIREBRIDGE_NAMESPACE", ""),
                    reason="no mount namespace to put another resolv.conf into")
def test_a_name_server_that_does_not_answer(job, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((tls.HOST, 53))
        resolver = tmp_path / "resolv.conf"
        resolver.write_text(f"nameserver {tls.HOST}\noptions timeout:30 attempts:5\n")
        run = Run(job, "resolver", conf_of(job, NOWHERE), {},
                  ["unshare", "--mount", "sh", "-c",
                   'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolver])
        said = run.wrong()
    assert said.startswith("FAIL") and "db.example:443" in said
