# SPDX-License-Identifier: Apache-2.0
"""Objects that an operator takes off, beside the daemon and without one."""

import json
import threading

import fault_proxy
import firehose
from test_bad_input import job  # noqa: F401 (a fixture)

DENIED = fault_proxy.answer(403, b"<Error><Code>AccessDenied</Code></Error>", "application/xml")


def records(name, count):
    return [{"id": f"{name}{n}", "n": n} for n in range(count)]


def skip(job, conf, key, *arguments, code=0, why="a test"):
    """Runs it beside what may run already, with the conf that is there."""
    result = job.firebridge(conf, "skip", "--key", key, "--why", why, *arguments)
    assert result.code == code, str(result)
    return result


def state_of(job, key):
    [row] = job.firebridge.sql(f"SELECT state, reason FROM object WHERE key = '{key}'")
    return row


def blocked(key):
    return lambda call: DENIED if call.operation == "GET" and call.key == key else None


def test_what_blocks_a_running_stream_is_taken_off_and_what_waits_behind_it_too(job, s3_server):
    first, second = job.put(firehose.body(records("a", 5))), job.put(firehose.body(records("b", 5)))
    job.put(firehose.body(records("c", 5)))
    with fault_proxy.FaultProxy(s3_server.url, blocked(first)) as proxy:
        conf = job.conf(s3_url=proxy.url)
        daemon = job.firebridge.start(conf, "run")
        daemon.wait_until(lambda: "AccessDenied" in daemon.log)
        result = skip(job, conf, second, why="it waits")
        assert result.stdout == f"{second} is skipped\n"
        assert job.table.count() == 0
        result = skip(job, conf, first, "--output", "json", why="no right to read it")
        assert json.loads(result.stdout) == {"stream": "main", "key": first, "outcome": "skipped",
                                             "reason": "no right to read it"}
        daemon.wait_until(lambda: job.table.count() == 5)
        daemon.terminate()
        assert daemon.wait().code == 0
    job.table.expect(records("c", 5))
    assert state_of(job, first) == (6, "no right to read it")
    assert state_of(job, second) == (6, "it waits")
    assert "well again" in daemon.log


def test_one_that_was_read_to_its_end_is_written_and_the_command_says_so(job, dynamodb_server):
    name = job.put(firehose.body(records("a", 5)))

    def rule(call):
        return fault_proxy.throttle if call.operation == "BatchWriteItem" else None

    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        conf = job.conf(dynamodb_url=proxy.url)
        daemon = job.firebridge.start(conf, "run")
        daemon.wait_until(lambda: proxy.of("BatchWriteItem"))
        again = threading.Timer(0.5, lambda: setattr(proxy, "rule", None))
        again.start()
        result = skip(job, conf, name, code=1)
        again.join()
        assert result.stdout == f"{name} had been read to its end by then: it is written as a whole\n"
        daemon.terminate()
        assert daemon.wait().code == 0
    job.table.expect(records("a", 5))


def test_a_damaged_object_that_stopped_the_stream_is_passed_at_the_next_start(job):
    whole = firehose.body(records("a", 4000), members=1)
    damaged = job.put(whole[:len(whole) // 2])
    job.put(firehose.body(records("b", 5)))
    stop = {"stream": "on_damaged_object = stop"}
    job.once(code=1, **stop)
    readable = job.table.count()
    assert 0 < readable < 4000
    result = skip(job, job.conf(**stop), damaged)
    assert "when it is started again" in result.stdout
    job.once(**stop)
    assert job.table.count() == readable + 5
    assert state_of(job, damaged) == (6, "a test")
    result = skip(job, job.conf(**stop), damaged, "--output", "json", why="another reason")
    assert (json.loads(result.stdout)["outcome"], state_of(job, damaged)) == ("already", (6, "a test"))


def test_an_object_is_skipped_before_it_is_known(job):
    job.put(firehose.body(records("a", 5)))
    job.once()
    unknown = job.put(firehose.body(records("b", 5)))
    assert skip(job, job.conf(), unknown).stdout == f"{unknown} is skipped\n"
    other = job.put(firehose.body(records("c", 5)))
    job.once()
    job.table.expect(records("a", 5) + records("c", 5))
    # The same key with another content is another object.
    assert "has ended already" in skip(job, job.conf(), other, code=1).stdout
    firehose.put_body(job.s3, job.bucket, other, firehose.body(records("d", 5)))
    assert skip(job, job.conf(), other).stdout == f"{other} is skipped\n"
    assert "is skipped already" in skip(job, job.conf(), other).stdout
    # What is no UTF-8 in the reason is shown as far as it is printable.
    last = job.put(firehose.body(records("e", 5)))
    result = skip(job, job.conf(), last, "--output", "json", why="a\udcffb")
    assert json.loads(result.stdout)["reason"] == "a?b"
    job.once()
    job.table.expect(records("a", 5) + records("c", 5))


def test_what_cannot_be_skipped_is_said(job):
    done = job.put(firehose.body(records("a", 5)))
    conf = job.conf()
    assert "there is no state in" in skip(job, conf, done, code=1).stderr
    job.once()
    assert "has ended already" in skip(job, conf, done, code=1).stdout
    assert "has an object p/none" in skip(job, conf, "p/none", code=1).stderr
    result = skip(job, conf, "p/processing-failed/2026/x", code=1)
    assert "has an object" in result.stderr
    firehose.put_body(job.s3, job.bucket, "p/processing-failed/2026/11/26/10/x", b"{}")
    result = skip(job, conf, "p/processing-failed/2026/11/26/10/x", code=1)
    assert "is no object of the stream" in result.stderr
    assert "skip needs --key" in skip(job, conf, done, code=2, why="").stderr
    assert "did you mean main" in skip(job, conf, done, "--stream", "mian", code=1).stderr
    assert skip(job, conf, done, "--output", "xml", code=2).stdout == ""
