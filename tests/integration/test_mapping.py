# SPDX-License-Identifier: Apache-2.0
"""A mapping through the daemon: what is made, left out, deleted, and the same after every crash."""

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
