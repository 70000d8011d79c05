# SPDX-License-Identifier: Apache-2.0
"""Dead letters in S3: kept before their records count as done, whatever happens to the calls."""

import re
import time

import pytest

import fault_proxy
import firehose
import letters
from test_bad_input import job, records  # noqa: F401 (a fixture)

DENIED = fault_proxy.answer(403, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code>"
                            b"<Message>by the fault proxy</Message></Error>", "application/xml")


def bad(count, start=0):
    return [b'{"no": %d}' % n for n in range(start, start + count)]


@pytest.fixture
def store(job):
    return letters.Bucket(job.s3, job.bucket)


def test_a_run_leaves_its_letters_in_one_object(job, store):
    job.put(firehose.body(records(50) + bad(30)))
    job.put(firehose.body(records(50, start=50) + bad(30, start=30)))
    job.once(stream=store.conf)
    job.table.expect(records(100))
    assert letters.texts(store) == sorted(bad(60))
    assert job.firebridge.dead_letters() == []
    [name] = store.names()
    assert re.fullmatch(r"dead/main/\d{4}/\d\d/\d\d/dead-letters-\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{16}"
                        r"\.jsonl\.gz", name)
    job.once(stream=store.conf)
    assert store.names() == [name]


@pytest.mark.soak
def test_a_running_daemon_puts_them_once_a_minute_at_the_latest(job, store):
    process = job.firebridge.start(job.conf(stream=store.conf), "run")
    job.put(firehose.body(bad(3)))
    started = time.monotonic()
    process.wait_until(lambda: store.names(), timeout_s=90)
    assert 50 < time.monotonic() - started < 75
    assert letters.texts(store) == sorted(bad(3))
    process.terminate()
    assert process.wait().code == 0


def test_a_stop_keeps_what_was_gathered(job, store):
    process = job.firebridge.start(job.conf(stream=store.conf), "run")
    job.put(firehose.body(bad(3)))
    process.wait_until(lambda: "dead letter: " in process.log)
    assert store.names() == []
    process.terminate()
    assert process.wait().code == 0
    assert letters.texts(store) == sorted(bad(3))


def test_what_is_denied_stops_the_frontier_and_goes_on_when_it_is_allowed(job, store, s3_server):
    allowed = []

    def rule(call):
        return None if call.operation != "PUT" or allowed else DENIED

    job.put(firehose.body(records(10) + bad(3)))
    with fault_proxy.FaultProxy(s3_server.url, rule) as proxy:
        process = job.firebridge.start(job.conf(stream=store.conf, s3_url=proxy.url), "run")
        process.wait_until(lambda: "dead letter: " in process.log)
        process.terminate()  # what is gathered is to be kept at once
        process.wait_until(lambda: "s3:PutObject" in process.log)
        assert store.names() == []
        allowed.append(True)
        assert process.wait().code == 0
    assert letters.texts(store) == sorted(bad(3))
    job.table.expect(records(10))


def test_once_gives_up_where_it_is_denied_and_a_later_run_keeps_them_all(job, store, s3_server):
    job.put(firehose.body(records(10) + bad(3)))
    with fault_proxy.FaultProxy(s3_server.url, lambda call: DENIED if call.operation == "PUT" else None) as proxy:
        result = job.fail(stream=store.conf, s3_url=proxy.url)
    assert "dead letters: PutObject of s3://" in result.stderr
    job.once(stream=store.conf)
    assert letters.texts(store) == sorted(bad(3))
    job.table.expect(records(10))


def test_a_kill_before_the_object_is_put_loses_none(job, store):
    process = job.firebridge.start(job.conf(stream=store.conf), "run")
    job.put(firehose.body(records(10) + bad(5)))
    process.wait_until(lambda: job.table.count() == 10 and "dead letter: " in process.log)
    time.sleep(2)  # a checkpoint
    process.kill()
    assert store.names() == []
    job.once(stream=store.conf)
    assert letters.texts(store) == sorted(bad(5))
    job.table.expect(records(10))


def test_puts_that_fail_in_every_way_leave_each_letter(job, store, s3_server):
    faults = (fault_proxy.fail_before, fault_proxy.fail_after, fault_proxy.cut_before,
              fault_proxy.cut_after, fault_proxy.half_answer, fault_proxy.html_502)
    for n in range(4):
        job.put(firehose.body(bad(20, start=20 * n) + records(5, start=5 * n)))
    rule = fault_proxy.randomly(7, "PUT", *faults, share=0.7)
    with fault_proxy.FaultProxy(s3_server.url, rule) as proxy:
        job.once(stream=store.conf, s3_url=proxy.url, patience="60s")
        assert any(call.fault for call in proxy.of("PUT"))
    assert sorted(set(letters.texts(store))) == sorted(bad(80))
    job.table.expect(records(20))


def test_a_place_that_a_stream_reads_is_refused(job):
    result = job.fail(stream=f"dead_letters = s3://{job.bucket}/p/dead/")
    assert "where stream main reads; take another prefix or bucket" in result.stderr


def test_check_says_where_they_go_and_a_rename_where_they_stay(job, store):
    text = job.conf(stream=store.conf)
    job.put(firehose.body(bad(1)))
    job.firebridge.once(text)
    place = f"s3://{job.bucket}/dead/"
    assert f"dead letters go to {place}, which is not tried" in job.firebridge(text, "check").stdout
    result = job.firebridge(text.replace("stream main", "stream other"), "state", "rename", "main", "other")
    assert result.code == 0 and f"stay under {place}main/; move them to {place}other/" in result.stdout
