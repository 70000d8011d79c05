# SPDX-License-Identifier: Apache-2.0
"""Dead letters that DynamoDB's own refusals make."""

import base64
import json
import random
import uuid

import pytest

import conftest
import fault_proxy
import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)

INVALID = fault_proxy.dynamodb_error(400, "ValidationException",
                                     "The provided key element does not match the schema")


@pytest.mark.parametrize("count", [3000, 5000, 30000])
def test_when_every_call_is_refused_the_frontier_does_not_move(job, dynamodb_server, count):
    """max_dead_letters stops the stream; a later run that is let in writes every record."""
    job.put(firehose.body(records(count)))

    def rule(call):
        return INVALID if call.operation == "BatchWriteItem" else None

    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        result = job.fail(dynamodb_url=proxy.url)
    assert "max_dead_letters" in result.stderr
    job.once()
    job.table.expect(records(count))


def test_items_that_an_index_refuses_are_kept_to_the_byte_and_all_others_written(job, dynamodb):
    name = f"table-{uuid.uuid4().hex[:12]}"
    dynamodb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"},
                              {"AttributeName": "g", "AttributeType": "N"}],
        GlobalSecondaryIndexes=[{"IndexName": "by-g",
                                 "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                                 "Projection": {"ProjectionType": "ALL"}}])
    bad = [b'{ "id" :"b%d",\t"g": "no\\u006e","x":[1, 2 ,{"a":"\xc3\xbc"}] }' % n for n in range(40)]
    good = [b'{"id":"k%d","g":%d}' % (n, n) for n in range(1000)]
    mixed = random.Random(2).sample(good + bad, len(good + bad))
    job.put(firehose.body(mixed, members=3))
    job.once(table=name, stream="writers = 3")
    letters = [json.loads(line) for line in job.firebridge.dead_letters()]
    assert sorted(base64.b64decode(letter["bytes"]) for letter in letters) == sorted(bad)
    assert {letter["reason"] for letter in letters} == {"rejected"}
    table = conftest.Table.__new__(conftest.Table)
    table.dynamodb, table.name, table.key_names = dynamodb, name, ["id"]
    table.expect(good)
    dynamodb.delete_table(TableName=name)


def test_letters_are_not_written_to_a_file_that_is_gone(job):
    """Someone moves today's file away, or tidies the folder, while the daemon runs."""
    process = job.firebridge.start(job.conf(), "run")
    job.put(firehose.body([b'{"id": 1}'] * 3))
    process.wait_until(lambda: len(job.firebridge.dead_letters()) == 3)
    for file in (job.firebridge.state / "dead-letters" / "main").iterdir():
        file.unlink()
    job.put(firehose.body([b'{"id": 2}'] * 3))
    process.wait_until(lambda: len(job.firebridge.dead_letters()) == 3, timeout_s=10)
    process.kill()
