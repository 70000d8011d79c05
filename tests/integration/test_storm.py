# SPDX-License-Identifier: Apache-2.0
"""Reloads and commands of all kinds at once, under load: no record is lost, and nothing hangs."""

import os
import random
import signal
import threading
import time

import pytest

import control
import firehose
import manager
from test_bad_input import job, records  # noqa: F401 (a fixture)

OBJECT = 200


def metrics(statsd_port):
    return f"[metrics]\nstatsd = 127.0.0.1:{statsd_port}\ninterval = 1s\n"


@pytest.mark.soak
def test_reloads_and_commands_in_parallel_under_load_lose_nothing(job, make_table, tmp_path):
    seconds = int(os.environ.get("FIREBRIDGE_STORM_S", "20"))
    tables = [job.table, make_table(), make_table()]
    ends = time.monotonic() + seconds
    chance = random.Random(os.environ.get("FIREBRIDGE_SEED", "storm"))
    systemd = manager.Manager(tmp_path, watchdog_s=20)

    def conf(writers, streams, extra="", aws=""):
        named = {f"s{n}": (f"s3://{job.bucket}/{n}/", tables[n], f"writers = {w}")
                 for n, w in zip(streams, writers)}
        made = job.make_conf(**named, daemon="stop_timeout = 5s\n" + extra + metrics(9))
        return made.replace("[aws]\n", f"[aws]\n{aws}\n")

    def some_conf():
        streams = chance.choice(([0, 1, 2], [0, 1], [0, 2], [0]))
        kind = chance.random()
        if kind < 0.1:
            return conf([1, 1, 1], [0]) + "writers = many\n"
        if kind < 0.2:
            return conf([1], [0], extra="log_format = json\n")
        aws = "request_timeout = 20s" if kind > 0.8 else ""
        return conf([chance.randint(1, 9) for _ in range(3)], streams, aws=aws)

    whole = conf([4, 4, 4], [0, 1, 2])
    process = job.firebridge.start(whole, "run", env=systemd.env)
    process.wait_until(control.socket_of(job.firebridge).exists)
    failures = []
    put = [0, 0, 0]

    def again(step):
        def loop():
            while time.monotonic() < ends:
                try:
                    step()
                except Exception as failure:  # pylint: disable=broad-except
                    failures.append(failure)
                    return
        return threading.Thread(target=loop)

    def signals():
        job.firebridge.conf_file.write_text(some_conf())
        process.popen.send_signal(signal.SIGHUP)
        time.sleep(chance.random() * 0.4)

    def objects():
        n = chance.randrange(3)
        name = firehose.key(f"{n}/", job.begin, suffix=f"{put[n]:04}")
        firehose.put_body(job.s3, job.bucket, name, firehose.body(records(OBJECT, OBJECT * put[n])))
        put[n] += 1

    def asks(verb, **more):
        def step():
            answer = control.ask(control.socket_of(job.firebridge), verb=verb, **more)
            assert answer["ok"] or answer["status"] == "not-found", answer
        return step

    threads = [again(step) for step in (
        signals, objects, asks("status"), asks("status", stream="s1"), asks("pause"),
        asks("resume"), asks("drain", stream="s0"), asks("resume", stream="s0"), asks("reload"),
        asks("log-level", level="debug"), asks("log-level", level="info"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures and process.alive(), (failures, process.log[-3000:])
    result = job.firebridge(whole, "reload")
    assert result.code == 0, result
    assert job.firebridge(whole, "resume").code == 0
    process.wait_until(lambda: [table.count() for table in tables] == [OBJECT * n for n in put],
                       timeout_s=120)
    process.terminate()
    ended = process.wait(60)
    assert ended.code == 0, ended
    assert "ERROR: " not in ended.stderr and "sign of life" not in ended.stderr
    for table, count in zip(tables, put):
        table.expect(records(OBJECT * count))
