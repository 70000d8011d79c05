# SPDX-License-Identifier: Apache-2.0
"""The control socket: who may use it, and what hostile or slow clients can do to the daemon."""

import json
import os
import signal
import socket
import stat
import time

import pytest

import control


def test_the_socket_is_the_users_own_and_goes_with_the_daemon(firebridge):
    process = control.start(firebridge, control.conf(firebridge))
    path = control.socket_of(firebridge)
    assert stat.S_ISSOCK(path.lstat().st_mode)
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    process.terminate()
    assert process.wait().code == 0
    assert not path.exists()


@pytest.mark.parametrize("by", ["the conf", "systemd"])
def test_a_runtime_folder_has_the_socket_and_a_link_leads_to_it(firebridge, tmp_path, by):
    folder = tmp_path / "run" / ("long-" * 12)  # longer than a socket's address
    if by == "systemd":
        folder.mkdir(parents=True)
    conf = control.conf(firebridge, daemon=f"runtime_dir = {folder}" if by == "the conf" else "")
    process = control.start(firebridge, conf, env={"RUNTIME_DIRECTORY": f"{folder}:/other"})
    link = control.socket_of(firebridge)
    assert link.is_symlink() and stat.S_ISSOCK((folder / "control.sock").lstat().st_mode)
    # The command's own environment has nothing of systemd.
    result = firebridge(conf, "log-level", "debug")
    assert result.code == 0, result
    process.terminate()
    assert process.wait().code == 0
    assert not link.is_symlink() and list(folder.iterdir()) == []


def test_what_a_dead_daemon_left_is_replaced(firebridge):
    conf = control.conf(firebridge)
    process = control.start(firebridge, conf)
    process.kill()
    path = control.socket_of(firebridge)
    before = path.lstat().st_mtime_ns
    process = firebridge.start(conf, "run")
    process.wait_until(lambda: path.lstat().st_mtime_ns != before)
    assert control.ask(path, verb="log-level", level="info")["ok"]


def test_another_daemons_socket_is_left_alone(firebridge, tmp_path):
    folder = tmp_path / "run"
    control.start(firebridge, control.conf(firebridge, daemon=f"runtime_dir = {folder}"))
    first = (folder / "control.sock").lstat().st_ino
    firebridge.state = tmp_path / "second"
    second = firebridge.start(control.conf(firebridge, daemon=f"runtime_dir = {folder}"), "run")
    second.wait_until(lambda: "another daemon listens" in second.log)
    assert (folder / "control.sock").lstat().st_ino == first
    second.terminate()
    assert second.wait().code == 0
    assert control.ask(folder / "control.sock", verb="log-level", level="info")["ok"]


def test_a_socket_that_another_put_in_its_place_stays(firebridge):
    process = control.start(firebridge, control.conf(firebridge))
    path = control.socket_of(firebridge)
    other = path.with_name("other.sock")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(other))
        other.rename(path)
        process.terminate()
        assert process.wait().code == 0
        assert stat.S_ISSOCK(path.lstat().st_mode)


def test_a_file_in_the_way_is_left_alone(firebridge):
    path = control.socket_of(firebridge)
    path.write_text("mine")
    process = firebridge.start(control.conf(firebridge), "run")
    process.wait_until(lambda: "control.sock is in the way" in process.log)
    assert path.read_text() == "mine"
    process.terminate()
    assert process.wait().code == 0


REFUSED = {
    "nothing": (b"\n", "expected a JSON object"),
    "no JSON": (b"status\n", "expected a JSON object"),
    "no object": (b'["verb"]\n', "expected a JSON object"),
    "no verb": (b'{"stream": "main"}\n', "expected a JSON object"),
    "a verb that is a number": (b'{"verb": 1}\n', "expected a JSON object"),
    "a verb twice": (b'{"verb": "a", "verb": "b"}\n', "expected a JSON object"),
    "no UTF-8": (b'{"verb": "\xff"}\n', "expected a JSON object"),
    "a NUL": (b'{"verb": "a\x00b"}\n', "expected a JSON object"),
    "an unknown verb": (b'{"verb": "explode"}\n', 'does not know \\"explode\\"'),
    "a long verb": (b'{"verb": "' + b"x" * 9000 + b'"}\n', "does not know"),
    "no end": (b'{"verb": "' + b"x" * 200000, "too long"),
    "deep": (b"[" * 16000 + b"\n", "expected a JSON object"),
    "a level that is none": (b'{"verb": "log-level", "level": "loud"}\n', "expected error, warning"),
    "a stream that is no text": (b'{"verb": "pause", "stream": ["main"]}\n', "expected the name"),
    "a level that is no text": (b'{"verb": "log-level", "level": {}}\n', "expected error, warning"),
}


@pytest.fixture(name="running", scope="module")
def fixture_running(tmp_path_factory, program):
    """One daemon for all that must do it no harm."""
    import conftest
    runner = conftest.Firebridge(program, tmp_path_factory.mktemp("control"),
                                 {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true"})
    runner.process = control.start(runner, control.conf(runner))
    yield runner
    assert runner.process.alive()
    runner.process.terminate()
    assert runner.process.wait().code == 0
    runner.end()


@pytest.mark.parametrize("name", REFUSED)
def test_nonsense_is_refused_with_a_reason(running, name):
    request, why = REFUSED[name]
    answer = control.exchange(control.socket_of(running), request)
    if answer:  # else the rest of an endless request met a closed connection
        assert why in answer.decode() and json.loads(answer)["ok"] is False
    else:
        assert name == "no end"
    assert control.ask(control.socket_of(running), verb="log-level", level="info")["ok"]


def test_a_request_may_come_in_pieces(running):
    with control.connect(control.socket_of(running)) as client:
        for byte in b'{"verb": "log-level", "level": "info"}\n':
            client.sendall(bytes([byte]))
        assert json.loads(control.read_all(client))["ok"]


def test_clients_that_say_nothing_are_cut_off_and_others_served(running):
    """More of them than there is room for; those that dribble have no more time."""
    began = time.monotonic()
    path = control.socket_of(running)
    silent = [control.connect(path) for _ in range(12)]
    silent[0].sendall(b'{"verb"')
    assert control.ask(path, verb="log-level", level="info")["ok"]
    assert time.monotonic() - began < 15
    assert control.read_all(silent[0]) == b""
    for client in silent:
        client.close()


def test_a_daemon_that_hangs_and_a_full_queue_hold_up_no_command(firebridge):
    """Who asks again and again would fill the queue, and then wait in connect for good."""
    conf = control.conf(firebridge)
    process = control.start(firebridge, conf)
    os.kill(process.popen.pid, signal.SIGSTOP)
    waiting = []
    try:
        with pytest.raises(BlockingIOError):
            while len(waiting) < 500:
                waiting.append(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                waiting[-1].setblocking(False)
                waiting[-1].connect(str(control.socket_of(firebridge)))
        result = firebridge(conf, "status", timeout_s=20)
        assert result.code == 1 and "the daemon does not answer: " in result.stderr, result
    finally:
        for client in waiting:
            client.close()
        os.kill(process.popen.pid, signal.SIGCONT)
    assert control.ask(control.socket_of(firebridge), verb="status")["ok"]


def test_a_client_that_goes_away_does_no_harm(running):
    path = control.socket_of(running)
    for _ in range(50):
        client = control.connect(path)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sendall(b'{"verb": "log-level", "level": "info"}\n')
        client.close()
    assert control.ask(path, verb="log-level", level="info")["ok"]


def test_the_log_level_changes_at_run_time(firebridge):
    conf = control.conf(firebridge, daemon="log_level = error")
    process = control.start(firebridge, conf)
    assert " info " not in process.log and " notice " not in process.log
    result = firebridge(conf, "log-level", "debug")
    assert (result.code, result.stdout) == (0, "log level: debug, which was error\n")
    assert "log level: debug from now on" in process.log
    result = firebridge(conf, "log-level", "--output", "json", "error")
    assert (result.code, json.loads(result.stdout)) == (0, {"was": "debug"})
    result = firebridge(conf, "log-level", "loud")
    assert result.code == 1 and "expected error, warning, notice, info or debug" in result.stderr


COMMANDS = (("status",), ("status", "--output", "json"), ("drain",), ("pause",),
            ("log-level", "info"), ("reload",))

# What nobody but firebridge should answer, and what each command then ends with.
ANSWERS = {
    "nothing": b"",
    "no JSON": b"hello\n",
    "no object": b"[1]\n",
    "ok alone": b'{"ok":true}\n',
    "streams without a state": b'{"ok":true,"reloading":false,"streams":[{"held":true}]}\n',
    "streams that are none": b'{"ok":true,"reloading":false,"streams":[1,null,"x"]}\n',
    "a refusal that is ok": b'{"ok":false,"status":"ok","error":"boo"}\n',
    "a deep one": b"[" * 100000,
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_of_another_program_is_refused(firebridge, name):
    conf = control.conf(firebridge)
    with control.impostor(firebridge, ANSWERS[name]):
        for command in COMMANDS:
            result = firebridge(conf, *command)
            assert (result.code, result.stdout) == (1, ""), result
            assert "firebridge: " in result.stderr and "(null)" not in result.stderr, result


def test_no_text_of_an_answer_reaches_the_terminal_with_its_controls(firebridge):
    evil = "\x1b[31m\x9b31m"
    report = {"stream": evil, "state": evil, "held": True, "at_rest": True, "last_error": evil,
              "lag_ms": 1e300, "backlog_objects": 1e300, "at_work": [{"object": evil}]}
    answers = {
        ("status",): {"streams": [report], "reloading": False, "conf_refused": evil},
        ("pause",): {"streams": [evil]},
        ("log-level", "info"): {"was": evil},
        ("reload", "--no-wait"): {"number": 1, "last_reload": evil},
    }
    conf = control.conf(firebridge)
    for command, answer in answers.items():
        with control.impostor(firebridge, json.dumps({"ok": True, **answer}).encode()):
            result = firebridge(conf, *command)
            assert "?[31m??31m" in result.stdout, result
            assert not set(result.stdout + result.stderr) & {"\x1b", "\x9b"}, result
    with control.impostor(firebridge, json.dumps({"ok": False, "error": evil}).encode()):
        result = firebridge(conf, "pause")
        assert (result.code, result.stderr) == (1, "firebridge: ?[31m??31m\n")


@pytest.mark.soak
def test_an_answer_that_dribbles_has_no_more_time_than_others(firebridge):
    """Its pace alone would let it go on for hours."""
    conf = control.conf(firebridge)
    with control.impostor(firebridge, b" " * 1000, pause_s=5):
        result = firebridge(conf, "status", timeout_s=40)
    assert result.code == 1 and "the daemon does not answer" in result.stderr, result


def test_a_name_that_is_no_text_is_told_from_a_lack_of_memory(firebridge):
    result = firebridge(control.conf(firebridge), "pause", os.fsdecode(b"\xff"))
    assert result.code == 1 and "not UTF-8 text" in result.stderr, result


def test_without_a_daemon_a_command_says_so(firebridge):
    conf = control.conf(firebridge)
    result = firebridge(conf, "log-level", "debug")
    assert result.code == 1 and "no daemon runs" in result.stderr
    assert list(firebridge.state.iterdir()) == []
