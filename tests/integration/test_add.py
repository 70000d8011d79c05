# SPDX-License-Identifier: Apache-2.0
"""Counters add each record exactly once, whatever DynamoDB answers, and however often we are killed."""

import decimal
import json
import os
import random
import shutil
import threading
import time

import pytest

import adding
import fault_proxy
import firehose

KILLS = min(int(os.environ.get("FIREBRIDGE_KILLS", "20")), 50)
SEED = int(os.environ.get("FIREBRIDGE_SEED", "1"))


class Counter:
    """A bucket with objects of views, and a table of products to count them in."""

    def __init__(self, firebridge, make_conf, s3, bucket, make_table):
        self.firebridge, self.make_conf, self.s3, self.bucket = firebridge, make_conf, s3, bucket
        self.make_table = make_table
        self.table = make_table()
        self.records = []

    def put(self, objects, dice=None):
        begin = firehose.hours_ago(len(objects))
        for n, records in enumerate(objects):
            members = dice.choice((None, 1, 3)) if dice else 1
            firehose.put(self.s3, self.bucket, "c/", begin.replace(minute=n % 60), records,
                         members=members)
            self.records += records

    def conf(self, *lines, table=None, name="main", **options):
        table = table or self.table
        return self.make_conf(**{name: (f"s3://{self.bucket}/c/", table, adding.COUNT, *lines)},
                              **options)

    def once(self, *lines, **options):
        return self.firebridge.once(self.conf(*lines, **options))

    def forget(self):
        """The state file is lost, and the dead letters with it."""
        shutil.rmtree(self.firebridge.state)
        self.firebridge.state.mkdir()

    def expect(self):
        adding.expect_sums(self.table, self.records)


@pytest.fixture
def counter(firebridge, make_conf, s3, bucket, make_table):
    return Counter(firebridge, make_conf, s3, bucket, make_table)


def test_sums_are_exact_and_a_second_run_adds_nothing(counter):
    dice = random.Random(SEED)
    counter.put(adding.make_objects(dice, 8, 2000))
    result = counter.once()
    assert "16000 records" in result.stderr
    counter.expect()
    items = {item["id"]["S"]: item for item in adding.scan(counter.table)}
    assert items["product#1"]["last"]["S"].startswith("t")
    assert set(items["product#1"]) == {"id", "last", "views", "revenue"}
    before = adding.scan(counter.table)
    counter.once()
    counter.forget()
    counter.once()
    counter.expect()
    assert len(adding.scan(counter.table)) == len(before)


def test_what_was_read_of_a_skipped_object_is_added_and_no_more(counter, dynamodb_server):
    [views] = adding.make_objects(random.Random(SEED), 1, 60000)
    counter.put([views])

    def rule(call):
        return fault_proxy.throttle if call.operation == "TransactWriteItems" else None

    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        conf = counter.conf(dynamodb_url=proxy.url)
        daemon = counter.firebridge.start(conf, "run")
        daemon.wait_until(lambda: proxy.of("TransactWriteItems"))
        [(key,)] = counter.firebridge.sql("SELECT key FROM object")
        again = threading.Timer(2, lambda: setattr(proxy, "rule", None))
        again.start()
        assert counter.firebridge(conf, "skip", "--key", key, "--why", "a test").code == 0
        again.join()
        daemon.wait_until(lambda: "is taken off behind" in daemon.log)
        daemon.terminate()
        assert daemon.wait().code == 0
    [(state, count)] = counter.firebridge.sql("SELECT state, records FROM object")
    assert state == 6 and 0 < count < len(views)
    adding.expect_sums(counter.table, views[:count])


def test_markers_hold_a_key_an_end_and_the_time_they_expire(counter):
    counter.put(adding.make_objects(random.Random(SEED), 1, 500))
    counter.once("marker_ttl = 40d", "marker_ttl_attribute = expires")
    markers = sorted(adding.markers_in(counter.table), key=lambda m: float(m["firebridge"]["S"]))
    assert len(markers) > 1
    at = "0.0"
    for marker in markers:
        assert set(marker) == {"id", "firebridge", "expires"}
        head, _, begin = marker["id"]["S"].rpartition("|")
        assert head.startswith(f"firebridge|main|s3://{counter.bucket}/c/") and head.count("|") == 3
        assert begin == at
        at = marker["firebridge"]["S"]
        assert 0 <= int(marker["expires"]["N"]) - time.time() - 40 * 86400 + 120 < 240


@pytest.mark.parametrize("keys", [
    {"partition": ("id", "S"), "sort": ("sort", "S")},
    {"partition": ("id", "S"), "sort": ("sort", "N")},
], ids=["beside a sort key", "in a table of their own"])
def test_markers_find_their_place_under_any_key(counter, keys):
    counter.put(adding.make_objects(random.Random(SEED), 2, 500))
    table = counter.make_table(**keys)
    sort = "item.sort = all" if keys["sort"][1] == "S" else "item.sort = {product:as=number}"
    own = counter.make_table(partition=("k", "B")) if keys["sort"][1] == "N" else None
    lines = [sort] + ([f"marker_table = {own.name}"] if own else [])
    for _ in range(2):
        counter.once(*lines, table=table)
        adding.expect_sums(table, counter.records)
        assert len(adding.markers_in(own or table)) > 2
        counter.forget()
    if own:
        new = counter.make_table(**keys)
        result = counter.firebridge(counter.conf(*lines, table=new, patience="2s"), "run", "--once")
        assert result.code != 0
        assert f"table/{new.name} " in result.stderr and "new name" in result.stderr


def test_where_markers_cannot_stand_the_stream_says_so(counter):
    counter.put(adding.make_objects(random.Random(SEED), 1, 10))
    table = counter.make_table(sort=("sort", "N"))
    result = counter.firebridge(counter.conf("item.sort = {product:as=number}", table=table,
                                             patience="2s"), "run", "--once")
    assert result.code != 0
    assert "name another with marker_table" in result.stderr


def test_check_says_what_to_do_for_markers_to_expire(counter, dynamodb):
    name = counter.table.name
    own = counter.make_table(sort=("n", "N"))
    checks = {
        (): "warn  stream main: time to live is off in table " + name,
        ("marker_table = missing-table",): "FAIL  stream main: DescribeTable of table missing-table",
        (f"marker_table = {own.name}",): f"FAIL  stream main: table {own.name} cannot hold the markers",
    }
    for lines, said in checks.items():
        shown = counter.firebridge(counter.conf(*lines), "check").stdout
        assert said in shown, shown
    dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification={
        "Enabled": True, "AttributeName": "expires"})
    shown = counter.firebridge(counter.conf(), "check").stdout
    assert "set marker_ttl_attribute = expires" in shown
    shown = counter.firebridge(counter.conf("marker_ttl_attribute = expires"), "check").stdout
    assert f"ok    stream main: markers in table {name} expire by expires, after 30 days" in shown


# --- Faults -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", adding.FAULTS)
def test_sums_are_exact_under(counter, dynamodb_server, name):
    """The row `add` of the matrix of write modes and faults."""
    counter.put(adding.make_objects(random.Random(SEED), 3, 600))
    rule = fault_proxy.randomly(SEED, "TransactWriteItems", adding.FAULTS[name], share=0.3)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        conf = counter.conf(dynamodb_url=proxy.url, patience="60s").replace(
            "[aws]", "[aws]\nrequest_timeout = 1s")
        # What a person must mend makes `--once` give up; the next one goes on behind it.
        for _ in range(20):
            result = counter.firebridge(conf, "run", "--once")
            if result.code == 0:
                break
        assert result.code == 0, str(result)
        assert any(call.fault for call in proxy.of("TransactWriteItems"))
    counter.expect()


def test_sums_are_exact_when_markers_cannot_be_read_at_once(counter, dynamodb_server):
    counter.put(adding.make_objects(random.Random(SEED), 2, 400))
    rule = fault_proxy.randomly(SEED, "GetItem", fault_proxy.fail_before, fault_proxy.throttle,
                                fault_proxy.wrong_crc32, share=0.5)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        for _ in range(2):
            counter.firebridge.once(counter.conf(dynamodb_url=proxy.url))
            counter.forget()
    counter.expect()


def test_a_table_that_is_gone_for_a_while_loses_nothing(counter, dynamodb_server):
    """A failure of the table is none of the object's: it is not taken for one that vanished."""
    counter.put(adding.make_objects(random.Random(SEED), 2, 400))
    fault = fault_proxy.dynamodb_error(400, "ResourceNotFoundException")
    with fault_proxy.FaultProxy(
            dynamodb_server.url,
            lambda call: fault if call.operation == "TransactWriteItems" else None) as proxy:
        result = counter.firebridge(counter.conf(dynamodb_url=proxy.url, patience="2s"), "run",
                                    "--once")
        assert result.code != 0
    counter.once()
    counter.expect()


# --- Refused records --------------------------------------------------------------------------------


def reasons_of(firebridge):
    return sorted((letter["id"]["record"], letter["reason"])
                  for letter in map(json.loads, firebridge.dead_letters()))


def test_a_record_that_dynamodb_refuses_goes_alone_to_the_dead_letters(counter, dynamodb):
    records = adding.make_objects(random.Random(SEED), 1, 400, products=60)[0]
    records[150] = b'{"product":"text","price":1,"at":"t"}'
    records[151] = b'{"product":"text","price":2,"at":"t"}'
    records[300] = b'{"product":"full","price":1e-5,"at":"t"}'
    records[301] = b'{"product":"full","price":5,"at":"t"}'
    for name, value in (("text", {"S": "x"}), ("full", {"N": "1" + 37 * "0"})):
        dynamodb.put_item(TableName=counter.table.name,
                          Item={"id": {"S": f"product#{name}"}, "revenue": value})
    counter.put([records])
    counter.once()
    assert reasons_of(counter.firebridge) == [(150, "rejected"), (151, "rejected"),
                                              (300, "rejected")]
    items = {item["id"]["S"]: item for item in adding.scan(counter.table)}
    assert items["product#full"]["revenue"]["N"] == "1" + 36 * "0" + "5"
    assert items["product#full"]["views"]["N"] == "1"
    assert items["product#text"]["revenue"] == {"S": "x"}
    for item in ("product#text", "product#full"):
        dynamodb.delete_item(TableName=counter.table.name, Key={"id": {"S": item}})
    counter.records = [r for n, r in enumerate(records) if n not in (150, 151, 300, 301)]
    counter.expect()
    counter.forget()
    counter.once()
    counter.expect()


def test_what_cannot_be_added_goes_to_the_dead_letters_too(counter):
    records = adding.make_objects(random.Random(SEED), 1, 300)[0]
    bad = {10: b'{"product":1,"price":"dear","at":"t"}', 11: b'{"product":1,"at":"t"}',
           12: b'{"product":1,"price":1e126,"at":"t"}', 299: b'"text"'}
    for number, record in bad.items():
        records[number] = record
    counter.put([records])
    counter.once()
    assert [number for number, _ in reasons_of(counter.firebridge)] == sorted(bad)
    counter.records = [r for n, r in enumerate(records) if n not in bad]
    counter.expect()


def test_nobody_writes_a_marker_by_a_record(firebridge, make_conf, s3, bucket, table):
    records = [b'{"id":"firebridge|main|s3://x"}', b'{"id":"a"}']
    firehose.put(s3, bucket, "c/", firehose.hours_ago(1), records)
    firebridge.once(make_conf(main=(f"s3://{bucket}/c/", table, "write = add", "item.id = {id}",
                                    "add.n = 1")))
    assert reasons_of(firebridge) == [(0, "mapping")]
    assert [item["n"]["N"] for item in adding.scan(table) if "n" in item] == ["1"]


# --- Kills and changes ------------------------------------------------------------------------------


def kill_soon(process, dice):
    """False when it was at its end before."""
    deadline = time.monotonic() + dice.choice((0.15, 0.5, 1.0, 1.6)) * dice.random()
    while time.monotonic() < deadline and process.alive():
        time.sleep(0.005)
    if not process.alive():
        return False
    process.kill()
    return True


FAULTS_WHILE_KILLED = [adding.FAULTS[name] for name in (
    "500 after the write", "connection reset after", "TransactionConflict",
    "throttling of the whole call", "time-out after the write")]


def kill_and_count(counter, dynamodb_server, wanted, time_limit_s):
    dice = random.Random(SEED)
    counter.put(adding.make_objects(dice, 12, 2500), dice)
    kills, rounds, started = 0, 0, time.monotonic()
    rule = fault_proxy.randomly(SEED, "TransactWriteItems", *FAULTS_WHILE_KILLED, share=0.1)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        while kills < wanted:
            counter.table = counter.make_table()
            rounds += 1
            kills_before = kills
            conf = counter.conf(name=f"round{rounds}", dynamodb_url=proxy.url, patience="60s")
            conf = conf.replace("[aws]", "[aws]\nrequest_timeout = 1s")
            while True:
                process = counter.firebridge.start(conf, "run", "--once")
                if kills < wanted and kill_soon(process, dice):
                    kills += 1
                    if dice.random() < 0.1:
                        counter.forget()
                    continue
                result = process.wait()
                assert result.code == 0, str(result)
                break
            counter.expect()
            print(f"round {rounds}: {kills - kills_before} kills, sums exact; {kills} in "
                  f"{time.monotonic() - started:.0f} s")
            assert time.monotonic() - started < time_limit_s, f"only {kills} kills (seed {SEED})"


@pytest.mark.slow
def test_sums_are_exact_after_kills_at_random_moments_with_faults_on(counter, dynamodb_server):
    kill_and_count(counter, dynamodb_server, KILLS, 300)


@pytest.mark.soak
def test_sums_are_exact_after_200_kills(counter, dynamodb_server):
    kill_and_count(counter, dynamodb_server, 200, 3000)


def leave_in_the_middle(counter, dynamodb_server, *lines):
    """Killed after some runs of each object, with a part of the work done."""
    seen = []

    def rule(call):
        if call.operation == "TransactWriteItems":
            seen.append(call)
            return fault_proxy.delay(30) if len(seen) > 12 else None
        return None

    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        process = counter.firebridge.start(counter.conf(*lines, dynamodb_url=proxy.url), "run",
                                           "--once")
        # One more is enough: an object that ran ahead of the others is done within the twelve.
        process.wait_until(lambda: len(seen) > 12)
        process.kill()
    assert 5 <= len(adding.markers_in(counter.table)) <= 14


@pytest.mark.parametrize("before, after", [
    (["decoders = 3"], ["decoders = 1", "max_in_flight = 1MiB"]),
    (["max_in_flight = 1MiB"], ["decoders = 2", "max_in_flight = 64MiB"]),
    ([], ["format = json", "max_record_size = 64KiB"]),
    ([], ["item.seen = {user}"]),
    (["where = product > 0"], []),
], ids=["decoders", "memory", "how records are cut", "the mapping", "where"])
@pytest.mark.parametrize("is_lost", [False, True], ids=["state kept", "state lost"])
def test_sums_are_exact_after_a_change_in_the_middle_of_objects(counter, dynamodb_server, before,
                                                               after, is_lost):
    counter.put(adding.make_objects(random.Random(SEED), 3, 1500))
    leave_in_the_middle(counter, dynamodb_server, *before)
    if is_lost:
        counter.forget()
    counter.once(*after)
    counter.expect()


def test_two_objects_that_share_a_hot_key_are_read_at_once(counter, dynamodb_server):
    """Real conflicts of DynamoDB Local, or none: the sums are exact."""
    hot = [b'{"product":1,"price":0.01,"at":"t"}'] * 20000
    counter.put([hot, hot, hot, hot])
    counter.once("max_in_flight = 1MiB")
    counter.expect()
    assert adding.sums_in(counter.table)["product#1"][0] == 80000


# --- Additions among puts and deletes ---------------------------------------------------------------


def test_adds_puts_and_deletes_of_a_key_keep_their_order(firebridge, make_conf, s3, bucket, table):
    """An oracle that applies them one by one, over objects and with every run cut anew."""
    dice = random.Random(SEED)
    expected = {}
    begin = firehose.hours_ago(6)
    for n in range(6):
        records = []
        for _ in range(400):
            key, op, value = f"k{dice.randrange(12)}", dice.choice("AAAPD"), dice.randrange(100)
            records.append({"op": op, "key": key, "v": value})
            if op == "A":
                expected[key] = expected.get(key, 0) + value
            elif op == "P":
                expected[key] = value
            else:
                expected.pop(key, None)
        firehose.put(s3, bucket, "c/", begin.replace(minute=n), records)
    lines = ["write = {op}", "write.map = A: add, P: put, D: delete", "item.id = {key}",
             "rename = v > n", "drop = op, key", "add.n = {v}"]
    firebridge.once(make_conf(main=(f"s3://{bucket}/c/", table, *lines)))
    found = {item["id"]["S"]: int(decimal.Decimal(item["n"]["N"])) for item in adding.scan(table)
             if not adding.is_marker(item)}
    assert found == expected


# --- order = none -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_in_any_order_kills_at_random_moments_lose_nothing(firebridge, make_conf, s3, bucket, table):
    dice = random.Random(SEED)
    records, kills = [], 0
    for n in range(12):
        own = [b'{"id":"%d-%d","n":%d}' % (n, i, i) for i in range(3000)]
        firehose.put(s3, bucket, "c/", firehose.hours_ago(12).replace(minute=n), own,
                     members=dice.choice((None, 1, 3)))
        records += own
    conf = make_conf(main=(f"s3://{bucket}/c/", table, "order = none", "decoders = 3"))
    while kills < KILLS:
        process = firebridge.start(conf, "run", "--once")
        if not kill_soon(process, dice):
            break
        kills += 1
    firebridge.once(conf)
    table.expect(records)
