# SPDX-License-Identifier: Apache-2.0
"""A table is replicated from its change records: what was put is there, what was deleted is not."""

import json
import random
import uuid

import pytest

import changes
import fault_proxy
import firehose
from test_property import FAULTS

CHANGES, KEYS = 3000, 300
ALL_TYPES = {"S", "N", "B", "SS", "NS", "BS", "M", "L", "BOOL", "NULL"}


@pytest.fixture(scope="module")
def history(dynamodb, dynamodb_server):
    name = f"source-{uuid.uuid4().hex[:12]}"
    made = changes.History(dynamodb, changes.streams_client(dynamodb_server), name, CHANGES, KEYS, 1)
    yield made
    dynamodb.delete_table(TableName=name)


@pytest.fixture
def replica(make_table, dynamodb, history):
    """It holds something under each key already, so that a delete that is missing shows."""
    table = make_table(partition=("id", "S"), sort=("n", "N"))
    keys = sorted({json.dumps(record["dynamodb"]["Keys"]) for record in history.records})
    puts = [{"PutRequest": {"Item": {**json.loads(key), "old": {"BOOL": True}}}} for key in keys]
    for begin in range(0, len(puts), 25):
        dynamodb.batch_write_item(RequestItems={table.name: puts[begin:begin + 25]})
    assert table.count() == len(keys) > KEYS / 2
    return table


@pytest.fixture
def source(s3, bucket, history):
    """The records in objects as Firehose cuts them, in the order of the changes."""
    dice = random.Random(2)
    left, second = list(history.records), 0
    begin = firehose.hours_ago(2).replace(minute=0, second=0)
    while left:
        count = dice.randrange(1, 150)
        when = begin.replace(minute=second // 60, second=second % 60)
        firehose.put(s3, bucket, "c/", when, left[:count], delimiter=dice.choice((b"", b"\n")),
                     members=dice.choice((None, 1, 3)))
        left, second = left[count:], second + 1
    return f"s3://{bucket}/c/"


def expect_equal(table, items):
    expected, found = table.by_key(items), table.by_key()
    assert set(found) == set(expected)
    differing = [key for key in expected if found[key] != expected[key]]
    assert not differing, f"{differing[0]}: {found[differing[0]]}, not {expected[differing[0]]}"


def key_of(attributes_of_it):
    return attributes_of_it["id"]["S"], attributes_of_it["n"]["N"]


def expect_good_calls(calls):
    for call in calls:
        keys = [key_of(content) for _, content in call.operations()]
        assert len(keys) <= 25
        assert len(set(keys)) == len(keys), "two operations of one key in one call"


def test_the_history_is_worth_replaying(history):
    names = ("INSERT", "MODIFY", "REMOVE")
    assert sum(len(history.named(name)) for name in names) == len(history.records)
    assert all(len(history.named(name)) > 500 for name in names)
    assert 50 < len(history.items) < KEYS - 50
    images = [record["dynamodb"].get("NewImage", {}) for record in history.records]
    assert {kind for image in images for kind in changes.kinds_in(image)} == ALL_TYPES


def test_a_table_is_replicated_from_its_change_records(firebridge, make_conf, history, source,
                                                       replica, dynamodb_server):
    with fault_proxy.FaultProxy(dynamodb_server.url) as proxy:
        result = firebridge.once(make_conf(main=(source, replica), dynamodb_url=proxy.url))
        calls = proxy.of("BatchWriteItem")
    expect_equal(replica, history.items)
    expect_good_calls(calls)
    assert firebridge.dead_letters() == []
    operations = [operation for call in calls for operation, _ in call.operations()]
    deletes = operations.count("delete")
    assert 0 < deletes < len(operations)
    # Both in one call, too.
    assert any(len({operation for operation, _ in call.operations()}) == 2 for call in calls)
    assert f"{len(operations)} items written ({deletes} of them deletes)" in result.stderr, result


@pytest.mark.parametrize("writers", [1, 16])
def test_and_through_throttling_errors_and_crashes(firebridge, make_conf, history, source, replica,
                                                   dynamodb_server, writers):
    some, held = random.Random(3), []

    def keep(entry):
        kept = some.random() < 0.5
        if not kept:
            held.append(fault_proxy.operation_in(entry)[0])
        return kept
    unprocessed = fault_proxy.unprocessed(keep)
    faults = [unprocessed] * len(FAULTS) + list(FAULTS)
    rule = fault_proxy.randomly(4, "BatchWriteItem", *faults, share=0.5)
    kills = 0
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        conf = make_conf(main=(source, replica), dynamodb_url=proxy.url,
                         stream=f"writers = {writers}\nformat = dynamodb-stream")
        for _ in range(2):
            calls_before = len(proxy.of("BatchWriteItem"))
            process = firebridge.start(conf, "run", "--once")
            process.wait_until(lambda: len(proxy.of("BatchWriteItem")) > calls_before + 15)
            kills += process.alive()
            process.kill()
        firebridge.once(conf)
        calls = proxy.of("BatchWriteItem")
    expect_equal(replica, history.items)
    expect_good_calls(calls)
    assert firebridge.dead_letters() == []
    assert kills == 2
    assert {"put", "delete"} == set(held)
    assert len({call.fault for call in calls}) > 5


def test_a_delete_that_dynamodb_refuses_is_a_dead_letter_that_says_so(
        firebridge, make_conf, history, source, replica, dynamodb_server):
    last = {json.dumps(record["dynamodb"]["Keys"]): record for record in history.records}
    refused = [record for record in last.values() if record["eventName"] == "REMOVE"][0]
    key = refused["dynamodb"]["Keys"]

    def rule(call):
        if call.operation == "BatchWriteItem" and ("delete", key) in call.operations():
            return fault_proxy.dynamodb_error(400, "ValidationException", "not this one")
        return None
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        firebridge.once(make_conf(main=(source, replica), dynamodb_url=proxy.url))
    found = replica.by_key()
    left = found.pop(replica.key_of(changes.attributes.from_dynamodb(key)), None)
    assert left is not None
    assert found == replica.by_key(history.items)
    letters = [json.loads(line) for line in firebridge.dead_letters()]
    assert letters and all(letter["operation"] == "delete" for letter in letters)
    assert {letter["reason"] for letter in letters} == {"rejected"}
    assert "not this one" in letters[0]["message"]


def test_a_change_whose_key_is_not_the_tables_is_a_dead_letter(firebridge, make_conf, s3, bucket,
                                                               table):
    def record(name, keys, **images):
        return {"eventName": name, "eventSource": "aws:dynamodb",
                "dynamodb": {"Keys": keys, **images}}
    good, number = {"id": {"S": "a"}}, {"id": {"N": "1"}}
    firehose.put(s3, bucket, "c/", firehose.now(), [
        record("INSERT", good, NewImage={**good, "v": {"N": "1"}}),
        record("REMOVE", number, OldImage=number),
        record("MODIFY", number, NewImage=number),
        record("REMOVE", {**good, "more": {"S": "x"}}),
        record("MODIFY", good)])
    firebridge.once(make_conf(main=(f"s3://{bucket}/c/", table)), "--accept-dead-letters")
    table.expect([{"id": "a", "v": 1}])
    letters = [json.loads(line) for line in firebridge.dead_letters()]
    assert [(letter["id"]["record"], letter.get("operation"), letter["reason"])
            for letter in letters] == [
        (1, "delete", "key-type"), (2, None, "key-type"), (3, "delete", "wrong-form"),
        (4, None, "wrong-form")]
