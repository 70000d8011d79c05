# SPDX-License-Identifier: Apache-2.0
"""
The installed service under a real systemd, in a booted container: the main job in the sandbox,
what the journal has of it, how tight the sandbox is, stopping, instances, keys, removal.
"""

import json
import pathlib
import re
import time

import pytest

import container
import firehose
import manager
import servers
from conftest import running
from test_log import CARRIES

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNIT = "firebridge.service"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def machine(server_folder):
    """Booted, with `make install` done inside."""
    for booted in running(container.Container, server_folder):
        booted.before = booted.added()
        booted.run("make", "install")
        yield booted


@pytest.fixture
def service(machine, s3_server, dynamodb_server):
    """service(stream lines, …) writes the conf and hands keys over; the unit is stopped after."""
    made = Service(machine, s3_server, dynamodb_server)
    yield made
    machine.run("systemctl", "stop", "firebridge.service", "firebridge@*.service", check=False)
    machine.run("systemctl", "reset-failed", check=False)


class Service:
    def __init__(self, machine, s3_server, dynamodb_server):
        self.machine, self.s3_server, self.dynamodb_server = machine, s3_server, dynamodb_server

    def conf(self, name="firebridge", daemon="", **streams):
        lines = ["[aws]", f"region = {servers.REGION}", f"endpoint.s3 = {self.s3_server.url}",
                 f"endpoint.dynamodb = {self.dynamodb_server.url}", "[daemon]", daemon,
                 "[stream *]", "poll_interval = 200ms", "sweep_interval = 1s"]
        for stream, (source, table, *own) in streams.items():
            lines += [f"[stream {stream}]", f"source = {source}", f"table = {table.name}", *own]
        self.machine.write(f"/etc/firebridge/{name}.conf", "\n".join(lines) + "\n")

    def drop_in(self, text, unit=UNIT, name="test.conf"):
        self.machine.write(f"/etc/systemd/system/{unit}.d/{name}", text)
        self.machine.run("systemctl", "daemon-reload")

    def hand_over_keys(self, unit=UNIT):
        """As a file of /etc that root alone can read."""
        self.machine.write("/etc/firebridge/aws-credentials", "[default]\n"
                           f"aws_access_key_id = {self.s3_server.key}\n"
                           f"aws_secret_access_key = {self.s3_server.secret}\n", 0o600)
        self.drop_in("[Service]\n"
                     "LoadCredential=aws-credentials:/etc/firebridge/aws-credentials\n"
                     "Environment=AWS_EC2_METADATA_DISABLED=true\n", unit)

    @staticmethod
    def now():
        """journal(…, this) is what comes from now on."""
        return f"--since=@{time.time():.6f}"

    def events(self, since, name=None):
        ids = {kind["message_id"]: event for event, kind in EVENTS.items()}
        found = [dict(entry, event=ids.get(entry.get("MESSAGE_ID")))
                 for entry in self.machine.journal(UNIT, since)
                 if entry.get("SYSLOG_IDENTIFIER") == "firebridge"
                 and entry["_TRANSPORT"] == "journal"]  # not what commands print
        return [entry for entry in found if name is None or entry["event"] == name]


def events():
    text = (ROOT / "src/base/log_events.c").read_text()
    return {name: {"message_id": message_id} for name, message_id in
            re.findall(r'\{\s*"([a-z-]+)", "([0-9a-f]{32})"', text)}


EVENTS = events()


def records(count, start=0):
    return [{"id": f"{n}", "filler": f"{n:x}" * 8} for n in range(start, start + count)]


def test_the_main_job_passes_inside_the_sandbox(machine, service, s3, bucket, make_table):
    plain, picked = make_table(), make_table()
    for hour in range(6, 0, -1):
        firehose.put(s3, bucket, "p/", firehose.hours_ago(hour), records(200, hour * 150),
                     members=1 if hour % 2 else None)
    firehose.put_body(s3, bucket, firehose.key("p/", firehose.now(), suffix=""), b'{"id":}')
    service.conf(
        main=(f"s3://{bucket}/p/", plain, "time_zone = Europe/Vienna", "lookback = 48h"),
        picked=(f"s3://{bucket}/p/", picked, 'filter_jq = .id | endswith("7")',
                "max_dead_letters = 10 in 10"))
    service.hand_over_keys()
    since = service.now()
    machine.run("systemctl", "enable", "--now", UNIT)

    expected = records(950, 150)
    machine.wait_for(lambda: plain.count() == len(expected) and picked.count() == 95, "all items")
    plain.expect(expected)
    assert machine.show(UNIT, "ActiveState", "SubState") == ["active", "running"]
    assert machine.run("systemctl", "is-enabled", UNIT).stdout.strip() == "enabled"
    machine.wait_for(lambda: "1 dead letters" in machine.show(UNIT, "StatusText") or
                     "2 dead letters" in machine.show(UNIT, "StatusText"), "a status")

    pid = machine.show(UNIT, "MainPID")
    machine.run("systemctl", "reload", UNIT)
    machine.write("/etc/firebridge/firebridge.conf.d/wrong.conf", "[daemon]\nlog_level = loud\n")
    assert machine.run("systemctl", "reload", UNIT, check=False).returncode != 0
    machine.run("systemctl", "kill", "--signal=HUP", "--kill-whom=main", UNIT)
    machine.wait_for(lambda: service.events(since, "conf-refused"), "a refusal")
    (machine.root / "etc/firebridge/firebridge.conf.d/wrong.conf").unlink()
    assert machine.show(UNIT, "ActiveState", "MainPID") == ["active", pid]
    status = machine.run("cat", f"/proc/{pid}/status").stdout
    assert re.search(r"^Seccomp:\s*2$", status, re.M), status
    assert re.search(r"^NoNewPrivs:\s*1$", status, re.M), status
    assert re.search(r"^CapBnd:\s*0+$", status, re.M), status
    assert not re.search(r"^Uid:\s*0\b", status, re.M), status
    state = machine.root / "var/lib/private/firebridge"
    assert (state / "firebridge.db").stat().st_mode & 0o777 == 0o600
    assert state.stat().st_mode & 0o777 == 0o700
    assert {file.name for file in (state / "dead-letters").iterdir()} == {"main", "picked"}

    machine.run("systemctl", "stop", UNIT)
    assert machine.show(UNIT, "ActiveState", "Result") == ["inactive", "success"]
    what_the_journal_has_of_it(service, since)
    what_the_journal_explains(machine, since)


def what_the_journal_has_of_it(service, since):
    entries = service.events(since)
    wanted = {"starting", "ready", "conf-reloaded", "conf-refused", "object-begun", "object-ended",
              "dead-letter", "stopping", "stream-summary", "ended"}
    assert wanted - {entry["event"] for entry in entries} == set()
    for entry in entries:
        assert entry["event"] is not None, entry
        carried = {name.removeprefix("FIREBRIDGE_").lower() for name in entry
                   if name.startswith("FIREBRIDGE_")} - {"repeats"}
        assert carried | {"request_id"} == CARRIES[entry["event"]] | {"request_id"}, entry
        assert entry["CODE_FILE"].startswith("src/") and entry["CODE_FUNC"], entry
        assert int(entry["CODE_LINE"]) > 0 and 3 <= int(entry["PRIORITY"]) <= 6, entry
    assert service.s3_server.secret not in json.dumps(entries)


def what_the_journal_explains(machine, since):
    shown = machine.run("journalctl", "-q", "-x", "-u", UNIT, since, "-p", "warning",
                        "FIREBRIDGE_STREAM=main").stdout
    assert "Subject: A record of stream main can never be written" in shown, shown
    assert "dead-letters/main" in shown and '"firebridge redrive"' in shown, shown


# Each is tried in the unit's own sandbox, and must fail with one of these words.
PROBE = r"""
import ctypes, errno, os, socket, sys, tempfile
libc = ctypes.CDLL(None, use_errno=True)

def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "")

def execute(path):
    child = os.fork()
    if child == 0:
        try:
            os.execv(path, [path])
        except OSError as error:
            os._exit(error.errno)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, "")

def write(path):
    with open(path, "w"):
        pass

def copy(folder):
    path = folder + "/true"
    with open("/bin/true", "rb") as source, open(path, "wb") as target:
        target.write(source.read())
    os.chmod(path, 0o755)
    execute(path)

def executable_memory():
    import mmap
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)

WRITABLE = [os.environ["STATE_DIRECTORY"], os.environ["RUNTIME_DIRECTORY"], "/tmp", "/var/tmp",
            "/dev/shm"]
SYSCALLS = %(syscalls)s
tries = {
    "a shell": lambda: execute("/bin/sh"),
    **{"a program in " + folder: lambda folder=folder: copy(folder) for folder in WRITABLE},
    "executable memory": executable_memory,
    "a raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
    "a packet socket": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "a file in /etc": lambda: write("/etc/firebridge/x"),
    "a file in /usr": lambda: write("/usr/x"),
    "a file in /var": lambda: write("/var/x"),
    "home": lambda: os.listdir("/root"),
    "the kernel's log": lambda: os.open("/dev/kmsg", os.O_RDONLY),
    "a device": lambda: os.mknod("/tmp/x", 0o020600, os.makedev(1, 1)),
    "another process": lambda: os.stat("/proc/1"),
    "a set-user-id file": lambda: os.chmod(tempfile.mkstemp()[1], 0o4755),
    **{name: lambda number=number, arguments=arguments: call(number, *arguments)
       for name, number, *arguments in SYSCALLS},
}
for name, attempt in tries.items():
    try:
        attempt()
        print(name, "worked", sep="|")
    except OSError as error:
        print(name, errno.errorcode.get(error.errno, error.errno), sep="|")
write(os.environ["STATE_DIRECTORY"] + "/x")
write(os.environ["RUNTIME_DIRECTORY"] + "/x")
write("/tmp/x")
socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
os.waitpid(os.posix_spawn("/usr/bin/python3", ["python3", "-c", ""], {}), 0)
print("own folders|worked", flush=True)
"""

# x86-64's and the generic table's numbers differ; only those that are tried are named.
SYSCALLS = {"x86_64": [("ptrace", 101, 0, 0, 0, 0), ("mount", 165, 0, 0, 0, 0, 0),
                       ("unshare", 272, 0x10000000), ("setuid", 105, 0), ("keyctl", 250, 0, 0),
                       ("bpf", 321, 0, 0, 0), ("perf_event_open", 298, 0, 0, 0, 0, 0),
                       ("memfd_create", 319, b"x", 0), ("execveat", 322, -1, 0, 0, 0, 0),
                       ("process_vm_readv", 310, 1, 0, 0, 0, 0, 0), ("userfaultfd", 323, 0),
                       ("io_uring_setup", 425, 1, 0), ("init_module", 175, 0, 0, 0),
                       ("clock_settime", 227, 0, 0), ("reboot", 169, 0, 0, 0, 0),
                       ("sched_setscheduler", 144, 0, 0, 0), ("personality", 135, 0)]}


def test_a_state_that_root_brings_back_is_the_services(machine, service, s3, bucket, make_table):
    table = make_table()
    firehose.put(s3, bucket, "p/", firehose.hours_ago(1), records(20))
    service.conf(brought=(f"s3://{bucket}/p/", table))
    service.hand_over_keys()
    machine.run("systemctl", "start", UNIT)

    def done():
        return machine.run("firebridge", "objects", "--stream", "brought", "--state", "done",
                           check=False).stdout

    machine.wait_for(lambda: " 20 " in done(), "the checkpoint")
    machine.run("firebridge", "state", "backup", "/root/copy.db")
    machine.run("systemctl", "stop", UNIT)
    machine.run("firebridge", "state", "restore", "--replace", "/root/copy.db")
    machine.run("systemctl", "start", UNIT)
    assert " 20 " in done()
    machine.run("systemctl", "stop", UNIT)
    # A new machine, where no service was started yet.
    machine.run("rm", "-r", "/var/lib/private/firebridge", "/var/lib/firebridge")
    machine.run("firebridge", "state", "restore", "/root/copy.db")
    firehose.put(s3, bucket, "p/", firehose.now(), records(20, 20))
    machine.run("systemctl", "start", UNIT)
    machine.wait_for(lambda: table.count() == 40, "the later items")
    machine.run("systemctl", "stop", UNIT)
    state = machine.root / "var/lib/private/firebridge"
    assert {file.stat().st_uid for file in state.iterdir()} == {state.stat().st_uid}


def test_the_sandbox_lets_nothing_out(machine, service):
    unit = (machine.root / "usr/lib/systemd/system/firebridge.service").read_text()
    calls = SYSCALLS.get(machine.run("uname", "-m").stdout.strip(), [])
    machine.write("/opt/probe.py", PROBE % {"syscalls": repr(calls)})
    unit = re.sub(r"^(ExecStart|Type|Restart|WatchdogSec|StateDirectory|RuntimeDirectory)=.*\n",
                  "", unit, flags=re.M)
    machine.write("/etc/systemd/system/probe.service", unit.replace("[Service]\n", "[Service]\n"
                  "Type=oneshot\nExecStart=/usr/bin/python3 -I /opt/probe.py\n"
                  "ExecPaths=/usr/bin/python3\nStateDirectory=probe\nRuntimeDirectory=probe\n")
                  .replace("%S/firebridge %t/firebridge", "%S/probe %t/probe"))
    machine.run("systemctl", "daemon-reload")
    done = machine.run("systemctl", "start", "probe.service", check=False)
    lines = [entry["MESSAGE"] for entry in machine.journal("probe.service")
             if entry.get("SYSLOG_IDENTIFIER") == "python3"]
    assert done.returncode == 0, lines
    outcomes = dict(line.split("|") for line in lines)
    assert outcomes.pop("own folders") == "worked"
    assert len(outcomes) == 13 + 5 + len(calls)
    refused = {"EPERM", "EACCES", "EROFS", "ENOENT", "EAFNOSUPPORT"}
    assert {name: word for name, word in outcomes.items() if word not in refused} == {}


def test_a_stop_under_load_ends_well_and_the_next_start_goes_on(machine, service, s3, bucket,
                                                                 table):
    many = [{"id": f"{n}", "filler": "x" * 1500} for n in range(2_000)]
    for n in range(4):
        firehose.put(s3, bucket, "p/", firehose.hours_ago(6 - n), many[n * 500:][:500])
    stream = (f"s3://{bucket}/p/", table, "max_in_flight = 1MiB")
    service.conf(load=(*stream, "max_write_units = 500"))  # 8 s for all
    service.hand_over_keys()
    machine.run("systemctl", "start", UNIT)
    machine.wait_for(lambda: table.count() > 0, "the first items")
    machine.run("systemctl", "stop", UNIT)
    assert machine.show(UNIT, "ActiveState", "Result", "ExecMainStatus") == [
        "inactive", "success", "0"]
    assert 0 < table.count() < len(many)
    service.conf(load=stream)
    machine.run("systemctl", "start", UNIT)
    machine.wait_for(lambda: table.count() == len(many), "the rest")
    table.expect(many)


def test_a_thread_that_hangs_is_ended_by_the_watchdog_and_nothing_is_lost(machine, service, s3,
                                                                            bucket, table):
    firehose.put(s3, bucket, "p/", firehose.hours_ago(1), records(100))
    service.conf(watched=(f"s3://{bucket}/p/", table))
    service.hand_over_keys()
    service.drop_in("[Service]\nWatchdogSec=6s\nRestartSec=100ms\n", name="watchdog.conf")
    since = service.now()
    machine.run("systemctl", "start", UNIT)
    machine.wait_for(lambda: table.count() == 100, "the first items")
    pid = machine.main_pid(UNIT)
    try:
        with manager.Halted(manager.threads(pid)["lane-0"]) as halted:
            firehose.put(s3, bucket, "p/", firehose.now(), records(100, 100))
            machine.wait_for(halted.has_ended, "the watchdog")
    except PermissionError as refused:
        pytest.skip(f"this machine lets nobody trace: {refused}")
    machine.wait_for(lambda: table.count() == 200, "what came meanwhile")
    assert machine.show(UNIT, "ActiveState", "NRestarts") == ["active", "1"]
    assert "lane-0" in service.events(since, "thread-silent")[0]["MESSAGE"]
    assert len(service.events(since, "starting")) == 2
    machine.run("rm", f"/etc/systemd/system/{UNIT}.d/watchdog.conf")


def test_an_instance_has_its_own_conf_and_folders(machine, service, s3, bucket, make_table):
    tables = {name: make_table() for name in ("firebridge", "other")}
    for name, table in tables.items():
        firehose.put(s3, bucket, f"{name}/", firehose.now(), records(10))
        service.conf(name, own=(f"s3://{bucket}/{name}/", table))
    service.hand_over_keys()
    service.hand_over_keys("firebridge@.service")
    machine.run("systemctl", "start", UNIT, "firebridge@other.service")
    machine.wait_for(lambda: all(table.count() == 10 for table in tables.values()), "both")
    assert (machine.root / "var/lib/private/firebridge-other/firebridge.db").exists()
    machine.run("systemctl", "stop", "firebridge@other.service")
    assert machine.show(UNIT, "ActiveState") == "active"


HELPER = """#!/bin/sh
echo '{"Version":1,"AccessKeyId":"%s","SecretAccessKey":"%s"}'
"""


def test_a_credential_process_needs_the_drop_in(machine, service, s3, bucket, table):
    firehose.put(s3, bucket, "p/", firehose.now(), records(10))
    service.conf(keys=(f"s3://{bucket}/p/", table))
    machine.write("/usr/local/bin/get-aws-keys",
                  HELPER % (service.s3_server.key, service.s3_server.secret), 0o755)
    machine.write("/etc/firebridge/aws-config",
                  "[default]\ncredential_process = /usr/local/bin/get-aws-keys\n", 0o600)
    service.drop_in("[Service]\nLoadCredential=aws-config:/etc/firebridge/aws-config\n"
                    "Environment=AWS_EC2_METADATA_DISABLED=true\n")
    since = service.now()
    machine.run("systemctl", "start", UNIT)
    machine.wait_for(lambda: service.events(since, "stream-trouble"), "a refusal")
    assert "/usr/local/bin/get-aws-keys" in service.events(since, "stream-trouble")[0]["MESSAGE"]
    assert table.count() == 0

    example = (machine.root / "usr/share/doc/firebridge/examples/credential-process.conf")
    service.drop_in(example.read_text().replace("get-aws-keys\n", "get-aws-keys /bin/sh\n"),
                    name="credential-process.conf")
    machine.run("systemctl", "restart", UNIT)
    machine.wait_for(lambda: table.count() == 10, "the items")
    machine.run("rm", "-r", f"/etc/systemd/system/{UNIT}.d")


def test_uninstall_leaves_nothing_but_conf_and_state(machine, service, s3, bucket, table):
    """The last one: behind it nothing is installed."""
    service.conf(last=(f"s3://{bucket}/p/", table))
    service.hand_over_keys()
    machine.run("systemctl", "enable", "--now", UNIT)
    machine.run("make", "uninstall")
    assert machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend",
                       "firebridge*").stdout == ""
    assert " firebridge: " not in machine.run("journalctl", "--list-catalog").stdout
    ours = ("etc/firebridge/", "var/lib/private/firebridge", "var/lib/firebridge")
    made_by_tests = {"opt/probe.py", "usr/local/bin/get-aws-keys"}
    left = {path for path in machine.added() - machine.before - made_by_tests
            if not path.startswith(ours + ("etc/systemd/system/", "var/lib/private/probe",
                                           "var/lib/probe"))}
    assert left == set()
    left = {path for path in machine.added() if path.startswith("etc/systemd/system/")
            and "multi-user" in path}
    assert left == set()
