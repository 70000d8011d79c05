# SPDX-License-Identifier: Apache-2.0
"""The three doors of the metrics: what comes through them is well-formed, right, and hurts nobody."""

import contextlib
import http.client
import json
import pathlib
import re
import socket
import subprocess
import threading
import time

import pytest

import firehose
import openmetrics
from test_bad_input import job, records  # noqa: F401 (a fixture)

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATSD = re.compile(r"^([a-z_]+):(-?[0-9.e+-]+)\|(c|g|ms)(?:\|@([0-9.]+))?"
                    r"\|#((?:[a-z]+:[A-Za-z0-9_.-]+,?)+)$")


@pytest.fixture(scope="module")
def table_of_metrics(program):
    return json.loads(subprocess.run([program, "metrics", "--output", "json"], check=True,
                                     capture_output=True, text=True).stdout)


def listens(program):
    return "without libmicrohttpd" not in subprocess.run(
        [program, "version"], check=True, capture_output=True, text=True).stdout


class Sink:
    """Takes what is sent to a port of this machine, of UDP or TCP."""

    def __init__(self, is_tcp=False):
        self.socket = socket.socket(socket.AF_INET,
                                    socket.SOCK_STREAM if is_tcp else socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.parts = []
        if is_tcp:
            self.socket.listen()
        else:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        threading.Thread(target=self.take_tcp if is_tcp else self.take_udp, daemon=True).start()

    def take_udp(self):
        with contextlib.suppress(OSError):
            while True:
                self.parts.append(self.socket.recv(1 << 16))

    def take_tcp(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                while part := connection.recv(1 << 16):
                    self.parts.append(part)

    def lines(self):
        text = b"".join(self.parts).decode()
        assert text == "" or text.endswith("\n")
        return text.splitlines()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def metrics_section(**keys):
    return "[metrics]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def known_job(job):
    """3 objects of 100 records with 80 keys each, two of which can never be items."""
    for start in (0, 1000, 2000):
        good = records(78, start)
        job.put(firehose.body(good + good[:20] + [{"no": "key"}, {"id": ""}], members=1))


# --- What is sent ---------------------------------------------------------------------------------


def read_statsd(lines):
    """{(name, word of its label): sum of a counter, or the last value of a gauge}, by the lines."""
    found = {}
    for line in lines:
        parts = STATSD.match(line)
        assert parts, line
        name, value, kind, rate, tags = parts.groups()
        tags = dict(tag.split(":", 1) for tag in tags.split(","))
        assert list(tags)[:2] == ["stream", "table"] and len(tags) <= 3, line
        key = (name, *list(tags.values())[2:])
        if kind == "g":
            assert rate is None
            found[key] = float(value)
        elif kind == "c":
            assert rate is None and float(value) > 0
            found[key] = found.get(key, 0) + float(value)
        else:
            times = round(1 / float(rate)) if rate else 1
            assert int(1 / float(rate or 1)) >= times  # as the agent counts, who cuts it off
            found[key] = found.get(key, 0) + times
    return found


def test_statsd_says_what_the_job_did(job, program):
    known_job(job)
    with Sink() as sink:
        job.once(daemon=metrics_section(statsd=f"127.0.0.1:{sink.port}", namespace="mine"))
        time.sleep(0.1)
        found = read_statsd(sink.lines())
        assert max(map(len, sink.parts)) <= 1432
    assert found[("mine_objects",)] == 3
    assert found[("mine_objects_by_outcome", "done")] == 3
    assert found[("mine_records",)] == 300
    assert found[("mine_dead_letters",)] == 6
    assert found[("mine_dead_letters_by_reason", "key-missing")] == 3
    assert found[("mine_dead_letters_by_reason", "key-empty")] == 3
    assert found[("mine_items_by_operation", "put")] + found.get(("mine_coalesced_items",), 0) == 294
    assert found[("mine_calls_by_operation", "GetObject")] == 3
    assert found[("mine_get_duration_seconds",)] == 3
    assert found[("mine_object_delay_seconds",)] == 3
    assert found[("mine_backlog_objects",)] == 0


def read_emf(lines):
    """The documents, each held against the specification."""
    documents = [json.loads(line) for line in lines]
    for document in documents:
        meta = document["_aws"]
        assert set(meta) == {"Timestamp", "LogGroupName", "CloudWatchMetrics"}
        assert abs(meta["Timestamp"] / 1000 - time.time()) < 300
        [directive] = meta["CloudWatchMetrics"]
        assert directive["Dimensions"] == [["stream", "table"]]
        assert 0 < len(directive["Metrics"]) <= 100
        for name in directive["Dimensions"][0]:
            assert isinstance(document[name], str) and document[name]
        for metric in directive["Metrics"]:
            assert metric["Unit"] in ("Count", "Seconds", "Bytes")
            value = document[metric["Name"]]
            if isinstance(value, dict):
                assert len(value["Values"]) == len(value["Counts"]) <= 100
                assert sum(value["Counts"]) == value["Count"]
                assert value["Min"] == min(value["Values"]) and value["Max"] == max(value["Values"])
            else:
                assert isinstance(value, (int, float))
    return documents


@pytest.mark.parametrize("scheme", ["udp", "tcp"])
def test_emf_says_what_the_job_did(job, scheme, table_of_metrics):
    known_job(job)
    with Sink(is_tcp=scheme == "tcp") as sink:
        job.once(daemon=metrics_section(emf=f"{scheme}://127.0.0.1:{sink.port}"))
        time.sleep(0.1)
        documents = read_emf(sink.lines())
    [document] = documents
    assert document["_aws"]["LogGroupName"] == "/metrics/firebridge"
    assert document["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "firebridge"
    assert (document["stream"], document["table"]) == ("main", job.table.name)
    assert document["objects"] == 3
    assert document["records"] == 300
    assert document["dead_letters_by_reason"] == {"key-missing": 3, "key-empty": 3}
    assert document["items"] + document["coalesced_items"] == 294
    assert document["get_duration_seconds"]["Count"] == 3
    assert document["object_delay_seconds"]["Min"] > 3600  # the keys are two hours old
    units = {m["Name"]: m["Unit"] for m in document["_aws"]["CloudWatchMetrics"][0]["Metrics"]}
    known = {row["name"].removeprefix("firebridge_"): row["unit"] for row in table_of_metrics}
    assert {n: u for n, u in units.items()} == {
        n: {"": "Count", "seconds": "Seconds", "bytes": "Bytes"}[known[n]] for n in units}


def test_counters_come_as_what_they_grew_by_and_a_restarted_agent_is_met_again(job):
    with Sink() as statsd, Sink(is_tcp=True) as emf:
        conf = job.conf(daemon=metrics_section(statsd=f"127.0.0.1:{statsd.port}",
                                               emf=f"tcp://127.0.0.1:{emf.port}", interval="1s"))
        process = job.firebridge.start(conf, "run")
        for start in (0, 50):
            job.put(firehose.body(records(50, start)))
            process.wait_until(lambda: read_statsd(statsd.lines()).get(("firebridge_records",))
                               == start + 50)
        process.terminate()
        assert process.wait().code == 0
        documents = read_emf(emf.lines())
    assert sum(document["records"] for document in documents) == 100
    assert max(document["records"] for document in documents) == 50
    assert read_statsd(statsd.lines())[("firebridge_records",)] == 100


def test_a_dead_agent_holds_up_nothing_and_misses_nothing_once_it_is_back(job):
    port = free_port()
    conf = job.conf(daemon=metrics_section(emf=f"tcp://127.0.0.1:{port}", interval="1s"))
    process = job.firebridge.start(conf, "run")
    job.put(firehose.body(records(50)))
    process.wait_until(lambda: job.table.count() == 50 and "are not taken" in process.log)
    back = TcpSink(port)
    process.wait_until(lambda: "taken again" in process.log)
    process.terminate()
    assert process.wait().code == 0
    assert sum(d["records"] for d in read_emf(back.lines())) == 50


class TcpSink:
    """Takes what comes over all connections: a slow machine may need a second one."""

    def __init__(self, port):
        self.received = []
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.settimeout(20)
        self.thread = threading.Thread(target=self.take, daemon=True)
        self.thread.start()

    def take(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                with connection:
                    self.received.append(b"".join(iter(lambda: connection.recv(1 << 16), b"")))

    def lines(self):
        """Whole ones; what a broken connection cut is sent again."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()
        return [line for part in self.received for line in part.decode().split("\n")[:-1]]


@pytest.mark.parametrize("door", ["statsd", "emf"])
def test_datagrams_that_nobody_takes_are_noticed(job, door):
    job.put(firehose.body(records(10)))
    port = free_port()
    where = f"127.0.0.1:{port}" if door == "statsd" else f"udp://127.0.0.1:{port}"
    result = job.once(daemon=metrics_section(**{door: where}))
    assert f"metrics by {door} are not taken: cannot send to udp://127.0.0.1:{port}: " in result.stderr
    job.table.expect(records(10))


# --- What is asked for ----------------------------------------------------------------------------


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, path, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


@pytest.fixture
def scraped(job, program):
    """(the daemon, its port) once the known job is done."""
    if not listens(program):
        pytest.skip("this build is without libmicrohttpd")
    known_job(job)
    port = free_port()
    process = job.firebridge.start(
        job.conf(daemon=metrics_section(listen=f"127.0.0.1:{port}")), "run")
    process.wait_until(lambda: process.log.count(" done: ") == 3)
    yield process, port
    process.terminate()
    assert process.wait().code == 0


def test_openmetrics_says_what_the_job_did(scraped, job, table_of_metrics):
    _, port = scraped
    answer, text = ask(port, "/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == (
        "application/openmetrics-text; version=1.0.0; charset=utf-8")
    families = openmetrics.read(text)
    assert [(f.name, f.kind, f.unit, f.help) for f in families.values()] == [
        (row["name"], row["type"], row["unit"], row["help"]) for row in table_of_metrics]
    whose = {"stream": "main", "table": job.table.name}

    def value(name, suffix="", **labels):
        return families[f"firebridge_{name}"].value(suffix, **whose, **labels)

    assert value("healthy") == value("running") == 1
    assert value("records", "_total") == 300
    assert value("objects", "_total", outcome="done") == 3
    assert value("late_objects", "_total") >= 0
    assert value("items", "_total", operation="put") + value("coalesced_items", "_total") == 294
    assert value("dead_letters", "_total", reason="key-missing") == 3
    assert value("read_bytes", "_total") < value("inflated_bytes", "_total")
    assert value("get_duration_seconds", "_count") == 3
    assert value("delivery_delay_seconds", "_count") == 3
    assert 0 <= value("last_success_age_seconds") < 60
    assert value("oldest_object_age_seconds") == value("backlog_objects") == 0
    assert value("in_flight_bytes") == value("lanes_busy") == 0
    assert value("lanes") == 16
    assert value("dead_letter_bytes") == sum(
        len(line) + 1 for line in job.firebridge.dead_letters())


def test_health_and_readiness_and_nothing_else(scraped):
    _, port = scraped
    for path in ("/healthz", "/readyz"):
        answer, text = ask(port, path)
        assert (answer.status, text) == (200, "main: well\n")
    assert ask(port, "/")[0].status == 404
    assert ask(port, "/metrics/../etc/passwd")[0].status == 404
    answer, _ = ask(port, "/metrics", "POST")
    assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD"
    answer, text = ask(port, "/metrics", "HEAD")
    assert answer.status == 200 and text == ""


def test_it_is_not_ready_before_the_first_attempt_has_ended(job, program):
    if not listens(program):
        pytest.skip("this build is without libmicrohttpd")
    port = free_port()
    with socket.socket() as deaf:  # accepts, and never answers
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        process = job.firebridge.start(
            job.conf(dynamodb_url=f"http://127.0.0.1:{deaf.getsockname()[1]}",
                     daemon=metrics_section(listen=f"{port}")), "run")
        process.wait_until(lambda: "starts" in process.log and can_connect(port))
        answer, text = ask(port, "/readyz")
        assert (answer.status, text) == (503, "main: starting\n")
        assert ask(port, "/healthz")[0].status == 200
        process.kill()


def can_connect(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_hostile_clients_hurt_nobody(scraped, job):
    process, port = scraped
    held = []
    for junk in (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 20000, b"\0" * 100000,
                 b"GET " + b"/" * 100000 + b" HTTP/1.1\r\n\r\n", b"POST /metrics HTTP/1.1\r\n"
                 b"Content-Length: 99999999999\r\n\r\n" + b"x" * 100000, b"G"):
        client = socket.create_connection(("127.0.0.1", port), timeout=5)
        with contextlib.suppress(OSError):
            client.sendall(junk)
        held.append(client)
    for client in held:
        client.close()
    crowd = []  # more than are let in; who waits outside is not answered
    with contextlib.suppress(OSError):
        while len(crowd) < 40:
            crowd.append(socket.create_connection(("127.0.0.1", port), timeout=0.3))
    assert crowd
    job.put(firehose.body(records(10, 9000)))
    process.wait_until(lambda: process.log.count(" done: ") == 4)
    for client in crowd:
        client.close()
    process.wait_until(lambda: ask(port, "/metrics")[0].status == 200)


def test_an_address_that_is_taken_is_told(job, program):
    if not listens(program):
        pytest.skip("this build is without libmicrohttpd")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        result = job.fail(daemon=metrics_section(listen=f"127.0.0.1:{taken.getsockname()[1]}"))
    assert "[metrics] listen" in result.stderr and "in use" in result.stderr


# --- The manual -----------------------------------------------------------------------------------


def test_the_manual_has_each_metric_as_the_program_has_it(table_of_metrics):
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(firebridge_\w+)` \| (\w+) \| (\w*) \| (\w*) \| (.*) \|$", text, re.M)
    assert rows == [(row["name"] + ("_total" if row["type"] == "counter" else ""), row["type"],
                     row["unit"], row["label"] or "", row["help"]) for row in table_of_metrics]
