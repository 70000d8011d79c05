# SPDX-License-Identifier: Apache-2.0
"""`create-table`: the tables that a conf writes to, printed as calls or made."""

import json
import shlex
import time
import uuid

import pytest

import firehose

MAPPED = """item.pk = user#{user}
item.sk = {ts:as=number}
item.ttl = {ts:time=s,add=30d,as=epoch}"""


@pytest.fixture
def name(dynamodb):
    name = f"made-{uuid.uuid4().hex[:12]}"
    yield name
    for table in name, f"{name}-markers":
        try:
            dynamodb.delete_table(TableName=table)
        except dynamodb.exceptions.ResourceNotFoundException:
            pass


def keys_of(dynamodb, name):
    table = dynamodb.describe_table(TableName=name)["Table"]
    types = {d["AttributeName"]: d["AttributeType"] for d in table["AttributeDefinitions"]}
    return [(k["AttributeName"], types[k["AttributeName"]], k["KeyType"])
            for k in table["KeySchema"]]


def ttl_of(dynamodb, name):
    described = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    return described.get("AttributeName") if described["TimeToLiveStatus"] == "ENABLED" else None


def test_it_makes_the_table_that_the_stream_then_writes_to(firebridge, make_conf, s3, bucket, name,
                                                           dynamodb):
    conf = make_conf(main=(f"s3://{bucket}/p/", name, MAPPED))
    made = firebridge(conf, "create-table", "--apply")
    assert made.code == 0, made
    assert made.stdout == f"table {name}: made\ntable {name}: its items expire: ttl\n"
    assert keys_of(dynamodb, name) == [("pk", "S", "HASH"), ("sk", "N", "RANGE")]
    assert ttl_of(dynamodb, name) == "ttl"
    billing = dynamodb.describe_table(TableName=name)["Table"]["BillingModeSummary"]
    assert billing["BillingMode"] == "PAY_PER_REQUEST"
    firehose.put(s3, bucket, "p/", firehose.now(), [{"user": "a", "ts": int(time.time())}])
    firebridge.once(conf)
    assert dynamodb.scan(TableName=name)["Count"] == 1
    again = firebridge(conf, "create-table", "--apply")
    assert (again.code, again.stdout) == (0, f"table {name}: is there\n"), again


def test_what_is_there_and_differs_is_told_and_not_changed(firebridge, make_conf, bucket, table,
                                                           dynamodb):
    conf = make_conf(main=(f"s3://{bucket}/p/", table, MAPPED))
    result = firebridge(conf, "create-table", "--apply")
    assert result.code == 1, result
    assert result.stdout == (
        f"table {table.name}: is there and differs: its key is id (S), and not pk (S), sk (N)\n"
        f"table {table.name}: is there and differs: its items expire by nothing, and not by ttl\n")
    assert keys_of(dynamodb, table.name) == [("id", "S", "HASH")]
    assert ttl_of(dynamodb, table.name) is None


def test_a_table_of_markers_is_made_beside_that_of_the_sums(firebridge, make_conf, s3, bucket,
                                                            name, dynamodb):
    lines = f"write = add\nitem.pk = {{id}}\nadd.n = 1\nmarker_table = {name}-markers"
    conf = make_conf(main=(f"s3://{bucket}/p/", name, lines))
    assert firebridge(conf, "create-table", "--apply").code == 0
    assert keys_of(dynamodb, f"{name}-markers") == [("pk", "S", "HASH"), ("sk", "S", "RANGE")]
    assert (ttl_of(dynamodb, name), ttl_of(dynamodb, f"{name}-markers")) == (None, "ttl")
    firehose.put(s3, bucket, "p/", firehose.now(), [{"id": "a"}, {"id": "a"}])
    firebridge.once(conf)
    assert dynamodb.scan(TableName=name)["Items"] == [{"pk": {"S": "a"}, "n": {"N": "2"}}]


CONF = """
[aws]
region = eu-west-1
[stream main]
source = s3://bucket/p/
table = {table}
{lines}
"""


def printed(firebridge, *options, table="ticker", lines=""):
    result = firebridge(CONF.format(table=table, lines=lines), "create-table", *options)
    assert result.code == 0, result
    return result.stdout


def test_the_calls_are_what_a_shell_and_aws_take(firebridge):
    lines = printed(firebridge, "--key", "o'd:N", "--ttl", "end").splitlines()
    words = [shlex.split(line) for line in lines]
    assert [w[:3] for w in words] == [["aws", "dynamodb", "create-table"],
                                      ["aws", "dynamodb", "wait"],
                                      ["aws", "dynamodb", "update-time-to-live"]]
    assert all(w[w.index("--region") + 1] == "eu-west-1" for w in words)
    creation = json.loads(words[0][-1])
    assert creation["KeySchema"] == [{"AttributeName": "o'd", "KeyType": "HASH"}]
    assert creation["AttributeDefinitions"] == [{"AttributeName": "o'd", "AttributeType": "N"}]
    assert json.loads(words[2][-1])["TimeToLiveSpecification"] == {
        "Enabled": True, "AttributeName": "end"}


def test_a_table_in_another_region_is_made_there(firebridge):
    arn = "arn:aws:dynamodb:us-east-2:111122223333:table/ticker"
    call = shlex.split(printed(firebridge, "--key", "id", table=arn))
    assert call[call.index("--region") + 1] == "us-east-2"
    assert json.loads(call[-1])["TableName"] == arn


def test_types_are_those_that_the_mapping_makes(firebridge):
    lines = "item.a = {x:as=binary}\nitem.b = {x:as=number}"
    line = json.loads(printed(firebridge, "--key", "a,b", "--output", "json", lines=lines))
    assert {d["AttributeName"]: d["AttributeType"]
            for d in line["create_table"]["AttributeDefinitions"]} == {"a": "B", "b": "N"}
    assert line["update_time_to_live"] is None


@pytest.mark.parametrize("lines, options, complaint", [
    ("", (), "which attributes are the key, the conf does not say"),
    ("item.pk = {x}", ("--key", "pk:N"), "the table's key attribute pk is of type N, and the template"),
    ("item.a = {x:time=s,as=epoch}\nitem.b = {x:time=s,as=epoch}", ("--key", "id"),
     "items could expire by a or by b"),
    ("write = add\nadd.n = 1\nitem.pk = {x:as=number}", (), "marker"),
    ("", ("--stream", "mian"), "the conf has no stream mian; did you mean main?"),
])
def test_what_cannot_be_told_is_asked_for(firebridge, lines, options, complaint):
    result = firebridge(CONF.format(table="ticker", lines=lines), "create-table", *options)
    assert (result.code, result.stdout) == (1, ""), result
    assert complaint in result.stderr


@pytest.mark.parametrize("key", ["id:X", "id,id", "pk,sk,tk", ":S", "", ",sk", "pk,"])
def test_a_key_that_is_none_is_wrong_use(firebridge, key):
    result = firebridge(CONF.format(table="ticker", lines=""), "create-table", "--key", key)
    assert (result.code, result.stdout) == (2, ""), result
    assert f"--key {key}: expected NAME or NAME:TYPE" in result.stderr
