# SPDX-License-Identifier: Apache-2.0
"""What `firebridge cloudwatch` prints: AWS's own client takes it, and it names metrics that there are."""

import json
import pathlib
import re
import subprocess

import boto3
import botocore.session
import botocore.validate
import pytest

import servers

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "etc" / "cloudwatch"
STREAMS = """
[stream ticker]
source = s3://my-bucket/ticker/
table = ticker

[stream clicks]
source = s3://my-bucket/clicks/
table = arn:aws:dynamodb:eu-west-1:123456789012:table/clicks-table
poll_interval = 10min
"""
EMF = "[aws]\nregion = eu-west-1\n[metrics]\nemf = udp://127.0.0.1:25888\nnamespace = mine\n" + STREAMS
STATSD = EMF.replace("emf = udp://127.0.0.1:25888", "statsd = 127.0.0.1:8125\ninterval = 10min")


@pytest.fixture
def cloudwatch(program, tmp_path):
    def run(conf, *arguments, code=0, env=None):
        file = tmp_path / "f.conf"
        file.write_text(conf)
        done = subprocess.run([program, "cloudwatch", "-c", file, *arguments], check=False,
                              capture_output=True, text=True, env=env or {})
        assert done.returncode == code, done
        return done
    return run


@pytest.fixture(scope="module")
def metrics(program):
    """{name in CloudWatch by EMF: its row}"""
    rows = json.loads(subprocess.run([program, "metrics", "--output", "json"], check=True,
                                     capture_output=True, text=True).stdout)
    return {row["name"].removeprefix("firebridge_"): row for row in rows}


def alarms_of(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def validate(operation, parameters):
    model = botocore.session.get_session().get_service_model("cloudwatch").operation_model(operation)
    report = botocore.validate.ParamValidator().validate(parameters, model.input_shape)
    assert not report.has_errors(), report.generate_report()


def metrics_in(alarm):
    """(namespace, name, dimensions, statistic) of each that the alarm looks at."""
    if "Metrics" not in alarm:
        return [(alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"], alarm["Statistic"])]
    stats = [m["MetricStat"] for m in alarm["Metrics"] if "MetricStat" in m]
    return [(s["Metric"]["Namespace"], s["Metric"]["MetricName"], s["Metric"]["Dimensions"],
             s["Stat"]) for s in stats]


@pytest.mark.parametrize("conf, prefix", [(EMF, ""), (STATSD, "mine_")], ids=["emf", "statsd"])
def test_alarms_are_what_put_metric_alarm_takes_and_of_metrics_that_there_are(
        cloudwatch, metrics, conf, prefix):
    alarms = alarms_of(cloudwatch(conf, "alarms", "--action", "arn:aws:sns:eu-west-1:1:t"))
    kinds = ["lag", "no-success", "dead-letters", "credentials", "stopped", "throttling"]
    assert [alarm["AlarmName"] for alarm in alarms] == [
        f"mine-{stream}-{kind}" for stream in ("ticker", "clicks") for kind in kinds]
    for alarm in alarms:
        validate("PutMetricAlarm", alarm)
        assert len(alarm["AlarmDescription"]) <= 1024
        assert alarm["AlarmActions"] == alarm["OKActions"] == ["arn:aws:sns:eu-west-1:1:t"]
        for name_space, name, dimensions, statistic in metrics_in(alarm):
            row = metrics[name.removeprefix(prefix)]
            assert (name_space, name.startswith(prefix)) == ("mine", True)
            assert (row["type"] == "counter") == (statistic == "Sum"), name
            named = {d["Name"]: d["Value"] for d in dimensions}
            stream = alarm["AlarmName"].split("-")[1]
            assert named.pop("stream") == stream
            assert named.pop("table") == {"ticker": "ticker", "clicks": "clicks-table"}[stream]
            assert named == ({"metric_type": row["type"]} if prefix else {})
    periods = {m["MetricStat"]["Period"] for a in alarms for m in a.get("Metrics", [])
               if "MetricStat" in m} | {a["Period"] for a in alarms if "Period" in a}
    assert periods == {600 if prefix else 300}


def test_a_slow_poll_is_no_alarm(cloudwatch):
    thresholds = {a["AlarmName"]: a["Threshold"] for a in alarms_of(cloudwatch(EMF, "alarms"))}
    assert thresholds["mine-ticker-no-success"] == 900
    assert thresholds["mine-clicks-no-success"] == 3000


@pytest.mark.parametrize("conf, prefix", [(EMF, ""), (STATSD, "mine_")], ids=["emf", "statsd"])
def test_the_dashboard_shows_metrics_that_there_are(cloudwatch, metrics, conf, prefix):
    text = cloudwatch(conf, "dashboard", "--delivery-stream", "mine-to-s3").stdout
    validate("PutDashboard", {"DashboardName": "d", "DashboardBody": text})
    widgets = json.loads(text)["widgets"]
    shown, firehose, taken = set(), set(), set()
    for widget in widgets:
        place = (widget["x"], widget["y"])
        assert place not in taken and widget["x"] + widget["width"] <= 24
        taken.add(place)
        if widget["type"] == "text":
            continue
        properties = widget["properties"]
        assert properties["region"] == "eu-west-1" and properties["title"]
        ids = {line[-1]["id"] for line in properties["metrics"] if "id" in line[-1]}
        for line in properties["metrics"]:
            if "expression" in line[0]:
                assert set(re.findall(r"\bm\d\b", line[0]["expression"])) <= ids
                continue
            name_space, name, *dimensions, options = line
            if name_space == "AWS/Firehose":
                firehose.add(name)
                assert dimensions == ["DeliveryStreamName", "mine-to-s3"]
                continue
            shown.add(name.removeprefix(prefix))
            row = metrics[name.removeprefix(prefix)]
            assert name_space == "mine" and dimensions[:2] in (
                ["stream", "ticker"], ["stream", "clicks"])
            assert (row["type"] == "counter") == (options["stat"] == "Sum"), name
            assert (row["type"] == "histogram") == options["stat"].startswith("p"), name
    assert firehose == {"DeliveryToS3.Success", "DeliveryToS3.DataFreshness",
                        "DeliveryToS3.Records", "DeliveryToS3.Bytes"}
    assert shown >= {"oldest_object_age_seconds", "records", "throttles", "dead_letters",
                     "object_delay_seconds", "write_units", "rate_limit_write_units"}


def test_without_a_name_the_dashboard_looks_for_all_delivery_streams(cloudwatch):
    text = cloudwatch(EMF, "dashboard").stdout
    assert text.count("SEARCH('{AWS/Firehose,DeliveryStreamName}") == 4


def test_the_agent_takes_what_the_conf_sends(cloudwatch):
    agent = json.loads(cloudwatch(EMF, "agent").stdout)
    assert agent["logs"]["metrics_collected"] == {"emf": {}}
    assert agent["logs"]["logs_collected"]["journald"]["collect_list"][0]["units"] == [
        "firebridge.service"]
    other = EMF.replace("udp://127.0.0.1:25888", "tcp://127.0.0.1:7777")
    agent = json.loads(cloudwatch(other, "agent", "--logs", "file").stdout)
    assert agent["logs"]["metrics_collected"]["emf"]["service_address"] == "tcp://127.0.0.1:7777"
    assert agent["logs"]["logs_collected"]["files"]["collect_list"][0]["file_path"].endswith(".log")
    agent = json.loads(cloudwatch(STATSD, "agent").stdout)
    assert agent["metrics"]["namespace"] == "mine"
    assert agent["metrics"]["metrics_collected"]["statsd"] == {
        "service_address": "127.0.0.1:8125", "metrics_collection_interval": 10,
        "metrics_aggregation_interval": 600}
    assert agent["agent"]["omit_hostname"] is True


def test_what_is_missing_is_said(cloudwatch):
    silent = EMF.replace("emf = udp://127.0.0.1:25888", "listen = 127.0.0.1:9464")
    assert "sends no metrics to CloudWatch yet" in cloudwatch(silent, "alarms").stderr
    nowhere = EMF.replace("region = eu-west-1", "")
    assert "region" in cloudwatch(nowhere, "dashboard", code=1).stderr
    assert cloudwatch(nowhere, "dashboard", env={"AWS_REGION": "eu-west-2"}).stdout
    many = EMF + "".join(f"[stream s{n}]\nsource = s3://bucket/s{n}/\ntable = table-{n}\n" for n in range(40))
    assert "room for" in cloudwatch(many, "dashboard", code=1).stderr
    assert "expected agent" in cloudwatch(EMF, "alarm", code=2).stderr


@pytest.mark.parametrize("artefact", ["agent", "dashboard", "alarms"])
def test_the_examples_are_what_is_printed_now(program, artefact):
    printed = subprocess.run([program, "cloudwatch", "-c", EXAMPLES / "example.conf", artefact],
                             check=True, capture_output=True, text=True, env={}).stdout
    assert (EXAMPLES / f"{artefact}.json").read_text(encoding="utf-8") == printed


def test_a_cloudwatch_server_takes_them(cloudwatch, moto_server):
    client = boto3.client("cloudwatch", endpoint_url=moto_server.url, region_name=servers.REGION,
                          aws_access_key_id="x", aws_secret_access_key="y")
    alarms = alarms_of(cloudwatch(EMF, "alarms"))
    for alarm in alarms:
        client.put_metric_alarm(**alarm)
    stored = {a["AlarmName"]: a for page in client.get_paginator("describe_alarms").paginate()
              for a in page["MetricAlarms"]}
    assert set(stored) == {alarm["AlarmName"] for alarm in alarms}
    assert stored["mine-ticker-lag"]["Threshold"] == 3600
    body = cloudwatch(EMF, "dashboard").stdout
    client.put_dashboard(DashboardName="firebridge", DashboardBody=body)
    assert json.loads(client.get_dashboard(DashboardName="firebridge")["DashboardBody"]) == (
        json.loads(body))


def test_the_grafana_dashboard_asks_for_metrics_that_there_are(metrics):
    text = (ROOT / "etc" / "grafana" / "firebridge.json").read_text(encoding="utf-8")
    exposed = {row["name"] + {"gauge": "", "counter": "_total", "histogram": "_bucket"}[row["type"]]
               for row in metrics.values()}
    asked = set(re.findall(r"\bfirebridge_\w+", text))
    assert asked == exposed, asked ^ exposed
    labels = {row["label"] for row in metrics.values() if row["label"]}
    assert set(re.findall(r"by \(stream, (\w+)\)", text)) <= labels
    panels = json.loads(text)["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels)
