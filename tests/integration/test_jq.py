# SPDX-License-Identifier: Apache-2.0
"""jq programs through the daemon: what they take and make, and that nothing they do harms it."""

import contextlib
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import pytest

import firehose
from test_kill import run_killing

ORDERS = [
    {"order": 1, "lines": [{"sku": "a", "n": 2}, {"sku": "b", "n": 1.5}], "test": False},
    {"order": 2, "lines": [{"sku": "c", "n": 1}], "test": True},
    {"order": 3, "lines": []},
    {"order": 4, "lines": [{"sku": "a", "n": 7}]},
]

PER_LINE = """
filter_jq = .test | not
transform_jq = .order as $order
  | .lines[]
  | {pk: "order#\\($order)", sk: .sku, n}
"""

MISBEHAVING = """
transform_jq = if .do == "loop" then last(range(1e12))
  elif .do == "eat" then [range(1e10)]
  elif .do == "fail" then error("not this one")
  elif .do == "text" then "text"
  else {id, n} end
"""


@pytest.fixture(scope="module", autouse=True)
def has_jq(program):
    """A build without libjq says so, and skips what follows."""
    if "libjq" not in subprocess.run(["ldd", program], capture_output=True, text=True,
                                     check=True).stdout:
        pytest.skip("this build is without libjq")


def processes_of(pid):
    """The nursery's, and its workers', of a daemon."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == pid and fields[0] != "Z":
                found.append(int(folder.name))
    return found


def test_records_are_filtered_and_become_several_items(firebridge, make_conf, s3, bucket,
                                                       make_table):
    table = make_table(partition=("pk", "S"), sort=("sk", "S"))
    firehose.put(s3, bucket, "j/", firehose.now(), ORDERS)
    result = firebridge.once(make_conf(main=(f"s3://{bucket}/j/", table)) + PER_LINE)
    table.expect([{"pk": "order#1", "sk": "a", "n": 2}, {"pk": "order#1", "sk": "b", "n": 1.5},
                  {"pk": "order#4", "sk": "a", "n": 7}])
    assert "2 records: 3 items written" in result.stderr
    assert ", 2 left out" in result.stderr
    assert firebridge.dead_letters() == []


def test_who_loops_eats_or_fails_is_a_dead_letter_and_no_more(firebridge, make_conf, s3, bucket,
                                                              table):
    records = [{"id": str(n), "n": n} for n in range(300)]
    bad = {50: "loop", 51: "eat", 120: "fail", 299: "text"}
    for number, what in bad.items():
        records[number]["do"] = what
    firehose.put(s3, bucket, "j/", firehose.now(), records)
    result = firebridge.once(make_conf(main=(f"s3://{bucket}/j/", table)) + MISBEHAVING)
    table.expect([record for record in records if "do" not in record])
    letters = {letter["id"]["record"]: letter for letter in map(json.loads,
                                                                firebridge.dead_letters())}
    assert set(letters) == set(bad)
    assert {letter["reason"] for letter in letters.values()} == {"jq"}
    assert letters[50]["message"] == "the jq program takes too long"
    assert letters[120]["message"] == "transform_jq fails: not this one"
    assert result.peak_rss_bytes < 200 << 20


def test_numbers_that_jq_would_change_are_dead_letters_unless_the_conf_says_how(
        firebridge, make_conf, s3, bucket, make_table):
    body = [b'{"id":"a","n":9007199254740993}', b'{"id":"b","n":0.1}']
    firehose.put(s3, bucket, "j/", firehose.now(), body)
    source = f"s3://{bucket}/j/"
    strict, exact = make_table(), make_table()
    conf = make_conf(
        main=(source, strict, "transform_jq = {id, n}"),
        exact=(source, exact, 'transform_jq = {id: "user#\\(.n)", n}\nnumber_overflow = string\n'
                              "item.n = {n:as=number}"))
    firebridge.once(conf)
    [letter] = map(json.loads, firebridge.dead_letters())
    assert letter["reason"] == "number-precision" and letter["id"]["record"] == 0
    strict.expect([{"id": "b", "n": 0.1}])
    exact.expect([{"id": "user#9007199254740993", "n": 9007199254740993},
                  {"id": "user#0.1", "n": 0.1}])


@pytest.mark.slow
def test_many_records_go_through_while_workers_are_killed(firebridge, make_conf, s3, bucket, table):
    count = 40000
    for hour in range(4):
        firehose.put(s3, bucket, "j/", firehose.hours_ago(hour),
                     [{"id": f"{hour}-{n}", "n": n} for n in range(count // 4)])
    conf = make_conf(main=(f"s3://{bucket}/j/", table)) + "transform_jq = {id, n: (.n + 1)}\n"
    process = firebridge.start(conf, "run", "--once")
    kills = 0
    while process.alive():
        for nursery in processes_of(process.popen.pid):
            for worker in processes_of(nursery):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
                    kills += 1
        time.sleep(0.1)
    result = process.wait()
    assert result.code == 0, str(result)
    assert kills >= 3
    assert firebridge.dead_letters() == []
    table.expect([{"id": f"{hour}-{n}", "n": n + 1} for hour in range(4)
                  for n in range(count // 4)])


@pytest.mark.slow
def test_all_that_a_record_becomes_is_there_after_every_crash(firebridge, make_conf, s3, bucket,
                                                              make_table):
    dice = random.Random(3)
    table = make_table(partition=("id", "S"), sort=("part", "N"))
    for hour in range(4):
        firehose.put(s3, bucket, "j/", firehose.hours_ago(hour),
                     [{"id": f"{hour}-{n}", "parts": n % 4} for n in range(3000)])
    conf = make_conf(main=(f"s3://{bucket}/j/", table)) + (
        "transform_jq = {id, part: range(.parts)}\n")
    assert run_killing(firebridge, conf, dice, 8) >= 4
    table.expect([{"id": f"{hour}-{n}", "part": part} for hour in range(4) for n in range(3000)
                  for part in range(n % 4)])


def test_without_the_process_that_forks_workers_the_stream_stops(firebridge, make_conf, s3, bucket,
                                                                 table):
    conf = make_conf(main=(f"s3://{bucket}/j/", table)) + "transform_jq = {id}\n"
    process = firebridge.start(conf, "run")
    process.wait_until(lambda: "ready" in process.log)
    [nursery] = processes_of(process.popen.pid)
    os.kill(nursery, signal.SIGKILL)
    firehose.put(s3, bucket, "j/", firehose.now(), [{"id": "a"}])
    process.wait_until(lambda: "stream main: it stops: the process that jq's programs are run from was "
                               "ended from outside" in process.log)
    process.terminate()
    process.wait()
    table.expect([])
    assert firebridge.dead_letters() == []
    firebridge.once(conf)
    table.expect([{"id": "a"}])


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_no_process_outlives_the_daemon(firebridge, make_conf, s3, bucket, table, end):
    firehose.put(s3, bucket, "j/", firehose.now(), [{"id": "a"}])
    process = firebridge.start(make_conf(main=(f"s3://{bucket}/j/", table)) + "filter_jq = true\n",
                               "run")
    process.wait_until(lambda: table.count() == 1)
    [nursery] = processes_of(process.popen.pid)
    [worker] = processes_of(nursery)
    getattr(process, end)()
    process.wait()
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and any(
            pathlib.Path(f"/proc/{pid}/status").exists() and
            "Z (zombie)" not in pathlib.Path(f"/proc/{pid}/status").read_text()
            for pid in (nursery, worker)):
        time.sleep(0.05)
    assert time.monotonic() < deadline


def test_a_process_of_jq_has_nothing_of_the_daemon(firebridge, make_conf, s3, bucket, table):
    firehose.put(s3, bucket, "j/", firehose.now(), [{"id": "a"}])
    conf = make_conf(main=(f"s3://{bucket}/j/", table)) + (
        "transform_jq = {id, env: ($ENV | length)}\n")
    process = firebridge.start(conf, "run")
    process.wait_until(lambda: table.count() == 1)
    table.expect([{"id": "a", "env": 0}])
    [nursery] = processes_of(process.popen.pid)
    [worker] = processes_of(nursery)
    for pid in (nursery, worker):
        assert pathlib.Path(f"/proc/{pid}/comm").read_text() == "firebridge-jq\n"
        places = [os.readlink(file) for file in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
        assert sorted(place.split(":")[0] for place in places) == ["/dev/null"] * 3 + ["socket"]
    limits = pathlib.Path(f"/proc/{worker}/limits").read_text()
    assert [line.split()[3:5] for line in limits.splitlines() if "open files" in line] == [["0"] * 2]
    assert "Max address space         unlimited" not in limits
    process.terminate()
    assert process.wait().code == 0


def test_a_program_that_does_not_compile_is_an_error_of_the_conf(firebridge, make_conf, table):
    conf = make_conf(main=("s3://bucket/j/", table)) + "transform_jq = {id:\n  nope}\n"
    line = conf.splitlines().index("transform_jq = {id:") + 1
    for command in (["run", "--once"], ["check"]):
        result = firebridge(conf, *command)
        assert result.code == 1
        assert f"firebridge.conf:{line}: [stream main]: transform_jq: nope/0 is not defined" in (
            result.stderr), result


def test_explain_shows_what_programs_make(firebridge, tmp_path):
    file = tmp_path / "orders.json"
    file.write_text("\n".join(map(json.dumps, ORDERS)))
    filtering, transforming = PER_LINE.strip().split("\n", 1)
    result = firebridge.bare(
        "explain", "--key", "pk,sk", "--output", "json", "--set", filtering,
        "--set", transforming, str(file))
    assert result.code == 0, result
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [(line["record"], line["item"]["sk"]["S"]) for line in lines if "record" in line] == [
        (0, "a"), (0, "b"), (3, "a")]
    assert (lines[-1]["records"], lines[-1]["items"], lines[-1]["left_out"]) == (4, 3, 2)
    result = firebridge.bare("explain", "--set", "filter_jq = nope", str(file))
    assert result.code == 1 and "filter_jq: nope/0 is not defined" in result.stderr
