# SPDX-License-Identifier: Apache-2.0
"""make install puts every file where the FHS, systemd and journald look for it; uninstall takes
all of them away, but conf and state."""
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONF = {"etc/firebridge/firebridge.conf"}
DOC = "usr/share/doc/firebridge/"
EXPOSURE_MAX = 1.0


def make(target, destination, *variables):
    done = subprocess.run(["make", target, f"DESTDIR={destination}", *variables], cwd=ROOT,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


def files(folder):
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if not file.is_dir()}


def expected():
    examples = {f"{DOC}{file.relative_to(ROOT / 'docs')}"
                for file in (ROOT / "docs/examples").rglob("*") if file.is_file()}
    assert len(examples) > 6
    return CONF | examples | {
        "usr/bin/firebridge",
        "usr/lib/systemd/system/firebridge.service",
        "usr/lib/systemd/system/firebridge@.service",
        "usr/lib/systemd/catalog/firebridge.catalog",
        "usr/share/man/man5/firebridge.conf.5",
        "usr/share/man/man8/firebridge.8",
        "usr/share/bash-completion/completions/firebridge",
        "usr/share/zsh/vendor-completions/_firebridge",
        f"{DOC}examples/credential-process.conf",
        f"{DOC}LICENSE", f"{DOC}README.md", f"{DOC}CHANGELOG.md",
        *(f"{DOC}{file.name}" for file in (ROOT / "docs").glob("*.md")),
    }


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    destination = tmp_path_factory.mktemp("install")
    make("install", destination)
    return destination


def test_every_file_is_where_it_is_looked_for(installed):
    assert files(installed) == expected()
    modes = {file: (installed / file).stat().st_mode & 0o7777 for file in expected()}
    assert {file for file, mode in modes.items() if mode != 0o644} == {"usr/bin/firebridge"}
    assert modes["usr/bin/firebridge"] == 0o755
    assert (installed / "etc/firebridge/firebridge.conf.d").is_dir()


def test_a_conf_that_was_changed_stays(installed, tmp_path):
    conf = tmp_path / "etc/firebridge/firebridge.conf"
    conf.parent.mkdir(parents=True)
    conf.write_text("# mine\n")
    make("install", tmp_path)
    assert conf.read_text() == "# mine\n"
    assert files(tmp_path) == expected() | {"etc/firebridge/firebridge.conf.new"}


def test_another_prefix_moves_what_may_move_and_uninstall_leaves_conf_and_state(tmp_path):
    make("install", tmp_path, "PREFIX=/usr/local")
    unit = (tmp_path / "usr/lib/systemd/system/firebridge.service").read_text()
    assert "ExecStart=/usr/local/bin/firebridge run\n" in unit
    assert re.search(r"^ExecPaths=/usr/local/bin/firebridge ", unit, re.M)
    state = tmp_path / "var/lib/firebridge/firebridge.db"
    state.parent.mkdir(parents=True)
    state.touch()
    other = tmp_path / "usr/local/bin/other"
    other.touch()
    make("uninstall", tmp_path, "PREFIX=/usr/local")
    assert files(tmp_path) == CONF | {"var/lib/firebridge/firebridge.db", "usr/local/bin/other"}


def test_the_instance_has_its_own_conf_and_folders(installed):
    folder = installed / "usr/lib/systemd/system"
    plain = (folder / "firebridge.service").read_text()
    instance = (folder / "firebridge@.service").read_text()
    differing = [(a, b) for a, b in zip(plain.splitlines(), instance.splitlines()) if a != b]
    assert plain.count("\n") == instance.count("\n")
    assert differing == [
        ("Description=Carry Firehose's objects from S3 into DynamoDB",
         "Description=Carry Firehose's objects from S3 into DynamoDB (%i)"),
        ("ExecStart=/usr/bin/firebridge run",
         "ExecStart=/usr/bin/firebridge run -c /etc/firebridge/%i.conf"),
        ("StateDirectory=firebridge", "StateDirectory=firebridge-%i"),
        ("RuntimeDirectory=firebridge", "RuntimeDirectory=firebridge-%i"),
        ("NoExecPaths=/ %S/firebridge %t/firebridge /tmp /var/tmp /dev/shm",
         "NoExecPaths=/ %S/firebridge-%i %t/firebridge-%i /tmp /var/tmp /dev/shm"),
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None,
                    reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", ["firebridge.service", "firebridge@.service"])
def test_the_sandbox_leaves_little_open(installed, unit):
    file = installed / "usr/lib/systemd/system" / unit
    shown = subprocess.run(["systemd-analyze", "security", "--offline=yes", file],
                           capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"}).stdout
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", shown)
    assert exposure, shown
    assert float(exposure[1]) <= EXPOSURE_MAX, shown


@pytest.mark.skipif(shutil.which("journalctl") is None, reason="journalctl is not installed")
def test_journald_takes_the_catalog(installed, tmp_path):
    catalog = tmp_path / "usr/lib/systemd/catalog"
    catalog.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    shutil.copy(installed / "usr/lib/systemd/catalog/firebridge.catalog", catalog)
    subprocess.run(["journalctl", f"--root={tmp_path}", "--update-catalog"], check=True)
    listed = subprocess.run(["journalctl", f"--root={tmp_path}", "--list-catalog"], check=True,
                            capture_output=True, text=True).stdout
    assert listed.count(" firebridge: ") == (
        (ROOT / "src/base/log_events.c").read_text().count("    [FB_EVENT_"))
