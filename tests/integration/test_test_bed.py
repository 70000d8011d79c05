# SPDX-License-Identifier: Apache-2.0
"""The test bed itself: if these fail, no other result means anything."""

import botocore.exceptions
import pytest

import attributes
import fault_proxy
import firehose
import servers


def test_the_s3_server_refuses_a_wrong_secret(s3_server):
    with pytest.raises(botocore.exceptions.ClientError, match="SignatureDoesNotMatch"):
        s3_server.client(secret="wrong").list_buckets()


def test_signatures_hold_through_the_proxy(s3_server, s3, bucket):
    with fault_proxy.FaultProxy(s3_server.url) as proxy:
        through = servers.client("s3", proxy.url, s3_server.key, s3_server.secret)
        # Swift checks the Host that the client signed, so this passes only if it is kept.
        key = "a key/with + = % 'odd' \U0001f525 characters"
        through.put_object(Bucket=bucket, Key=key, Body=b"x" * 100_000)
        assert through.get_object(Bucket=bucket, Key=key)["Body"].read() == b"x" * 100_000
        assert proxy.of("GET")[0].key == key


def put_all(client, table, items):
    requests = [{"PutRequest": {"Item": item}} for item in items]
    return client.batch_write_item(RequestItems={table.name: requests})


def test_what_the_proxy_holds_back_comes_back_unprocessed(dynamodb_server, table):
    with fault_proxy.FaultProxy(dynamodb_server.url) as proxy:
        client = servers.client("dynamodb", proxy.url, "a", "b")
        wanted = fault_proxy.unprocessed(lambda e: e["PutRequest"]["Item"]["id"]["S"] < "m")
        proxy.rule = lambda call: wanted if call.operation == "BatchWriteItem" else None
        reply = put_all(client, table, [{"id": {"S": c}} for c in "axbyc"])
        held = reply["UnprocessedItems"][table.name]
        assert [e["PutRequest"]["Item"]["id"]["S"] for e in held] == ["x", "y"]
        table.expect([{"id": c} for c in "abc"])
        assert [len(call.puts()) for call in proxy.of("BatchWriteItem")] == [5]


def test_every_fault_is_seen_by_the_client_and_the_next_call_works(dynamodb_server, table):
    kinds = [fault_proxy.throttle, fault_proxy.fail_before, fault_proxy.fail_after,
             fault_proxy.cut_before, fault_proxy.cut_after, fault_proxy.half_answer,
             fault_proxy.html_502, fault_proxy.wrong_crc32]
    with fault_proxy.FaultProxy(dynamodb_server.url) as proxy:
        client = servers.client("dynamodb", proxy.url, "a", "b")
        faults = iter(kinds)
        proxy.rule = lambda call: next(faults, None) if call.number % 2 else None
        for n, _ in enumerate(kinds):
            put_all(client, table, [{"id": {"S": str(n)}}])  # boto3 tries again
        calls = proxy.of("BatchWriteItem")
        assert sum(bool(call.fault) for call in calls) == len(kinds)
        assert len(calls) == 2 * len(kinds)
        table.expect([{"id": str(n)} for n in range(len(kinds))])


def test_keys_and_bodies_are_firehoses():
    when = firehose.now().replace(2026, 3, 9, 7, 5, 4)
    assert firehose.key("give-name", when, ident="u", suffix="") == (
        "give-name2026/03/09/07/ticker-1-2026-03-09-07-05-04-u")
    assert firehose.body([{"a": 1}, {"b": 2}]) == b'{"a":1}{"b":2}'
    assert firehose.body([{"a": 1}] * 3, members=3).count(b"\x1f\x8b\x08") == 3


def test_the_oracle_keeps_every_digit():
    item = attributes.from_record('{"a": 1588205199.82437, "b": 1.0, "c": [1e2], "a2": -0.0}')
    assert item == {"a": {"N": attributes.number("1588205199.82437")}, "b": {"N": 1},
                    "c": {"L": [{"N": 100}]}, "a2": {"N": 0}}
    assert item["a"]["N"] != attributes.number("1588205199.824370000001")
