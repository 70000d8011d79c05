# SPDX-License-Identifier: Apache-2.0
"""SIGHUP and `firebridge reload`: what changes, what runs on, and what is refused."""

import json
import pathlib
import re
import signal

import pytest

import control
import fault_proxy
import firehose
import manager
from test_bad_input import job, records  # noqa: F401 (a fixture)
from test_hold import bulky, plain, status


def rewrite(runner, process, conf):
    """Another conf, and SIGHUP."""
    runner.conf_file.write_text(conf)
    process.popen.send_signal(signal.SIGHUP)


def status_of(job, conf):
    result = job.firebridge(conf, "status", "--output", "json")
    return json.loads(result.stdout)["streams"][0]["state"] if result.stdout else ""


def start(firebridge, conf, tmp_path):
    systemd = manager.Manager(tmp_path)
    process = control.start(firebridge, conf, env=systemd.env)
    process.wait_until(lambda: systemd.lines("READY=1"))
    return process, systemd


def test_under_load_an_unchanged_stream_runs_on_and_a_changed_one_begins_anew(
        job, make_table, tmp_path, s3_server, dynamodb_server):
    """No record is lost, and the unchanged stream's object is read in one GET."""
    other = make_table()
    for prefix in ("p", "q"):
        firehose.put_body(job.s3, job.bucket, firehose.key(f"{prefix}/", job.begin, suffix=""),
                          plain(bulky(600)))

    def rule(call):
        return fault_proxy.delay(0.3) if call.operation == "BatchWriteItem" else None

    def conf(writers):
        return job.make_conf(
            same=(f"s3://{job.bucket}/p/", job.table),
            other=(f"s3://{job.bucket}/q/", other, f"writers = {writers}"),
            dynamodb_url=table.url, s3_url=source.url, stream="max_in_flight = 1MiB")

    def gets(prefix):
        return [call for call in source.of("GET") if f"/{prefix}/" in call.path]

    with (fault_proxy.FaultProxy(dynamodb_server.url, rule) as table,
          fault_proxy.FaultProxy(s3_server.url, lambda _: None) as source):
        systemd = manager.Manager(tmp_path)
        process = job.firebridge.start(conf(16), "run", env=systemd.env)
        process.wait_until(lambda: systemd.lines("READY=1") and gets("p") and gets("q"))
        rewrite(job.firebridge, process, conf(8))
        process.wait_until(lambda: "and begins there as the conf is now" in process.log)
        assert "the conf is read anew: 1 streams unchanged, 1 changed, 0 added, 0 removed" in process.log
        table.rule = None
        process.wait_until(lambda: process.log.count(" done: 600 records") == 2, timeout_s=60)
        process.wait_until(lambda: len(systemd.lines("READY=1")) == 2)
        assert len(gets("p")) == 1 and len(gets("q")) == 2
        process.terminate()
        assert process.wait().code == 0
    lines = systemd.lines()
    begun = lines.index("RELOADING=1")
    assert re.fullmatch(r"MONOTONIC_USEC=\d+", lines[begun + 1])
    assert "READY=1" in lines[begun:] and lines.index("STOPPING=1") > begun
    job.table.expect(bulky(600))
    other.expect(bulky(600))


def test_streams_come_and_go(job, make_table):
    """The state of one that is gone stays, and it goes on there when it is back."""
    second = make_table()
    job.put(firehose.body(records(10)))

    def conf(**streams):
        return job.make_conf(**streams)

    main = (f"s3://{job.bucket}/p/", job.table)
    more = (f"s3://{job.bucket}/p/", second)
    process = job.firebridge.start(conf(main=main), "run")
    process.wait_until(lambda: " done: 10 records" in process.log)
    result = job.firebridge(conf(more=more), "reload")
    assert (result.code, result.stdout) == (
        0, "the conf is in force: 0 streams unchanged, 0 changed, 1 added, 1 removed\n")
    process.wait_until(lambda: process.log.count(" done: 10 records") == 2)
    assert [s["stream"] for s in status(job, conf(more=more))["streams"]] == ["more"]
    result = job.firebridge(conf(main=main, more=more), "reload", "--output", "json")
    assert json.loads(result.stdout) == {
        "outcome": "1 streams unchanged, 0 changed, 1 added, 0 removed"}
    result = job.firebridge(conf(main=main, more=more), "reload", "--no-wait", "--output", "json")
    assert (result.code, json.loads(result.stdout)) == (0, {"outcome": None})
    job.put(firehose.body(records(10, start=10)))
    process.wait_until(lambda: process.log.count(" done: 10 records") == 4)
    process.terminate()
    assert process.wait().code == 0
    job.table.expect(records(20))
    second.expect(records(20))


def test_a_changed_stream_drains_for_stop_timeout_at_most(job, dynamodb_server):
    job.put(firehose.body(records(1000)))

    def rule(call):
        return fault_proxy.throttle if call.operation == "BatchWriteItem" else None

    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        def conf(writers):
            return job.conf(dynamodb_url=proxy.url, daemon="stop_timeout = 2s",
                            stream=f"writers = {writers}")

        process = job.firebridge.start(conf(4), "run")
        process.wait_until(lambda: len(proxy.of("BatchWriteItem")) > 3)
        rewrite(job.firebridge, process, conf(5))
        process.wait_until(lambda: "and begins there as the conf is now" in process.log, timeout_s=10)
        proxy.rule = None
        process.wait_until(lambda: " done: 1000 records" in process.log)
        process.terminate()
        assert process.wait().code == 0
    job.table.expect(records(1000))


def test_a_stream_that_has_stopped_begins_again_though_the_conf_is_as_it_was(job):
    name = job.put(b"no json at all " * 100)
    conf = job.conf(stream="max_dead_letters = 1 in 1")
    process = job.firebridge.start(conf, "run")
    process.wait_until(lambda: status_of(job, conf) == "stopped")
    firehose.put_body(job.s3, job.bucket, name, firehose.body(records(10)))
    assert "1 changed" in job.firebridge(conf, "reload").stdout
    process.wait_until(lambda: " done: 10 records" in process.log)
    job.table.expect(records(10))


BASE = (("ticker", "time_zone = Europe/Vienna"), ("clicks",))
REFUSED = {
    "a mistake": ((("ticker", "writers = many"),), "", r"firebridge.conf:\d+: writers: "),
    "no stream": ((), None, "there is no stream"),
    "another state_dir": (BASE, "", "state_dir has changed: restart"),
    "another log_format": (BASE, "log_format = json", "log_format has changed: restart"),
    "another runtime_dir": (BASE, "runtime_dir = {folder}/elsewhere", "runtime_dir has changed: restart"),
    "a new time zone": ((("ticker", "time_zone = Asia/Tokyo"),), "", "Asia/Tokyo.* is new.* restart"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_leaves_the_old_conf_in_force(firebridge, tmp_path, name):
    streams, daemon, why = REFUSED[name]
    good = control.conf(firebridge, *BASE)
    process, systemd = start(firebridge, good, tmp_path)
    bad = ("[daemon]\n" if daemon is None else
           control.conf(firebridge, *streams, daemon=daemon.format(folder=tmp_path)))
    if name == "another state_dir":
        bad = bad.replace(str(firebridge.state), str(tmp_path / "elsewhere"))
    rewrite(firebridge, process, bad)
    process.wait_until(lambda: "the conf is refused, and the one that was read before" in process.log)
    assert re.search(why, process.log)
    process.wait_until(lambda: len(systemd.lines("READY=1")) == 2 and systemd.lines(
        "STATUS=the conf is refused, the old one is in force: "))
    firebridge.conf_file.write_text(good)
    shown = control.ask(control.socket_of(firebridge), verb="status")
    assert re.search(why, shown["conf_refused"])
    assert [s["stream"] for s in shown["streams"]] == ["ticker", "clicks"]
    # The good one again: nothing has changed.
    result = firebridge(good, "reload")
    assert result.stdout == (
        "the conf is in force: 2 streams unchanged, 0 changed, 0 added, 0 removed\n"), result
    assert control.ask(control.socket_of(firebridge), verb="status")["conf_refused"] is None


def test_a_zone_and_a_jq_program_that_are_known_may_change_places(firebridge, tmp_path):
    if "jq" not in firebridge.bare("version").stdout:
        pytest.skip("this build has no jq")
    one = control.conf(firebridge, ("ticker", "time_zone = Europe/Vienna", "filter_jq = .a == 1"),
                       ("clicks",))
    process, _ = start(firebridge, one, tmp_path)
    two = control.conf(firebridge, ("ticker",),
                       ("clicks", "time_zone = Europe/Vienna", "filter_jq = .a == 1"))
    result = firebridge(two, "reload")
    assert "0 streams unchanged, 2 changed" in result.stdout, result
    three = control.conf(firebridge, ("ticker", "filter_jq = .a == 2"), ("clicks",))
    rewrite(firebridge, process, three)
    process.wait_until(lambda: "filter_jq: the program is new" in process.log)
    assert re.search(r"firebridge.conf:\d+: \[stream ticker\]: filter_jq: ", process.log)
    assert process.alive()


def test_what_stands_in_aws_changes_every_stream(firebridge, tmp_path):
    process, _ = start(firebridge, control.conf(firebridge, *BASE), tmp_path)
    result = firebridge(control.conf(firebridge, *BASE, aws="request_timeout = 20s"), "reload")
    assert "0 streams unchanged, 2 changed" in result.stdout, result
    assert process.alive()


def test_what_stands_in_aws_needs_a_restart_where_state_backup_uses_it(firebridge, tmp_path):
    kept = "state_backup = s3://kept/state.db.gz"
    process, _ = start(firebridge, control.conf(firebridge, *BASE, daemon=kept), tmp_path)
    changed = control.conf(firebridge, *BASE, daemon=kept, aws="request_timeout = 20s")
    assert firebridge(changed, "reload").code == 1
    assert "[aws], which state_backup uses too, has changed: restart" in process.log
    assert "0 changed" in firebridge(control.conf(firebridge, *BASE, daemon=kept), "reload").stdout


def test_the_log_level_and_stop_timeout_need_no_stream_to_change(firebridge, tmp_path):
    process, _ = start(firebridge, control.conf(firebridge, *BASE), tmp_path)
    result = firebridge(control.conf(firebridge, *BASE, daemon="log_level = error"), "reload")
    assert "2 streams unchanged" in result.stdout, result
    assert control.ask(control.socket_of(firebridge), verb="status")["log_level"] == "error"
    assert process.alive()


def test_a_paused_stream_that_changes_stays_paused(firebridge, tmp_path):
    start(firebridge, control.conf(firebridge, *BASE), tmp_path)
    assert firebridge(control.conf(firebridge, *BASE), "pause", "ticker").code == 0
    changed = control.conf(firebridge, ("ticker", "writers = 3"), ("clicks",))
    assert "1 changed" in firebridge(changed, "reload").stdout
    shown = control.ask(control.socket_of(firebridge), verb="status")["streams"]
    assert [(s["stream"], s["held"]) for s in shown] == [("ticker", True), ("clicks", False)]


def test_many_signals_and_a_stop_among_them_do_no_harm(firebridge, tmp_path):
    process, _ = start(firebridge, control.conf(firebridge, *BASE), tmp_path)
    for writers in range(1, 12):
        rewrite(firebridge, process, control.conf(firebridge, ("ticker", f"writers = {writers}")))
    process.terminate()
    assert process.wait().code == 0


def test_a_signal_while_the_conf_is_read_for_the_first_time_ends_nothing(firebridge, tmp_path):
    """Many jq programs make that long; each has a process."""
    if "jq" not in firebridge.bare("version").stdout:
        pytest.skip("this build has no jq")
    systemd = manager.Manager(tmp_path)
    conf = control.conf(firebridge, *((f"s{n}", f"filter_jq = .a == {n}") for n in range(12)))
    process = firebridge.start(conf, "run", env=systemd.env)
    children = pathlib.Path(f"/proc/{process.popen.pid}/task/{process.popen.pid}/children")
    process.wait_until(children.read_text)
    assert not process.log
    process.popen.send_signal(signal.SIGHUP)
    process.wait_until(lambda: "the conf is read anew: 12 streams unchanged" in process.log)
    process.terminate()
    assert process.wait().code == 0


def test_without_a_daemon_reload_says_so(firebridge):
    result = firebridge(control.conf(firebridge), "reload")
    assert result.code == 1 and "no daemon runs" in result.stderr
