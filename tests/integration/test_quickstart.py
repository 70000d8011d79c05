# SPDX-License-Identifier: Apache-2.0
"""What the quickstart tells people to type is well-formed: JSON, conf, and what AWS's client takes."""

import json
import pathlib
import re
import subprocess

import botocore.session
import botocore.validate

ROOT = pathlib.Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf-8")


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", TEXT, re.M | re.S)


def test_its_json_is_json_and_the_delivery_stream_is_what_firehose_takes():
    documents = [json.loads(block) for block in blocks("json")]
    assert len(documents) == 4
    [stream] = [d for d in documents if "DeliveryStreamName" in d]
    model = botocore.session.get_session().get_service_model("firehose")
    report = botocore.validate.ParamValidator().validate(
        stream, model.operation_model("CreateDeliveryStream").input_shape)
    assert not report.has_errors(), report.generate_report()


def test_its_policies_in_the_shell_are_json_too():
    policies = re.findall(r'--policy-document "(\{.*?\n\})"', TEXT, re.S)
    assert len(policies) == 2
    for policy in policies:
        assert json.loads(policy.replace('\\"', '"'))["Version"] == "2012-10-17"


def test_its_shell_parses():
    for block in blocks("sh"):
        subprocess.run(["sh", "-n"], input=block, text=True, check=True)


def test_its_conf_is_one(program, tmp_path):
    conf = tmp_path / "f.conf"
    conf.write_text("\n".join(blocks("ini")).replace("BUCKET", "firebridge-123456789012"))
    done = subprocess.run([program, "cloudwatch", "-c", conf, "alarms"], capture_output=True,
                          text=True, check=True)
    alarms = [json.loads(line)["AlarmName"] for line in done.stdout.splitlines()]
    deleted = re.search(r"for alarm in (.*?); do", TEXT)[1].split()
    assert [f"firebridge-ticker-{name}" for name in deleted] == alarms


def test_every_command_it_names_is_one(program):
    known = subprocess.run([program, "help"], capture_output=True, text=True, check=True).stdout
    named = set(re.findall(r"firebridge ([a-z][a-z-]*[a-z])(?: |`|$|\")", "\n".join(blocks("sh")), re.M))
    assert {"check", "cloudwatch"} <= named
    for command in named:
        assert re.search(rf"^  {command} ", known, re.M), command
