# SPDX-License-Identifier: Apache-2.0
"""A mapping through the daemon: what is made, left out, deleted, and the same after every crash."""

import base64
import json
import random

import firehose
from test_kill import run_killing

CLICKS = [
    {"user_id": 42, "event": "view", "ts": 1795341600000, "product": {"id": "p-1", "price": 12.5},
     "debug": {"trace": [1, 2]}, "userAgent": "curl", "note": None},
    {"user_id": 7, "event": "ping", "ts": 1795341601000},
    {"user_id": 43, "event": "purchase", "ts": 1795341602500, "product": {"id": "p-2"}},
]

MAPPING = """
item.pk = user#{user_id}
item.sk = {ts:time=ms,format=%Y-%m-%dT%H:%M:%SZ}#{event}
item.expires = {ts:time=ms,add=90d,as=epoch}
item.source = {@stream}/{@record}
flatten = product: product_
rename = userAgent > user_agent
drop = debug, user_id, ts, event
null = drop
where = event in (view, purchase)
"""


def test_records_become_the_items_that_the_table_wants(firebridge, make_conf, s3, bucket,
                                                       make_table):
    table = make_table(partition=("pk", "S"), sort=("sk", "S"))
    firehose.put(s3, bucket, "m/", firehose.now(), CLICKS)
    result = firebridge.once(make_conf(main=(f"s3://{bucket}/m/", table)) + MAPPING)
    table.expect([
        {"pk": "user#42", "sk": "2026-11-22T10:00:00Z#view", "expires": 1803117600,
         "source": "main/0", "product_id": "p-1", "product_price": 12.5,
         "user_agent": "curl"},
        {"pk": "user#43", "sk": "2026-11-22T10:00:02Z#purchase", "expires": 1803117602,
         "source": "main/2", "product_id": "p-2"},
    ])
    assert ", 1 left out" in result.stderr


def test_a_change_feed_puts_and_deletes(firebridge, make_conf, s3, bucket, make_table):
    table = make_table()
    changes = [{"op": "I", "id": "a", "n": 1}, {"op": "I", "id": "b", "n": 1},
               {"op": "U", "id": "a", "n": 2}, {"op": "D", "id": "b"}, {"op": "?", "id": "c"}]
    firehose.put(s3, bucket, "m/", firehose.now(), changes)
    conf = make_conf(main=(f"s3://{bucket}/m/", table)) + (
        "write = {op}\nwrite.map = I: put, U: put, D: delete\ndrop = op\n")
    result = firebridge.once(conf)
    table.expect([{"id": "a", "n": 2}])
    [letter] = map(json.loads, firebridge.dead_letters())
    assert letter["reason"] == "mapping" and letter["id"]["record"] == 4
    assert "of them deletes" in result.stderr


def test_a_mapping_that_cannot_give_the_key_stops_the_stream(firebridge, make_conf, s3, bucket,
                                                             make_table):
    table = make_table(partition=("pk", "N"))
    firehose.put(s3, bucket, "m/", firehose.now(), CLICKS)
    conf = make_conf(patience="1s", main=(f"s3://{bucket}/m/", table)) + "item.pk = {user_id}\n"
    result = firebridge(conf, "run", "--once")
    assert result.code == 1
    assert "item.pk: the table's key attribute pk is of type N" in result.stderr
    table.expect([])


def test_records_without_a_key_get_the_same_one_over_every_crash(firebridge, make_conf, s3, bucket,
                                                                 make_table):
    dice = random.Random(5)
    table = make_table()
    count = 0
    for hour in range(5):
        records = [{"n": dice.randrange(10)} for _ in range(10000)]
        count += len(records)
        firehose.put(s3, bucket, "m/", firehose.hours_ago(hour), records)
    conf = make_conf(main=(f"s3://{bucket}/m/", table)) + "item.id = {@uuid5}\n"
    assert run_killing(firebridge, conf, dice, 8) >= 4
    assert len(table.scan()) == count


def test_values_of_dynamic_partitioning_come_out_of_the_key(firebridge, make_conf, s3, bucket,
                                                            make_table):
    table = make_table()
    for customer in ("acme", "b & c"):
        firehose.put(s3, bucket, f"m/customer={customer}/", firehose.now(),
                     [{"id": customer, "n": 1}])
    source = f"s3://{bucket}/m/customer=!{{partitionKeyFromQuery:c}}/!{{timestamp:yyyy/MM/dd/HH}}/"
    conf = make_conf(main=(source, table))
    firebridge.once(conf + "item.customer = {@partition.c}\n")
    table.expect([{"id": "acme", "n": 1, "customer": "acme"},
                  {"id": "b & c", "n": 1, "customer": "b & c"}])
    result = firebridge(conf + "item.customer = {@partition.d}\n", "run", "--once")
    assert result.code == 1
    assert "item.customer: column 14: the source's prefix has no !{partitionKeyFromQuery:d}" \
        in result.stderr


def test_an_error_of_firehose_says_why(firebridge, make_conf, s3, bucket, make_table):
    table = make_table()
    errors = [{"attemptsMade": 4, "ErrorCode": "Lambda.FunctionTimedOut",
               "rawData": base64.b64encode(b'{"id":"a"}{"id":"b"}').decode()},
              {"attemptsMade": 1, "ErrorCode": "x\"y", "rawData": "eyJpZCI6ImMifQ=="},
              {"attemptsMade": 9, "ErrorCode": "z", "rawData": "eyJpZCI6ImQifQ=="}]
    firehose.put(s3, bucket, "m/", firehose.now(), errors)
    firebridge.once(make_conf(main=(f"s3://{bucket}/m/", table)) + (
        "format = firehose-errors\nitem.why = {@error.errorcode:lower}\n"
        "where = @error.attemptsMade <= 4 and @error.errorCode != z\n"))
    table.expect([{"id": "a", "why": "lambda.functiontimedout"},
                  {"id": "b", "why": "lambda.functiontimedout"}, {"id": "c", "why": "x\"y"}])


def test_strings_that_are_not_utf8(firebridge, make_conf, s3, bucket, make_table):
    rows = b"id,name\n1,J\xf6rg\n2,ok\n\xff,key\n"
    firehose.put_body(s3, bucket, firehose.key("m/", firehose.now()), rows)
    for stream, how, jorg in (("one", "replace", {"S": "J\ufffdrg"}),
                              ("two", "binary", {"B": b"J\xf6rg"}),
                              ("three", "dead-letter", None)):
        table = make_table()
        conf = make_conf(**{stream: (f"s3://{bucket}/m/", table)})
        firebridge.once(conf + f"format = csv\ninvalid_utf8 = {how}\n")
        items = {item["id"]["S"]: item["name"]
                 for item in table.dynamodb.scan(TableName=table.name)["Items"]}
        assert items == {"2": {"S": "ok"}, **({"1": jorg} if jorg else {})}
        reasons = [json.loads(line)["reason"] for line in firebridge.dead_letters(stream)]
        assert reasons == ["invalid-utf8"] * (1 if jorg else 2)


def test_comparisons_of_different_types_are_counted(firebridge, make_conf, s3, bucket, make_table):
    table = make_table()
    firehose.put(s3, bucket, "m/", firehose.now(),
                 [{"id": "a", "n": 1}, {"id": "b", "n": "1"}, {"id": "c"}])
    result = firebridge.once(make_conf(main=(f"s3://{bucket}/m/", table)) + "where = n = 1\n")
    table.expect([{"id": "a", "n": 1}])
    assert "2 left out, 1 comparisons of different types in where" in result.stderr


def test_check_names_the_line_that_loses_the_key(firebridge, make_conf, s3, bucket, make_table):
    table = make_table(partition=("pk", "S"))
    firehose.put(s3, bucket, "m/", firehose.now(), CLICKS)
    for lines, said in (("keep = event\n", "keep: nothing is left for the table's key attribute pk"),
                        ("drop = pk, debug\n", "drop: nothing is left for"),
                        ("rename = pk > id\n", "rename: nothing is left for"),
                        ("item.pk = {user_id:as=number}\n", "item.pk: the table's key attribute")):
        conf = make_conf(main=(f"s3://{bucket}/m/", table)) + lines
        number = conf.count("\n")
        for command in (("check",), ("run", "--once")):
            result = firebridge(conf, *command)
            assert result.code == 1
            assert f".conf:{number}: {said}" in result.stdout + result.stderr, result


def test_a_template_makes_a_binary_key(firebridge, make_conf, s3, bucket, make_table):
    table = make_table(partition=("pk", "B"))
    firehose.put(s3, bucket, "m/", firehose.now(), [{"code": "AAH/"}])
    conf = make_conf(main=(f"s3://{bucket}/m/", table))
    firebridge.once(conf + "item.pk = {code:as=binary}\ndrop = code\n")
    assert table.dynamodb.scan(TableName=table.name)["Items"] == [{"pk": {"B": b"\x00\x01\xff"}}]


def test_items_with_types_take_no_mapping(firebridge, make_conf, bucket, make_table):
    conf = make_conf(main=(f"s3://{bucket}/m/", make_table()))
    result = firebridge(conf + "format = dynamodb-json\ndrop = x\n", "check")
    assert result.code == 1
    assert "format: dynamodb-json gives items with their types" in result.stdout + result.stderr
