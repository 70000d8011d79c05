# SPDX-License-Identifier: Apache-2.0
"""What needs no server: wrong use, wrong confs, and a check that nobody answers."""
import os
import pathlib
import subprocess

import pytest

PROGRAM = os.environ.get(
    "FIREBRIDGE", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "firebridge"))

# Port 9 is closed on the loopback of the tests' own network namespace.
CONF = """
[aws]
region = us-east-1
endpoint.s3 = http://127.0.0.1:9
endpoint.dynamodb = http://127.0.0.1:9
[daemon]
state_dir = {state}
[stream ticker]
source = s3://my-bucket/ticker/
table = ticker
"""


def firebridge(*arguments, **variables):
    environment = {"PATH": os.environ["PATH"], "AWS_EC2_METADATA_DISABLED": "true", **variables}
    return subprocess.run(
        [PROGRAM, *arguments], env=environment, capture_output=True, text=True, timeout=60,
        check=False,
    )


@pytest.fixture(name="conf")
def fixture_conf(tmp_path):
    path = tmp_path / "a.conf"
    path.write_text(CONF.format(state=tmp_path / "state"), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ([], "usage: firebridge COMMAND"),
        (["chek"], "unknown command chek; did you mean check?"),
        (["xyzzy"], "unknown command xyzzy; firebridge help lists them"),
        (["run", "--onse"], "unrecognized option '--onse'"),
        (["run", "-o"], "invalid option -- 'o'"),
        (["run", "extra"], "unexpected argument extra"),
        (["check", "--once"], "unrecognized option '--once'"),
        (["check", "-c"], "option requires an argument -- 'c'"),
        (["state"], "usage: firebridge state [OPTION...] VERB"),
        (["state", "rename", "a"], "usage: firebridge state [OPTION...] VERB"),
        (["version", "-c", "x"], "invalid option -- 'c'"),
        (["help", "chek"], "did you mean check?"),
    ],
)
def test_wrong_use_ends_with_2_and_says_why(arguments, complaint):
    result = firebridge(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert complaint in result.stderr


def test_version_names_the_libraries():
    result = firebridge("version")
    assert result.returncode == 0
    assert result.stdout.startswith("firebridge 0.")
    for library in "libcurl OpenSSL jansson zlib expat SQLite inih libsystemd".split():
        assert library in result.stdout
    assert firebridge("--version").stdout == result.stdout


def test_help_of_a_command_is_the_same_both_ways():
    assert firebridge("run", "--help").stdout == firebridge("help", "run").stdout != ""


def test_output_that_cannot_be_written_is_an_error():
    with open("/dev/full", "w", encoding="utf-8") as full:
        result = subprocess.run([PROGRAM, "version"], stdout=full, check=False)
    assert result.returncode == 1


def test_a_wrong_conf_is_told_by_file_and_line(conf):
    conf.write_text("[stream a]\nsource = s3://bucket/\ntabel = t\n", encoding="utf-8")
    result = firebridge("check", "-c", conf)
    assert result.returncode == 1
    assert f"{conf}:3: unknown key tabel; did you mean table?" in result.stderr
    assert f"{conf}:1: [stream a] has no table" in result.stderr
    assert result.stdout == f"FAIL  conf: {conf} cannot be used as it stands\n"


def test_check_without_credentials_says_where_it_looked(conf):
    result = firebridge("check", "-c", conf)
    assert result.returncode == 1
    assert "FAIL  credentials: no credentials" in result.stdout
    assert "stream ticker" not in result.stdout


def test_check_that_nobody_answers_fails_and_changes_nothing(conf, tmp_path):
    result = firebridge(
        "check", "-c", conf, AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="tops3cret"
    )
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert lines[0] == f"ok    conf: {conf}, 1 stream"
    assert lines[1] == f"ok    state_dir: {tmp_path}/state can be made"
    assert lines[2] == "ok    region: us-east-1"
    assert lines[3] == "ok    credentials: from environment, which do not expire"
    assert lines[4].startswith("FAIL  stream ticker: table ticker: ")
    assert lines[5].startswith("FAIL  stream ticker: listing s3://my-bucket/ticker/: ")
    assert len(lines) == 6
    assert "tops3cret" not in result.stdout + result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.conf"]


def test_state_commands_name_the_stream_that_was_meant(conf):
    result = firebridge("state", "adopt", "tickr", "-c", conf)
    assert result.returncode == 1
    assert "the conf has no stream tickr; did you mean ticker?" in result.stderr


def test_renaming_where_there_is_no_state_makes_none(conf, tmp_path):
    result = firebridge("state", "rename", "old", "ticker", "-c", conf)
    assert result.returncode == 1
    assert f"there is no state in {tmp_path}/state" in result.stderr
    assert not (tmp_path / "state").exists()
