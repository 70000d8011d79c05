# SPDX-License-Identifier: Apache-2.0
"""pause, resume, drain and status, with a daemon that carries, and with none."""

import concurrent.futures
import json
import os
import pty
import re

import pytest

import control
import fault_proxy
import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)


def status(job, conf, *arguments, code=0):
    result = job.firebridge(conf, "status", "--output", "json", *arguments)
    assert result.code == code, result
    return json.loads(result.stdout)


def command(job, conf, *arguments, code=0):
    result = job.firebridge(conf, *arguments)
    assert result.code == code, result
    return result


@pytest.fixture(name="slow")
def fixture_slow(dynamodb_server, s3_server):
    """A table that takes its time, so that an object is at work for a while; S3 is counted."""
    def rule(call):
        return fault_proxy.delay(0.3) if call.operation == "BatchWriteItem" else None

    with (fault_proxy.FaultProxy(dynamodb_server.url, rule) as table,
          fault_proxy.FaultProxy(s3_server.url, lambda _: None) as source):
        yield table, source


def bulky(count, start=0):
    return [{"id": f"{n}", "filler": f"{n:08}" * 250} for n in range(start, start + count)]


def plain(some):
    return "".join(json.dumps(record) for record in some).encode()


def slow_conf(job, slow, **options):
    table, source = slow
    return job.conf(dynamodb_url=table.url, s3_url=source.url, stream="max_in_flight = 1MiB",
                    **options)


def all_is_written(job, conf):
    shown = status(job, conf)["streams"][0]
    return shown["records"] == shown["items_written"]


def test_a_paused_stream_reads_nothing_and_goes_on_where_it_stood(job, slow):
    table, source = slow
    job.put(plain(bulky(1200)))
    conf = slow_conf(job, slow)
    process = job.firebridge.start(conf, "run")
    process.wait_until(lambda: table.of("BatchWriteItem"))
    assert command(job, conf, "pause", "main").stdout == "stream main is paused\n"
    shown = status(job, conf)["streams"][0]
    assert (shown["state"], shown["healthy"]) == ("paused", True)
    assert shown["at_work"][0]["object"].startswith("p/")
    assert shown["at_work"][0]["read_bytes"] < shown["at_work"][0]["size_bytes"]
    listed = len(source.of("LIST"))
    process.wait_until(lambda: all_is_written(job, conf) and len(source.of("LIST")) > listed + 1)
    assert len(source.of("GET")) == 1
    assert command(job, conf, "resume").stdout == "stream main goes on\n"
    process.wait_until(lambda: status(job, conf)["streams"][0]["items_written"] == 1200)
    assert len(source.of("GET")) == 2
    process.terminate()
    assert process.wait().code == 0
    assert "stream main: 1 objects, 1200 records" in process.log
    job.table.expect(bulky(1200))


def test_a_drain_finishes_what_was_begun_and_nothing_else(job, slow):
    table, source = slow
    for n in range(4):
        job.put(plain(bulky(300, start=300 * n)))
    conf = slow_conf(job, slow)
    process = job.firebridge.start(conf, "run")
    process.wait_until(lambda: table.of("BatchWriteItem"))
    assert command(job, conf, "drain", "--no-wait").stdout == "stream main is draining\n"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        draining = pool.submit(job.firebridge, conf, "drain")
        process.wait_until(lambda: process.log.count("it takes up no more objects") == 2)
        command(job, conf, "pause")
        assert draining.result().code == 1
        assert "stream main was paused meanwhile" in draining.result().stderr
    assert command(job, conf, "drain").stdout == "stream main is drained, and paused\n"
    shown = status(job, conf)["streams"][0]
    begun = len({call.key for call in source.of("GET")})
    assert shown["state"] == "drained" and shown["at_work"] == [] and shown["objects"] == begun < 4
    assert job.table.count() == shown["items_written"] == 300 * begun
    # A pause ends with the daemon.
    process.terminate()
    assert process.wait().code == 0
    job.once()
    job.table.expect(bulky(1200))


def test_a_drain_of_a_stream_that_has_stopped_says_so(job):
    job.put(b"no json at all " * 100)
    conf = job.conf(stream="max_dead_letters = 1 in 1")
    process = job.firebridge.start(conf, "run")
    process.wait_until(lambda: "stream main: it stops" in process.log)
    assert "stream main has stopped" in command(job, conf, "drain", code=1).stderr
    shown = status(job, conf, code=1)["streams"][0]
    assert shown["state"] == "stopped" and "max_dead_letters" in shown["last_error"]


def test_status_tells_a_stream_in_trouble_from_one_that_is_well(job):
    key = job.put(firehose.body(records(1000)))
    conf = job.make_conf(well=(f"s3://{job.bucket}/p/", job.table),
                         ill=(f"s3://{job.bucket}/q/", "no-such-table"))
    process = job.firebridge.start(conf, "run")
    process.wait_until(lambda: f"object {key} done" in process.log and "no-such-table" in process.log)
    # The backlog is some seconds old.
    process.wait_until(
        lambda: status(job, conf, code=1)["streams"][0]["backlog_objects"] == 0)
    well, ill = status(job, conf, code=1)["streams"]
    assert (well["state"], well["healthy"], well["last_error"]) == ("healthy", True, None)
    assert (well["objects"], well["records"], well["items_written"]) == (1, 1000, 1000)
    assert (well["dead_letters"], well["table_credentials_expire"]) == (0, None)
    assert (well["write_units"], well["write_units_saved"], well["throttles"]) == (1000, 0, 0)
    assert well["write_units_limit_per_second"] is None and well["write_units_per_second"] >= 0
    assert (ill["state"], ill["healthy"]) == ("in trouble", False)
    assert "no-such-table" in ill["last_error"] and ill["last_error_time"]
    assert [s["stream"] for s in status(job, conf, "--stream", "well")["streams"]] == ["well"]
    answer = command(job, conf, "status", "--stream", "wel", code=1)
    assert "no stream wel; did you mean well?" in answer.stderr
    table = command(job, conf, "status", code=1).stdout
    lines = table.splitlines()
    assert re.match(r"STREAM +STATE +LAG +BACKLOG", lines[0])
    assert re.match(r"well +healthy +none +none ", lines[1])
    assert re.match(r"ill +in trouble ", lines[3])
    assert re.match(r"  writes   [0-9,]+ write units a second; 1,000 used, 0 saved by waiting; "
                    r"throttled 0 times$", lines[2])
    assert "  error    20" in table and "no-such-table" in table
    assert job.firebridge.env["AWS_SECRET_ACCESS_KEY"] not in table + json.dumps([well, ill])


def test_status_without_a_daemon_shows_what_the_state_file_says(job):
    job.put(firehose.body(records(1000)))
    conf = job.conf()
    process = job.firebridge.start(conf, "run")
    process.wait_until(lambda: "object" in process.log and " done:" in process.log)
    command(job, conf, "pause")
    job.put(b"no json" * 100)
    process.wait_until(lambda: status(job, conf)["streams"][0]["backlog_objects"] == 1)
    process.kill()
    result = command(job, conf, "status", "--output", "json", code=1)
    assert "no daemon runs" in result.stderr
    answer = json.loads(result.stdout)
    assert answer["daemon"] is False
    assert answer["streams"][0]["state"] == "not running"
    assert (answer["streams"][0]["backlog_objects"], answer["streams"][0]["backlog_bytes"]) == (1, 700)
    assert re.search(r"main +not running +2 h .* 1 object, 700 B", command(job, conf, "status", code=1).stdout)


@pytest.mark.parametrize("arguments", [["status"], ["pause"], ["resume"], ["drain", "main"]])
def test_without_a_daemon_a_command_says_so(firebridge, arguments):
    result = firebridge(control.conf(firebridge), *arguments)
    assert result.code == 1 and "no daemon runs" in result.stderr
    assert list(firebridge.state.iterdir()) == []


@pytest.mark.parametrize("verb", ["pause", "resume", "drain"])
def test_a_stream_that_is_not_there_is_named(firebridge, verb):
    conf = control.conf(firebridge, ("ticker",), ("clicks",))
    process = control.start(firebridge, conf)
    result = firebridge(conf, verb, "tikker")
    assert result.code == 1 and "no stream tikker; did you mean ticker?" in result.stderr
    assert process.alive()


def test_a_stream_that_never_began_is_drained_at_once(firebridge):
    conf = control.conf(firebridge)
    control.start(firebridge, conf)
    assert firebridge(conf, "drain").stdout == "stream main is drained, and paused\n"


def test_watch_prints_a_line_a_stream_on_a_pipe(firebridge):
    conf = control.conf(firebridge, ("ticker",), ("clicks",))
    control.start(firebridge, conf)
    watcher = firebridge.start(conf, "status", "--watch")
    watcher.wait_until(lambda: watcher.printed.count("\n") >= 4)
    watcher.kill()
    assert re.match(r"20\S+Z  ticker: in trouble, lag none, backlog 0 objects", watcher.printed)
    assert "\033" not in watcher.printed


def test_watch_redraws_on_a_terminal(firebridge):
    conf = control.conf(firebridge)
    process = control.start(firebridge, conf)
    child, terminal = pty.fork()
    if child == 0:
        os.execve(firebridge.program, ["firebridge", "status", "--watch", "-c",
                                       str(firebridge.conf_file)], firebridge.env)
    shown = b""
    while b"main " not in shown:
        shown += os.read(terminal, 65536)
    assert shown.startswith(b"\033[H\033[JSTREAM ")
    process.kill()
    while b"not running" not in shown:
        shown += os.read(terminal, 65536)
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(terminal)
    # The last screen has why, and what the state file says.
    assert shown.rpartition(b"\033[H\033[J")[2].startswith(b"no daemon runs")
