# SPDX-License-Identifier: Apache-2.0
"""Fixtures: servers for the session, a fresh bucket and table a test, and the program itself."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import uuid

import pytest

import attributes
import servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN_TIMEOUT_S = 120


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: too slow for a build with sanitizers")
    config.addinivalue_line("markers", "soak: of `make soak`, for it takes long")
    config.addinivalue_line("markers", "alone: measures, so nothing may run beside it")
    servers.end_on_sigterm()


@pytest.fixture
def figures(record_property):
    """figures(text): what is to be read of a test that passed; stands at the run's end."""
    return lambda text: record_property("figures", text)


def pytest_terminal_summary(terminalreporter):
    reports = [report for outcome in ("passed", "failed")
               for report in terminalreporter.stats.get(outcome, []) if report.when == "call"]
    for report in reports:
        for name, text in report.user_properties:
            if name == "figures":
                terminalreporter.write_line(text)


# --- Servers --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def server_folder():
    folder = servers.make_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def running(server_class, folder, *arguments):
    """The server for the length of a fixture; a test that lacks it is skipped by name."""
    try:
        with server_class(folder, *arguments) as server:
            yield server
    except servers.Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def dynamodb_server(server_folder):
    yield from running(servers.DynamoDBLocal, server_folder)


@pytest.fixture(scope="session")
def s3_server(server_folder):
    yield from running(servers.Swift, server_folder)


@pytest.fixture(scope="session")
def moto_server(server_folder):
    yield from running(servers.Moto, server_folder)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what the servers said last."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for name in ("dynamodb_server", "s3_server", "moto_server"):
            server = getattr(item, "funcargs", {}).get(name)
            if server:
                report.sections.append((f"{server.name}'s log", server.log_tail()))


# --- A bucket and a table -------------------------------------------------------------------------


@pytest.fixture(scope="session")
def s3(s3_server):
    return s3_server.client()


@pytest.fixture(scope="session")
def dynamodb(dynamodb_server):
    return dynamodb_server.client()


@pytest.fixture
def bucket(s3):
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


class Table:
    """A table of a test's own, read as the oracle writes."""

    def __init__(self, dynamodb, partition=("id", "S"), sort=None):
        self.dynamodb = dynamodb
        self.name = f"table-{uuid.uuid4().hex[:12]}"
        self.key_names = [partition[0]] + ([sort[0]] if sort else [])
        self.keys = [partition] + ([sort] if sort else [])
        self.create()

    def create(self):
        keys = self.keys
        self.dynamodb.create_table(
            TableName=self.name, BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": name, "KeyType": kind}
                       for (name, _), kind in zip(keys, ("HASH", "RANGE"))],
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in keys])

    def scan(self):
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.name,
                                                             ConsistentRead=True)
        return [attributes.from_dynamodb(item) for page in pages for item in page["Items"]]

    def count(self):
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.name, Select="COUNT",
                                                             ConsistentRead=True)
        return sum(page["Count"] for page in pages)

    def key_of(self, item):
        return tuple(next(iter(item[name].values())) for name in self.key_names)

    def by_key(self, items=None):
        return {self.key_of(item): item for item in (self.scan() if items is None else items)}

    def expect(self, records):
        """The table holds the last record of each key, every attribute equal, and nothing else."""
        expected = self.by_key(attributes.from_record(record) for record in records)
        found = self.by_key()
        missing = sorted(set(expected) - set(found), key=repr)
        surplus = sorted(set(found) - set(expected), key=repr)
        differing = sorted((k for k in set(found) & set(expected) if found[k] != expected[k]),
                           key=repr)
        assert not (missing or surplus or differing), (
            f"{len(missing)} items missing {missing[:3]}, {len(surplus)} too many {surplus[:3]}, "
            f"{len(differing)} differ: " +
            "; ".join(f"{k}: {found[k]} instead of {expected[k]}" for k in differing[:3]))


@pytest.fixture
def make_table(dynamodb):
    made = []

    def make(**keys):
        made.append(Table(dynamodb, **keys))
        return made[-1]
    yield make
    for table in made:
        with contextlib.suppress(Exception):  # a test may have deleted it itself
            dynamodb.delete_table(TableName=table.name)


@pytest.fixture
def table(make_table):
    return make_table()


# --- The program ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def program():
    """What `make install` installed, or what FIREBRIDGE names (a build with sanitizers)."""
    named = os.environ.get("FIREBRIDGE")
    if named:
        return pathlib.Path(named).resolve()
    stage = ROOT / "build" / f"stage{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    shutil.rmtree(stage, ignore_errors=True)
    done = subprocess.run(["make", "install", f"DESTDIR={stage}", "PREFIX=/usr"], cwd=ROOT,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return stage / "usr/bin/firebridge"


@dataclasses.dataclass
class Result:
    code: int  # negative: the signal that ended it
    stdout: str
    stderr: str
    peak_rss_bytes: int
    seconds: float

    def __str__(self):
        return (f"exit {self.code} after {self.seconds:.1f} s\n--- stdout\n{self.stdout[-4000:]}\n"
                f"--- stderr\n{self.stderr[-8000:]}")


class Process:
    """One run of the program, in the background."""

    def __init__(self, command, folder, env):
        self.started = time.monotonic()
        self._stdout = open(folder / f"stdout-{uuid.uuid4().hex}", "w+b")
        self._stderr = open(folder / f"stderr-{uuid.uuid4().hex}", "w+b")
        self.popen = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", *map(str, command)], env=env, cwd=folder,
            stdin=subprocess.DEVNULL, stdout=self._stdout, stderr=self._stderr)
        self._peak_rss_bytes = 0
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    def _watch(self):
        """Samples the peak: wait4's figure would have this Python's own size in it."""
        while self.popen.poll() is None:
            with contextlib.suppress(OSError, IndexError, ValueError):
                status = pathlib.Path(f"/proc/{self.popen.pid}/status").read_text()
                if "\nVmHWM:" in status and not status.startswith("Name:\tsetpriv"):
                    kib = int(status.split("\nVmHWM:")[1].split()[0])
                    self._peak_rss_bytes = max(self._peak_rss_bytes, kib * 1024)
            time.sleep(0.02)

    @property
    def log(self):
        self._stderr.flush()
        return pathlib.Path(self._stderr.name).read_text(errors="replace")

    @property
    def printed(self):
        return pathlib.Path(self._stdout.name).read_text(errors="replace")

    def alive(self):
        return self.popen.poll() is None

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def terminate(self):
        self.popen.send_signal(signal.SIGTERM)

    def wait(self, timeout_s=RUN_TIMEOUT_S):
        try:
            code = self.popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"no end after {timeout_s} s; its log:\n{self.log[-8000:]}")
        self._watcher.join()
        stdout = pathlib.Path(self._stdout.name).read_text(errors="replace")
        result = Result(code, stdout, self.log, self._peak_rss_bytes,
                        time.monotonic() - self.started)
        assert "Sanitizer" not in result.stderr, f"a sanitizer complains: {result}"
        assert "runtime error:" not in result.stderr, f"a sanitizer complains: {result}"
        return result

    def wait_until(self, condition, timeout_s=30):
        """Until condition() holds, while the program runs."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if not self.alive():
                pytest.fail(f"it ended: {self.wait()}")
            if time.monotonic() > deadline:
                self.kill()
                pytest.fail(f"waited {timeout_s} s in vain; its log:\n{self.log[-8000:]}")
            time.sleep(0.1)


class Firebridge:
    """Runs the program with a conf, a state folder of the test's own and credentials."""

    def __init__(self, program, folder, env):
        self.program = program
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir()
        self.conf_file = folder / "firebridge.conf"
        self.env = env
        self.processes = []

    def start(self, conf_text, *arguments, env=None):
        self.conf_file.write_text(conf_text)
        command = [self.program, *arguments[:1], "-c", self.conf_file, *arguments[1:]]
        process = Process(command, self.folder, {**self.env, **(env or {})})
        self.processes.append(process)
        return process

    def __call__(self, conf_text, *arguments, env=None, timeout_s=RUN_TIMEOUT_S):
        return self.start(conf_text, *arguments, env=env).wait(timeout_s)

    def once(self, conf_text, *arguments, code=0, **options):
        """`run --once`, which must end with `code`."""
        result = self(conf_text, "run", "--once", *arguments, **options)
        assert result.code == code, str(result)
        return result

    def bare(self, *arguments):
        """Without a conf file."""
        process = Process([self.program, *arguments], self.folder, self.env)
        self.processes.append(process)
        return process.wait()

    def dead_letters(self, stream="main"):
        """The lines of the stream's dead-letter files, torn ones apart."""
        files = sorted((self.state / "dead-letters" / stream).glob("*"))
        return [line for file in files for line in file.read_text().splitlines() if line.strip()]

    def sql(self, query):
        """What a statement gives of the state file, whoever holds it."""
        with contextlib.closing(sqlite3.connect(self.state / "firebridge.db")) as database, database:
            return database.execute(query).fetchall()

    def end(self):
        for process in self.processes:
            if process.alive():
                process.kill()


@pytest.fixture
def firebridge(program, tmp_path):
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8",
           "AWS_EC2_METADATA_DISABLED": "true"}
    for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
        if name in os.environ:
            env[name] = os.environ[name]
    runner = Firebridge(program, tmp_path, env)
    yield runner
    runner.end()


@pytest.fixture
def make_conf(firebridge, s3_server, dynamodb_server):
    """
    make_conf(main=(source, table), …, s3_url=…, dynamodb_url=…, stream="key = value lines")

    A third in (source, table, lines) is what stands in that stream alone.
    Times are short, so that tests are. The key and secret are Swift's, which checks them; DynamoDB Local takes any.
    """
    firebridge.env.update(AWS_ACCESS_KEY_ID=s3_server.key, AWS_SECRET_ACCESS_KEY=s3_server.secret)

    def make(s3_url=s3_server.url, dynamodb_url=dynamodb_server.url, daemon="", stream="",
             patience="15s", **streams):
        lines = ["[aws]", f"region = {servers.REGION}", f"endpoint.s3 = {s3_url}",
                 f"endpoint.dynamodb = {dynamodb_url}", "",
                 "[daemon]", f"state_dir = {firebridge.state}", "log_level = debug",
                 f"once_patience = {patience}", daemon, "",
                 "[stream *]", "poll_interval = 500ms", "sweep_interval = 2s", stream]
        for name, (source, table, *own) in streams.items():
            table_name = getattr(table, "name", table)
            lines += ["", f"[stream {name}]", f"source = {source}", f"table = {table_name}", *own]
        return "\n".join(lines) + "\n"
    return make
