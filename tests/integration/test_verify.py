# SPDX-License-Identifier: Apache-2.0
"""`verify`: what is not in the table as the objects say is found, and nothing else."""

import decimal
import gzip
import json
import random
import sqlite3
import time
import uuid

import pytest

import fault_proxy
import firehose

SEED = 20261127


def found_by(result):
    """{(what, key): line} of the findings, and the sums, of --output json."""
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    findings = {(line["finding"], next(iter(line["key"]["id"].values()))): line
                for line in lines if "finding" in line}
    return findings, lines[-1]


def verify(firebridge, conf, *options, code=0, env=None):
    result = firebridge(conf, "verify", "--output", "json", *options, env=env)
    assert code is None or result.code == code, result
    return found_by(result)


def put_objects(s3, bucket, dice, objects=6, records=80, keys=150, prefix="p/"):
    """Objects that share keys, so that most items are the work of several."""
    begin = firehose.hours_ago(3)
    last = {}
    for n in range(objects):
        batch = [{"id": f"k{dice.randrange(keys)}", "n": n * records + i, "price": 1.50,
                  "tags": ["a", {"b": None}], "text": "é" * dice.randrange(9)}
                 for i in range(records)]
        firehose.put(s3, bucket, prefix, begin.replace(minute=n), batch)
        last.update({record["id"]: record for record in batch})
    return last


def spoil(dynamodb, table, keys):
    """Ten items: removed, changed, with an attribute more, and with one less."""
    def update(key, expression, **values):
        dynamodb.update_item(TableName=table.name, Key={"id": {"S": key}},
                             UpdateExpression=expression,
                             ExpressionAttributeValues=values or None)
    for key in keys[:4]:
        dynamodb.delete_item(TableName=table.name, Key={"id": {"S": key}})
    for key in keys[4:7]:
        update(key, "SET price = :p", **{":p": {"N": "1.51"}})
    for key in keys[7:9]:
        update(key, "SET more = :m", **{":m": {"S": "x"}})
    dynamodb.update_item(TableName=table.name, Key={"id": {"S": keys[9]}},
                         UpdateExpression="REMOVE tags")
    return {*(("missing", key) for key in keys[:4]), *(("different", key) for key in keys[4:])}


def test_ten_of_ten_items_that_were_changed_behind_its_back_are_found(
        firebridge, make_conf, s3, bucket, table, dynamodb):
    dice = random.Random(SEED)
    last = put_objects(s3, bucket, dice)
    conf = make_conf(main=(f"s3://{bucket}/p/", table))
    firebridge.once(conf)
    findings, sums = verify(firebridge, conf)
    assert not findings
    assert (sums["objects"], sums["records"]) == (6, 480)
    assert sums["keys"] == sums["as_expected"] == len(last)
    expected = spoil(dynamodb, table, dice.sample(sorted(last), 10))
    findings, sums = verify(firebridge, conf, code=1)
    assert set(findings) == expected
    assert (sums["missing"], sums["different"], sums["as_expected"]) == (4, 6, len(last) - 10)
    changed = next(line for (what, _), line in findings.items()
                   if what == "different" and line.get("attribute") == "price")
    assert decimal.Decimal(changed["expected"]["N"]) == decimal.Decimal("1.5")
    assert changed["found"] == {"N": "1.51"}
    # It names the record that wrote it last.
    body = s3.get_object(Bucket=bucket, Key=changed["object"])["Body"].read()
    records = gzip.decompress(body).replace(b"}{", b"}\n{").splitlines()
    assert json.loads(records[changed["record"]])["id"] == changed["key"]["id"]["S"]


def test_a_person_reads_the_same(firebridge, make_conf, s3, bucket, table, dynamodb):
    key = firehose.put(s3, bucket, "p/", firehose.hours_ago(1), [{"id": "a", "n": 1}, {"id": "b"}])
    conf = make_conf(main=(f"s3://{bucket}/p/", table))
    firebridge.once(conf)
    dynamodb.put_item(TableName=table.name, Item={"id": {"S": "a"}, "n": {"N": "2"}})
    result = firebridge(conf, "verify")
    assert result.code == 1
    assert result.stdout.splitlines() == [
        f'stream main: different {{"id":{{"S":"a"}}}}: n: expected {{"N":"1"}}, '
        f'found {{"N":"2"}}; by record 0 of {key}',
        "stream                objects   records      keys as expected  missing different "
        "undeleted  expired  unsure",
        "main                        1         2         2           1        0         1 "
        "        0        0       0",
    ]


def test_an_item_that_a_later_object_overwrote_is_no_finding_of_a_sample(
        firebridge, make_conf, s3, bucket, table, dynamodb):
    """Whichever object is chosen, later ones have other values of its keys."""
    begin = firehose.hours_ago(2)
    for n in range(4):
        firehose.put(s3, bucket, "p/", begin.replace(minute=n),
                     [{"id": f"k{i}", "n": n} for i in range(20)])
    conf = make_conf(main=(f"s3://{bucket}/p/", table))
    firebridge.once(conf)
    for _ in range(3):
        findings, sums = verify(firebridge, conf, "--sample", "1")
        assert not findings and sums["objects"] == 1 and sums["as_expected"] == 20
    first = begin.replace(minute=0, second=0, microsecond=0)
    until = f"{first.replace(minute=1):%Y-%m-%dT%H:%M:%SZ}"
    findings, sums = verify(firebridge, conf, "--to", until)
    assert not findings and sums["objects"] == 1
    dynamodb.delete_item(TableName=table.name, Key={"id": {"S": "k7"}})
    findings, _ = verify(firebridge, conf, "--sample", "1", code=1)
    assert set(findings) == {("missing", "k7")}


def test_it_works_while_the_daemon_runs_and_writes(firebridge, make_conf, s3, bucket, table,
                                                   dynamodb):
    dice = random.Random(SEED)
    last = put_objects(s3, bucket, dice, objects=3, keys=60)
    conf = make_conf(main=(f"s3://{bucket}/p/", table))
    daemon = firebridge.start(conf, "run")
    daemon.wait_until(lambda: table.count() == len(last))
    daemon.wait_until(lambda: daemon.log.count(" done: ") == 3)
    time.sleep(1.5)  # a checkpoint
    # What is written all the time is never wrong.
    for n in range(3):
        firehose.put(s3, bucket, "p/", firehose.now(),
                     [{"id": f"k{i}", "n": 1000 + n} for i in range(20)])
        findings, _ = verify(firebridge, conf)
        assert all(what == "unsure" for what, _ in findings)
    daemon.wait_until(lambda: daemon.log.count(" done: ") == 6)
    time.sleep(1.5)
    expected = spoil(dynamodb, table, dice.sample(sorted(last), 10)[:10])
    findings, _ = verify(firebridge, conf, code=1)
    assert {(what, key) for what, key in findings if what == "missing"} == {
        e for e in expected if e[0] == "missing"}
    assert {key for _, key in findings} == {key for _, key in expected}
    daemon.terminate()
    assert daemon.wait(35).code == 0


MODES = {
    "insert": "write = insert",
    "newer": "write = newer\nversion_attribute = n",
    "update": "write = update",
    "mixed": "write = {op}\nwrite.map = put: put, delete: delete, insert: insert, newer: newer, "
             "update: update\nversion_attribute = n",
}


@pytest.mark.parametrize("mode", MODES)
def test_each_write_mode_is_held_to_what_it_promises(mode, firebridge, make_conf, s3, bucket, table,
                                                     dynamodb):
    dice = random.Random(f"{SEED}{mode}")
    for i in range(0, 40, 3):  # what was there before
        dynamodb.put_item(TableName=table.name, Item={
            "id": {"S": f"k{i}"}, "n": {"N": str(dice.randrange(300))}, "old": {"S": "x"}})
    for n in range(4):
        records = []
        for i in range(60):
            record = {"id": f"k{dice.randrange(40)}", "n": dice.randrange(300),
                      dice.choice("abc"): dice.choice((1, "v", [1, 2])),
                      "op": dice.choice(("put", "delete", "insert", "newer", "update"))}
            if mode == "update" and dice.random() < 0.3:
                record["a"] = None
            records.append(record)
        firehose.put(s3, bucket, "p/", firehose.hours_ago(2).replace(minute=n), records)
    conf = make_conf(main=(f"s3://{bucket}/p/", table, MODES[mode]))
    firebridge.once(conf)
    for options in (), ("--sample", "2"):
        findings, sums = verify(firebridge, conf, *options)
        assert not findings, findings
        assert sums["as_expected"] > 20
    keys = [item["id"]["S"] for item in table.scan()]
    for key in keys[:5]:
        dynamodb.delete_item(TableName=table.name, Key={"id": {"S": key}})
    findings, _ = verify(firebridge, conf, code=1)
    assert {key for _, key in findings} == set(keys[:5])
    assert all(what == "missing" for what, _ in findings)


def test_versions_that_went_back_and_deletes_that_came_back_are_found(
        firebridge, make_conf, s3, bucket, table, dynamodb):
    firehose.put(s3, bucket, "p/", firehose.hours_ago(1), [
        {"id": "v", "n": 10, "op": "newer"}, {"id": "d", "n": 1, "op": "put"},
        {"id": "d", "op": "delete"}, {"id": "u", "n": 1, "a": "x", "op": "update"}])
    conf = make_conf(main=(f"s3://{bucket}/p/", table, MODES["mixed"]))
    firebridge.once(conf)
    for key, n in ("v", "9"), ("d", "1"), ("u", "2"):
        dynamodb.put_item(TableName=table.name, Item={"id": {"S": key}, "n": {"N": n}})
    findings, _ = verify(firebridge, conf, code=1)
    assert set(findings) == {("different", "v"), ("undeleted", "d"), ("different", "u")}
    assert findings["different", "v"]["attribute"] == "n"


def test_items_that_expired_are_not_missing(firebridge, make_conf, s3, bucket, table, dynamodb):
    dynamodb.update_time_to_live(TableName=table.name, TimeToLiveSpecification={
        "Enabled": True, "AttributeName": "ttl"})
    now = int(time.time())
    firehose.put(s3, bucket, "p/", firehose.hours_ago(1), [
        {"id": "past", "ttl": now - 10}, {"id": "future", "ttl": now + 10**6}, {"id": "none"}])
    conf = make_conf(main=(f"s3://{bucket}/p/", table))
    firebridge.once(conf)
    for key in "past", "future", "none":
        dynamodb.delete_item(TableName=table.name, Key={"id": {"S": key}})
    findings, sums = verify(firebridge, conf, code=1)
    assert set(findings) == {("missing", "future"), ("missing", "none")}
    assert sums["expired"] == 1


def test_what_is_made_of_the_time_and_in_any_spelling_is_equal(firebridge, make_conf, s3, bucket,
                                                               table):
    firehose.put(s3, bucket, "p/", firehose.hours_ago(1), [
        b'{"id":"a","n":1.0,"m":1e2,"s":["b","a","b"],"z":[3,1.0,1],"q":"\\u0000\\"\\u00e9"}'])
    conf = make_conf(main=(f"s3://{bucket}/p/", table, """item.at = {@now}
item.set = {s:as=string_set}
item.numbers = {z:as=number_set}"""))
    firebridge.once(conf)
    findings, sums = verify(firebridge, conf)
    assert not findings and sums["as_expected"] == 1


def test_what_nobody_can_know_is_unsure(firebridge, make_conf, s3, bucket, table, dynamodb):
    """An object that wrote later is gone."""
    begin = firehose.hours_ago(2)
    left = firehose.put(s3, bucket, "p/", begin.replace(minute=0),
                        [{"id": "a", "n": 1}, {"id": "b"}])
    gone = firehose.put(s3, bucket, "p/", begin.replace(minute=1), [{"id": "a", "n": 2}])
    conf = make_conf(main=(f"s3://{bucket}/p/", table))
    firebridge.once(conf)
    s3.delete_object(Bucket=bucket, Key=gone)
    result = firebridge(conf, "verify", "--output", "json")
    findings, sums = found_by(result)
    assert result.code == 0 and set(findings) == {("unsure", "a")}
    assert (sums["objects_gone"], sums["unsure"], sums["as_expected"]) == (1, 1, 1)
    assert "1 objects are not in S3 any more" in result.stderr
    s3.delete_object(Bucket=bucket, Key=left)
    result = firebridge(conf, "verify")
    assert result.code == 1 and "nothing is verified" in result.stderr, result


def test_a_checkpoint_of_another_source_is_no_basis(firebridge, make_conf, bucket, table):
    """As another instance's backup may bring one, for a stream of the same name."""
    firebridge.once(make_conf(main=(f"s3://{bucket}/p/", table)))
    conf = make_conf(main=(f"s3://{bucket}/other/", table))
    for command in (("verify",), ("replay", "--prefix", "p/", "--dry-run"),
                    ("skip", "--key", "p/x", "--why", "x"),
                    ("backfill", "--from", "2020-01-01T00:00:00Z", "--dry-run")):
        result = firebridge(conf, *command)
        assert result.code == 1, result
        assert f"belongs to source s3://{bucket}/p/, not to s3://{bucket}/other/" in result.stderr


def unprocessed_half(exchange):
    """BatchGetItem looks at the first half of the keys alone."""
    request = json.loads(exchange.call.body)
    (name, asked), = request["RequestItems"].items()
    keys = asked["Keys"]
    half = -(-len(keys) // 2)
    asked["Keys"], rest = keys[:half], keys[half:]
    reply = exchange.forward(json.dumps(request).encode())
    document = json.loads(reply.body)
    if rest:
        document["UnprocessedKeys"] = {name: {"Keys": rest, "ConsistentRead": True}}
    exchange.reply(fault_proxy.without_crc32(reply, json.dumps(document).encode()))


def test_throttled_reads_are_made_again(firebridge, make_conf, s3, bucket, table, dynamodb_server):
    last = put_objects(s3, bucket, random.Random(SEED), objects=1)
    conf = make_conf(main=(f"s3://{bucket}/p/", table))
    firebridge.once(conf)
    faults = iter([fault_proxy.throttle, unprocessed_half, fault_proxy.fail_before,
                   unprocessed_half, fault_proxy.cut_before])

    def rule(call):
        return next(faults, None) if call.operation == "BatchGetItem" else None
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        conf = make_conf(main=(f"s3://{bucket}/p/", table), dynamodb_url=proxy.url)
        findings, sums = verify(firebridge, conf)
        assert next(faults, None) is None
        assert all(json.loads(call.body)["RequestItems"][table.name]["ConsistentRead"]
                   for call in proxy.of("BatchGetItem"))
    assert not findings and sums["as_expected"] == len(last)


def test_a_stream_that_never_ran_or_only_adds_is_told(firebridge, make_conf, s3, bucket, table):
    conf = make_conf(main=(f"s3://{bucket}/p/", table))
    result = firebridge(conf, "verify")
    assert result.code == 1
    assert f"stream main: there is no state file {firebridge.state}/firebridge.db" in result.stderr
    firebridge.once(conf)
    turned = firebridge(conf, "verify", "--from", "2026-11-03T00:00:00Z",
                        "--to", "2026-11-02T00:00:00Z")
    assert turned.code == 2 and "later than --from" in turned.stderr
    other = make_conf(other=(f"s3://{bucket}/p/", table))
    result = firebridge(other, "verify")
    assert result.code == 1 and "it has not been run yet" in result.stderr
    adds = make_conf(main=(f"s3://{bucket}/p/", table, "write = add\nitem.id = {id}\nadd.n = 1"))
    result = firebridge(adds, "verify")
    assert (result.code, result.stdout) == (0, "")
    assert "its items are sums" in result.stderr


def test_it_changes_nothing(firebridge, make_conf, s3, bucket, table):
    put_objects(s3, bucket, random.Random(SEED), objects=1)
    conf = make_conf(main=(f"s3://{bucket}/p/", table))
    firebridge.once(conf)

    def rows():
        with sqlite3.connect(firebridge.state / "firebridge.db") as database:
            return list(database.execute("SELECT * FROM object")), list(
                database.execute("SELECT * FROM stream"))
    before, items = rows(), table.by_key()
    verify(firebridge, conf)
    assert (rows(), table.by_key()) == (before, items)


def test_records_that_dynamodb_refused_are_unsure(firebridge, make_conf, s3, bucket, dynamodb):
    """They are dead letters, which the table is not to have."""
    name = f"indexed-{uuid.uuid4().hex[:8]}"
    dynamodb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("id", "g")],
        GlobalSecondaryIndexes=[{"IndexName": "by-g", "Projection": {"ProjectionType": "ALL"},
                                 "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}]}])
    try:
        firehose.put(s3, bucket, "p/", firehose.hours_ago(1), [
            {"id": "good", "g": "x"}, {"id": "refused", "g": 7}, {"no": "id"}, {"id": "gone"}])
        firehose.put(s3, bucket, "p/", firehose.hours_ago(2), [{"id": "missing"}])
        conf = make_conf(main=(f"s3://{bucket}/p/", name))
        firebridge.once(conf)
        assert len(firebridge.dead_letters()) == 2
        dynamodb.delete_item(TableName=name, Key={"id": {"S": "missing"}})
        findings, sums = verify(firebridge, conf, code=1)
        assert set(findings) == {("unsure", "refused"), ("missing", "missing")}
        assert sums["as_expected"] == 2
    finally:
        dynamodb.delete_table(TableName=name)


def test_where_order_is_lost_any_of_the_values_will_do(firebridge, make_conf, s3, bucket, table,
                                                       dynamodb):
    begin = firehose.hours_ago(2)
    for n in range(4):
        firehose.put(s3, bucket, "p/", begin.replace(minute=n),
                     [{"id": f"k{i}", "n": n} for i in range(5)] + [{"id": f"own{n}"}])
    conf = make_conf(main=(f"s3://{bucket}/p/", table, "order = none\ndecoders = 2"))
    firebridge.once(conf)
    dynamodb.put_item(TableName=table.name, Item={"id": {"S": "k0"}, "n": {"N": "1"}})
    dynamodb.delete_item(TableName=table.name, Key={"id": {"S": "own2"}})
    findings, _ = verify(firebridge, conf, code=1)
    assert {what for what, key in findings if key.startswith("k")} <= {"unsure"}
    assert {(what, key) for what, key in findings if key.startswith("own")} == {
        ("missing", "own2")}
    findings, _ = verify(firebridge, conf, "--sample", "2", code=None)
    assert all(what == "unsure" or key == "own2" for what, key in findings)
