# SPDX-License-Identifier: Apache-2.0
"""The way of the data, end to end: what Firehose put into the bucket is in the table."""

import time

import pytest

import firehose


def tick(symbol, price, sector="HEALTHCARE", change="-0.05"):
    """A record of Firehose's demo data, as bytes: its numbers keep their spelling."""
    return (f'{{"TICKER_SYMBOL":"{symbol}","SECTOR":"{sector}","CHANGE":{change},'
            f'"PRICE":{price}}}').encode()


@pytest.fixture
def ticker_table(make_table):
    return make_table(partition=("TICKER_SYMBOL", "S"))


def source(bucket, prefix="ticker/"):
    return f"s3://{bucket}/{prefix}"


def test_objects_of_many_hours_arrive_and_the_later_record_of_a_key_wins(
        firebridge, make_conf, s3, bucket, ticker_table):
    hours = [[tick(f"T{n:03}", f"{hour}.{n:02}") for n in range(60)] for hour in range(30, 0, -1)]
    for hour, records in zip(range(30, 0, -1), hours):
        # Every second object is plain text, as without compression in the delivery stream.
        firehose.put(s3, bucket, "ticker/", firehose.hours_ago(hour), records,
                     members=1 if hour % 2 else None)
    firebridge.once(make_conf(main=(source(bucket), ticker_table)))
    ticker_table.expect(r for records in hours for r in records)


def test_a_second_run_writes_nothing_again(firebridge, make_conf, s3, bucket, ticker_table,
                                           dynamodb):
    firehose.put(s3, bucket, "ticker/", firehose.now(), [tick("AAA", "1.5")])
    conf = make_conf(main=(source(bucket), ticker_table))
    firebridge.once(conf)
    dynamodb.delete_item(TableName=ticker_table.name, Key={"TICKER_SYMBOL": {"S": "AAA"}})
    firebridge.once(conf)
    assert ticker_table.scan() == []


def test_version_10_of_the_delivery_stream_comes_after_version_9(firebridge, make_conf, s3, bucket,
                                                                 ticker_table):
    when = firehose.hours_ago(3).replace(minute=30, second=0)
    later = when.replace(second=1)
    firehose.put(s3, bucket, "ticker/", later, [tick("AAA", "10")], version=10)
    firehose.put(s3, bucket, "ticker/", when, [tick("AAA", "9")], version=9)
    firebridge.once(make_conf(main=(source(bucket), ticker_table)))
    ticker_table.expect([tick("AAA", "10")])


@pytest.mark.parametrize("members", [None, 1, 4], ids=["plain", "gzip", "multi-member"])
@pytest.mark.parametrize("delimiter", [b"", b"\n", b"\r\n", b"\n\n  \n"],
                         ids=["concatenated", "newline", "crlf", "blank-lines"])
def test_records_are_cut_apart_however_they_are_joined(firebridge, make_conf, s3, bucket, table,
                                                       delimiter, members):
    records = [{"id": f"{n}", "brackets": "}{\"]\\", "nested": {"a": [{}, [], "}"]}}
               for n in range(40)]
    firehose.put(s3, bucket, "p/", firehose.now(), records, delimiter=delimiter, members=members)
    firebridge.once(make_conf(main=(source(bucket, "p/"), table)))
    table.expect(records)


def test_joints_may_be_mixed_and_the_last_newline_missing(firebridge, make_conf, s3, bucket, table):
    body = b'\xef\xbb\xbf{"id":"a"}{"id":"b"}\n\n{"id":"c"}\r\n  {"id":"d"}\t{"id":"e"}'
    firehose.put_body(s3, bucket, firehose.key("p/", firehose.now(), suffix=""), body)
    firebridge.once(make_conf(main=(source(bucket, "p/"), table)))
    table.expect([{"id": c} for c in "abcde"])
    assert firebridge.dead_letters() == []


def test_what_is_not_data_is_left_out(firebridge, make_conf, s3, bucket, table):
    good = firehose.put(s3, bucket, "p/", firehose.now(), [{"id": "good"}])
    for name in ("p/processing-failed/2026/01/01/00/x-1-2026-01-01-00-00-00-u",
                 "p/format-conversion-failed/2026/01/01/00/x", "p/2026/mine/secret.tmp"):
        firehose.put_body(s3, bucket, name, b'{"id":"not data"}')
    firehose.put_body(s3, bucket, good.rpartition("/")[0] + "/", b"")
    firebridge.once(make_conf(main=(source(bucket, "p/"), table), stream="exclude = *.tmp"))
    table.expect([{"id": "good"}])


def test_a_flat_prefix_is_listed_whole(firebridge, make_conf, s3, bucket, table):
    for n in range(3):
        firehose.put_body(s3, bucket, f"any/where/{n}", b'{"id":"%d"}' % n)
    firebridge.once(make_conf(main=(source(bucket, "any/"), table), stream="layout = flat"))
    table.expect([{"id": f"{n}"} for n in range(3)])


def test_once_ends_non_zero_when_a_table_is_missing_but_works_the_healthy_stream(
        firebridge, make_conf, s3, bucket, table):
    firehose.put(s3, bucket, "good/", firehose.now(), [{"id": "1"}])
    firehose.put(s3, bucket, "bad/", firehose.now(), [{"id": "2"}])
    conf = make_conf(good=(source(bucket, "good/"), table),
                     bad=(source(bucket, "bad/"), "no-such-table"),
                     patience="4s")
    result = firebridge(conf, "run", "--once")
    assert result.code > 0, str(result)
    assert "no-such-table" in result.stderr
    table.expect([{"id": "1"}])


def test_an_empty_prefix_is_no_error(firebridge, make_conf, bucket, table):
    firebridge.once(make_conf(main=(source(bucket, "nothing/"), table)))


def test_the_daemon_carries_what_arrives_and_stops_in_time(firebridge, make_conf, s3, bucket,
                                                           ticker_table):
    firehose.put(s3, bucket, "ticker/", firehose.now(), [tick("FIRST", "1")])
    daemon = firebridge.start(make_conf(main=(source(bucket), ticker_table)), "run")
    daemon.wait_until(lambda: ticker_table.count() == 1)
    firehose.put(s3, bucket, "ticker/", firehose.now(), [tick("FRESH", "2")])
    daemon.wait_until(lambda: ticker_table.count() == 2)
    # Firehose retried its delivery for most of a day: a folder that is long past.
    firehose.put(s3, bucket, "ticker/", firehose.hours_ago(23), [tick("LATE", "3")])
    daemon.wait_until(lambda: ticker_table.count() == 3)
    daemon.terminate()
    asked = time.monotonic()
    result = daemon.wait(35)
    assert result.code == 0, str(result)
    assert time.monotonic() - asked < 10
    ticker_table.expect([tick("FIRST", "1"), tick("FRESH", "2"), tick("LATE", "3")])


def test_the_daemon_outlives_a_table_that_comes_later(firebridge, make_conf, s3, bucket, make_table):
    first = make_table()
    conf = make_conf(main=(source(bucket, "p/"), first))
    description = first.dynamodb.describe_table(TableName=first.name)["Table"]
    first.dynamodb.delete_table(TableName=first.name)
    firehose.put(s3, bucket, "p/", firehose.now(), [{"id": "1"}])
    daemon = firebridge.start(conf, "run")
    daemon.wait_until(lambda: first.name in daemon.log)
    time.sleep(1)
    assert daemon.alive()
    first.dynamodb.create_table(TableName=first.name, BillingMode="PAY_PER_REQUEST",
                                KeySchema=description["KeySchema"],
                                AttributeDefinitions=description["AttributeDefinitions"])
    daemon.wait_until(lambda: first.count() == 1, timeout_s=60)
    daemon.terminate()
    assert daemon.wait(35).code == 0


def test_one_process_per_state_file(firebridge, make_conf, bucket, table):
    conf = make_conf(main=(source(bucket), table))
    daemon = firebridge.start(conf, "run")
    daemon.wait_until(lambda: (firebridge.state / "firebridge.db").exists())
    time.sleep(0.5)
    second = firebridge(conf, "run", "--once")
    assert second.code > 0, str(second)
    assert str(daemon.popen.pid) in second.stderr
    daemon.terminate()
    assert daemon.wait(35).code == 0


def test_another_source_under_the_same_stream_name_is_refused(firebridge, make_conf, s3, bucket,
                                                              table):
    firebridge.once(make_conf(main=(source(bucket, "a/"), table)))
    firehose.put(s3, bucket, "b/", firehose.now(), [{"id": "1"}])
    result = firebridge(make_conf(main=(source(bucket, "b/"), table)), "run", "--once")
    assert result.code > 0, str(result)
    assert "adopt" in result.stderr
    assert table.count() == 0
