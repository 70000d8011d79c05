# SPDX-License-Identifier: Apache-2.0
"""The command line: help that fits a screen, and messages that say what to write instead."""

import pathlib
import re
import shutil
import subprocess

import pytest

import firehose

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_version_names_the_libraries(firebridge):
    result = firebridge.bare("version")
    assert result.code == 0
    assert re.match(r"firebridge \d+\.\d+\.\d+", result.stdout)
    assert "libcurl" in result.stdout.lower()


@pytest.mark.parametrize("arguments", [["--help"], ["help"], ["help", "run"], ["help", "check"]])
def test_help_fits_a_screen(firebridge, arguments):
    result = firebridge.bare(*arguments)
    assert result.code == 0
    lines = result.stdout.splitlines()
    assert 3 <= len(lines) <= 40
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("arguments", [[], ["rum"], ["run", "--onec"], ["run", "-c"]])
def test_a_wrong_call_says_so_on_stderr(firebridge, arguments):
    result = firebridge.bare(*arguments)
    assert result.code > 0
    assert "firebridge" in result.stderr and not result.stdout


@pytest.mark.parametrize("option, whole, arguments", [
    ("--i", "--i-understand", ["state", "reset", "--i"]),
    ("--over", "--overwrite", ["replay", "--key", "--yes", "--over"]),
    ("--outp", "--output", ["objects", "--outp=json"]),
])
def test_a_word_is_said_whole_or_not_at_all(firebridge, option, whole, arguments):
    result = firebridge.bare(*arguments)
    assert result.code == 2
    assert f"unrecognized option '{option}'; did you mean {whole}?" in result.stderr


COMPLETE = """
source /dev/stdin
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_firebridge
echo "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize("words, expected", [
    (["re"], {"redrive", "replay"}),
    (["redrive", "--o"], {"--overwrite", "--output"}),
    (["redrive", "--output", ""], {"table", "json"}),
    (["state", ""], {"adopt", "rename", "--help", "--config"}),
    (["help", "ex"], {"explain"}),
    (["run", "-c", "tests/integration/test_cli."], {"tests/integration/test_cli.py"}),
    (["redrive", "--since", ""], set()),
])
def test_bash_completes_from_the_tables(firebridge, words, expected):
    script = firebridge.bare("completion", "bash").stdout
    done = subprocess.run(["bash", "-c", COMPLETE, "bash", "firebridge", *words], input=script,
                          capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr == ""
    assert expected <= set(done.stdout.split()) and (expected or done.stdout.strip() == "")


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_reads_its_completion(firebridge):
    script = firebridge.bare("completion", "zsh").stdout
    done = subprocess.run(["zsh", "-n"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == ""
    for option in re.findall(r"^  (?:-., )?(--[a-z-]+)", firebridge.bare("help", "redrive").stdout, re.M):
        assert option in script


STREAM = "[stream main]\nsource = s3://bucket/prefix/\ntable = table\n"
WRONG_CONFS = {
    "unknown key": (STREAM + "tabel = x\n", 4, "table"),
    "unknown section": ("[streem x]\n" + STREAM, 1, "stream"),
    "missing key": ("[stream main]\nsource = s3://b/p/\n", 1, "table"),
    "wrong number": (STREAM + "writers = many\n", 4, "writers"),
    "out of range": (STREAM + "writers = 0\n", 4, "writers"),
    "wrong duration": (STREAM + "poll_interval = soon\n", 4, "poll_interval"),
    "wrong source": ("[stream main]\nsource = /tmp/x\ntable = t\n", 2, "s3://"),
    "a key twice": (STREAM + "table = other\n", 4, "table"),
    "a comment behind a value": (STREAM + "writers = 3 ; three\n", 4, ""),
    "no equals sign": (STREAM + "writers\n", 4, ""),
    "an over-long line": (STREAM + f"exclude = {'x' * 9000}\n", 4, "at most"),
}


@pytest.mark.parametrize("name", WRONG_CONFS)
@pytest.mark.parametrize("command", ["run", "check"])
def test_a_wrong_conf_is_refused_by_file_line_and_expectation(firebridge, name, command):
    text, line, expected = WRONG_CONFS[name]
    result = firebridge(text, command, timeout_s=10)
    assert result.code > 0
    said = result.stderr + result.stdout
    assert f"firebridge.conf:{line}" in said, said
    assert expected in said, said


def test_a_conf_without_streams_or_without_file_is_refused(firebridge):
    assert firebridge("[aws]\nregion = eu-west-1\n", "run", timeout_s=10).code > 0
    result = firebridge.bare("run", "-c", "/nonexistent/firebridge.conf")
    assert result.code > 0 and "/nonexistent/firebridge.conf" in result.stderr


def test_drop_ins_replace_keys_in_order(firebridge, make_conf, s3, bucket, table):
    firehose.put(s3, bucket, "p/", firehose.now(), [{"id": "1"}])
    folder = firebridge.folder / "firebridge.conf.d"
    folder.mkdir()
    (folder / "10-first.conf").write_text("[stream main]\ntable = not-this-one\n")
    (folder / "20-second.conf").write_text(f"[stream main]\ntable = {table.name}\n")
    (folder / "ignored.conf.bak").write_text("nonsense\n")
    firebridge.once(make_conf(main=(f"s3://{bucket}/p/", "nor-this-one")))
    table.expect([{"id": "1"}])


def test_check_says_what_it_found(firebridge, make_conf, s3, bucket, table):
    firehose.put(s3, bucket, "p/", firehose.now(), [{"id": "1"}])
    result = firebridge(make_conf(main=(f"s3://{bucket}/p/", table)), "check")
    assert result.code == 0, str(result)
    assert table.name in result.stdout and bucket in result.stdout
    assert table.count() == 0


@pytest.mark.parametrize("what", ["table", "bucket", "secret"])
def test_check_ends_non_zero_when_the_daemon_would_not_work(firebridge, make_conf, bucket, table,
                                                           what):
    conf = make_conf(main=(f"s3://{'no-such' if what == 'bucket' else bucket}/p/",
                           "no-such-table" if what == "table" else table))
    env = {"AWS_SECRET_ACCESS_KEY": "wrong"} if what == "secret" else None
    result = firebridge(conf, "check", env=env)
    assert result.code > 0, str(result)
