# SPDX-License-Identifier: Apache-2.0
"""The watchdog: who hangs trips it, and who waits does not."""

import os
import socket
import time

import pytest

import control
import fault_proxy
import firehose
import manager
from test_bad_input import job, records  # noqa: F401 (a fixture)


@pytest.mark.parametrize("name", [
    "lane-0", pytest.param("poller", marks=pytest.mark.soak),
    pytest.param("decoder", marks=pytest.mark.soak), pytest.param("stream", marks=pytest.mark.soak),
    pytest.param("control", marks=pytest.mark.soak),
    pytest.param("credentials", marks=pytest.mark.soak)])
def test_one_thread_that_is_halted_trips_it_while_all_others_run(job, tmp_path, name):
    systemd = manager.Manager(tmp_path, watchdog_s=4)
    process = job.firebridge.start(job.conf(), "run", env=systemd.env)
    process.wait_until(lambda: name in manager.threads(process.popen.pid))
    process.wait_until(lambda: systemd.lines("READY=1") and systemd.last_ping())
    try:
        with manager.Halted(manager.threads(process.popen.pid)[name]) as halted:
            process.wait_until(lambda: systemd.silent_s() > 2.5)
            assert f"thread {name} ({halted.thread_id}) has not shown any sign of life" in process.log
    except PermissionError as refused:
        pytest.skip(f"this machine lets nobody trace: {refused}")
    halted_at = systemd.last_ping()
    process.wait_until(lambda: systemd.last_ping() > halted_at)
    assert "all threads show signs of life again" in process.log
    process.terminate()
    assert process.wait().code == 0


def test_peers_that_hold_connections_do_not_trip_it(job, tmp_path, s3_server, dynamodb_server):
    """Nor do a pause and a stream without work. Each wait is longer than a thread may be silent."""
    for n in range(2):
        job.put(firehose.body(records(100, start=100 * n)))
    systemd = manager.Manager(tmp_path, watchdog_s=4)

    def rule(call):
        held = {"BatchWriteItem": 1, "GET": 2, "LIST": 3}
        return fault_proxy.delay(5) if held.get(call.operation) == call.number else None

    with (fault_proxy.FaultProxy(dynamodb_server.url, rule) as table,
          fault_proxy.FaultProxy(s3_server.url, rule) as source):
        conf = job.conf(dynamodb_url=table.url, s3_url=source.url)
        process = job.firebridge.start(conf, "run", env=systemd.env)
        process.wait_until(lambda: job.table.count() == 200)
        job.firebridge(conf, "pause")
        began = time.monotonic()
        process.wait_until(lambda: time.monotonic() - began > 4)
        process.terminate()
        assert process.wait().code == 0
    assert "sign of life" not in process.log
    pings = [when for when, lines in systemd.messages if "WATCHDOG=1" in lines]
    assert max(b - a for a, b in zip(pings, pings[1:])) < 4


def test_a_daemon_without_work_and_without_peers_goes_on_living(firebridge, tmp_path):
    systemd = manager.Manager(tmp_path, watchdog_s=1)
    process = control.start(firebridge, control.conf(firebridge), env=systemd.env)
    began = time.monotonic()
    process.wait_until(lambda: time.monotonic() - began > 4)
    assert systemd.silent_s() < 3 and "sign of life" not in process.log


@pytest.mark.skipif("mount" not in os.environ.get("FIREBRIDGE_NAMESPACE", ""),
                    reason="no mount namespace here to have a resolv.conf of its own in")
def test_a_name_server_that_is_silent_does_not_trip_it(firebridge, tmp_path):
    """The C library waits for it in one call, longer than a thread may be silent."""
    systemd = manager.Manager(tmp_path, watchdog_s=4)
    resolv = tmp_path / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.53\noptions timeout:5 attempts:1\n")
    program = tmp_path / "firebridge"
    program.write_text("#!/bin/sh\nexec unshare --mount sh -c "
                       f"""'mount --bind {resolv} /etc/resolv.conf && exec "$@"' """
                       f"""sh {firebridge.program} "$@"\n""")
    program.chmod(0o755)
    firebridge.program = program
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.53", 53))
        server.settimeout(20)
        process = control.start(firebridge, control.conf(
            firebridge, daemon="[metrics]\nstatsd = statsd.example:8125\ninterval = 1s"),
            env=systemd.env)
        assert b"statsd" in server.recv(1000)
        process.wait_until(lambda: "metrics by statsd are not taken" in process.log)
    assert "sign of life" not in process.log
