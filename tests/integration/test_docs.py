# SPDX-License-Identifier: Apache-2.0
"""The manual names every key of the conf file and every command of the program."""
import pathlib
import re
import shutil
import subprocess

import pytest

import console_blocks

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "build" / "firebridge"


def manual(name):
    return (ROOT / "docs" / "man" / name).read_text(encoding="utf-8")


def annotated_keys():
    """etc/firebridge.conf, which a unit test holds against the program's own table."""
    text = (ROOT / "etc" / "firebridge.conf").read_text(encoding="utf-8")
    return re.findall(r"^#([a-z0-9_.]+) =(?: (.*))?$", text, re.M)


def test_every_key_and_its_default_stand_in_the_manual():
    documented = re.findall(
        r'^\.It Ic ([a-z0-9_.]+)(?: Li = "?([^"\n]*)"?)?$', manual("firebridge.conf.5"), re.M
    )
    assert len(documented) == 92
    assert documented == annotated_keys()


def test_the_examples_of_the_formats_are_real_runs():
    text = (ROOT / "docs" / "formats.md").read_text(encoding="utf-8")
    commands = console_blocks.commands(text)
    shown = {path.name for path in (ROOT / "docs" / "samples").iterdir()
             if any(f"docs/samples/{path.name} " in f"{command} " for command in commands)}
    assert shown == {path.name for path in (ROOT / "docs" / "samples").iterdir()}
    assert len(commands) == 20
    assert console_blocks.rewrite(text) == text, "make docs writes what is printed now"


def shown(*arguments):
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=True).stdout


COMMANDS = re.findall(r"^  ([a-z-]+)  ", shown("--help"), re.M)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_and_option_stands_in_the_manual(command):
    page = manual("firebridge.8")
    assert re.search(rf"^\.It Cm {command}\b", page, re.M)
    for option in re.findall(r"^  (?:-., )?--([a-z-]+)", shown("help", command), re.M):
        assert f"Fl -{option}" in page, option


@pytest.mark.parametrize("arguments", [["--help"], *(["help", name] for name in COMMANDS)])
def test_help_fits_a_screen(arguments):
    lines = shown(*arguments).splitlines()
    assert 0 < len(lines) <= 36
    assert max(map(len, lines)) <= 80


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
@pytest.mark.parametrize("page", ["firebridge.8", "firebridge.conf.5"])
def test_mandoc_has_nothing_to_say(page):
    lint = subprocess.run(
        ["mandoc", "-Tlint", ROOT / "docs" / "man" / page],
        capture_output=True,
        text=True,
        check=False,
    )
    # Each page refers to the other, which need not be installed here.
    complaints = [
        line for line in lint.stdout.splitlines() if "referenced manual not found" not in line
    ]
    assert complaints == []
