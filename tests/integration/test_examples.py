# SPDX-License-Identifier: Apache-2.0
"""
Each folder of docs/examples runs: its table is made, its objects are put where Firehose would put
them, its conf is run, and its queries print what its README says.
"""

import contextlib
import dataclasses
import datetime
import gzip
import pathlib
import re

import pytest

import aws_cli
import firehose

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "docs" / "examples"
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)
SECTION = re.compile(r"^\[stream ([^*\]]+)\]$", re.M)
SOURCE = re.compile(r"^source = s3://my-bucket/(.*)$", re.M)
EXPIRY = re.compile(r"^item\.([a-z]+) = \{[^}]*,add=(\d+)d,as=epoch\}$", re.M)
KEY_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")

# One reading whose battery is "low": each of the two streams refuses it.
DEAD_LETTERS = {"iot-telemetry": {"readings": 1, "latest": 1}}


class Example:
    """One folder of docs/examples."""

    def __init__(self, folder):
        self.folder = folder
        self.conf = (folder / "firebridge.conf").read_text(encoding="utf-8")
        self.readme = (folder / "README.md").read_text(encoding="utf-8")
        self.streams = SECTION.findall(self.conf)
        (self.prefix,) = SOURCE.findall(self.conf)

    def table_commands(self, dynamodb):
        script = (self.folder / "table.sh").read_text(encoding="utf-8")
        return [aws_cli.Command(line, dynamodb) for line in aws_cli.commands(script)]

    def objects(self):
        """The objects' paths below the prefix, and their records' text."""
        top = self.folder / "objects"
        return {str(path.relative_to(top)): path.read_bytes()
                for path in sorted(top.rglob("*")) if path.is_file()}

    def body(self, text):
        """CloudWatch Logs compresses each record, and Firehose then the object."""
        if self.folder.name == "cloudwatch-logs":
            text = b"".join(map(gzip.compress, text.splitlines()))
        return gzip.compress(text)

    def queries(self):
        """(command, what it prints)"""
        return [aws_cli.take_command(part) for block in CONSOLE.findall(self.readme)
                for part in re.split(r"^\$ ", block, flags=re.M)[1:]]


def examples():
    return sorted(path for path in EXAMPLES.iterdir() if path.is_dir())


@dataclasses.dataclass
class Run:
    """An example whose conf was run."""

    example: Example
    dynamodb: object
    table: str
    dead_letters: dict

    def items(self):
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=self.table)
        return [item for page in pages for item in page["Items"]]


@pytest.fixture(params=examples(), ids=lambda folder: folder.name)
def example(request):
    return Example(request.param)


@pytest.fixture
def table(example, dynamodb):
    """
    The table of table.sh. Its time to live is not switched on: some day the records of the example
    will be older than that, and DynamoDB Local would delete them.
    """
    create = example.table_commands(dynamodb)[0]
    assert create.name == "create-table"
    create.run()
    yield create.parameters["TableName"]
    with contextlib.suppress(Exception):
        dynamodb.delete_table(TableName=create.parameters["TableName"])


@pytest.fixture
def run(example, table, dynamodb, s3, bucket, firebridge, s3_server, dynamodb_server, make_conf):
    for path, text in example.objects().items():
        firehose.put_body(s3, bucket, f"{example.prefix}{path}.gz", example.body(text))
    streams = {name: (f"s3://{bucket}/{example.prefix}", table) for name in example.streams}
    drop_ins = firebridge.folder / "firebridge.conf.d"
    drop_ins.mkdir()
    (drop_ins / "servers.conf").write_text(make_conf(**streams))
    firebridge.once(example.conf)
    return Run(example, dynamodb, table,
               {name: len(firebridge.dead_letters(name)) for name in example.streams})


def test_the_examples_are_complete():
    assert [folder.name for folder in examples()] == [
        "cloudwatch-logs", "dynamodb-replication", "ecommerce-clickstream", "game-events",
        "iot-telemetry", "social-posts"]
    listed = re.findall(r"\]\(([a-z-]+)/README\.md\)", (EXAMPLES / "README.md").read_text())
    assert sorted(listed) == [folder.name for folder in examples()]


def test_its_objects_are_named_as_firehose_names_them(example):
    assert len(example.objects()) >= 2
    for path in example.objects():
        assert re.fullmatch(r"(\d{4})/(\d\d)/(\d\d)/(\d\d)/[a-z]+-1-\1-\2-\3-\4-\d\d-\d\d-[0-9a-f-]{36}",
                            path), path


def test_its_queries_print_what_the_readme_says(example, run):
    assert run.dead_letters == DEAD_LETTERS.get(example.folder.name, dict.fromkeys(example.streams, 0))
    queries = example.queries()
    assert len(queries) >= 3
    for line, prints in queries:
        command = aws_cli.Command(line, run.dynamodb)
        assert command.name in ("query", "get-item")
        assert command.parameters["TableName"] == run.table
        assert command.printed() == prints, line


def test_its_items_expire_when_the_table_and_the_conf_say(example, run):
    enabled = [command.parameters["TimeToLiveSpecification"]
               for command in example.table_commands(run.dynamodb)
               if command.name == "update-time-to-live"]
    expiries = EXPIRY.findall(example.conf)
    assert enabled == [{"Enabled": True, "AttributeName": name} for name, _ in expiries]
    for name, days in expiries:
        expiring = [item for item in run.items() if name in item]
        assert expiring
        for item in expiring:
            begin = datetime.datetime.fromisoformat(KEY_TIME.search(item["sk"]["S"]).group() + "+00:00")
            assert int(item[name]["N"]) == begin.timestamp() + int(days) * 86400
