# SPDX-License-Identifier: Apache-2.0
"""`check` ends non-zero whenever `run` would refuse to work."""

import datetime
import re
import sqlite3
import urllib.parse
import uuid

import pytest

import fault_proxy
import firehose
from test_bad_input import job, records  # noqa: F401 (a fixture)


def damage(state):
    (state / "firebridge.db").write_bytes(b"no database at all" * 100)


def make_newer(state):
    with sqlite3.connect(state / "firebridge.db") as database:
        version = database.execute("PRAGMA user_version").fetchone()[0]
        database.execute(f"PRAGMA user_version = {version + 1}")


@pytest.mark.parametrize("spoil", [damage, make_newer])
def test_a_state_file_that_run_refuses(job, spoil):
    job.put(firehose.body(records(1)))
    job.once()
    spoil(job.firebridge.state)
    job.fail()
    result = job.firebridge(job.conf(), "check")
    assert result.code == 1, result


def test_a_checkpoint_of_another_table(job, make_table):
    job.put(firehose.body(records(1)))
    job.once()
    other = make_table()
    job.fail(table=other)
    result = job.firebridge(job.conf(table=other), "check")
    assert result.code == 1, result


def test_a_state_dir_whose_parent_is_missing(job):
    state = job.firebridge.state
    conf = job.conf().replace(f"state_dir = {state}", f"state_dir = {state}/a/b")
    run = job.firebridge(conf, "run", "--once")
    check = job.firebridge(conf, "check")
    assert (check.code == 0) == (run.code == 0), f"check: {check}\nrun: {run}"


def test_a_key_that_json_cannot_hold(job, make_table):
    job.put(firehose.body(records(1)))
    result = job.firebridge(job.conf(table=make_table(partition=("id", "B"))), "check")
    assert "FAIL" in result.stdout or "warn" in result.stdout, result


# What is wrong in a stream's section, and what is said of it.
WRONG = {
    "compression = lz4": 'compression: "lz4"; expected auto, none, gzip, ',
    "compresion = gzip": "unknown key compresion; did you mean compression?",
    "max_layers = 0": 'max_layers: "0"; expected a whole number from 1 to 8',
    "max_inflated_size = 1TB": 'max_inflated_size: "1TB"; expected bytes, or a whole number with',
    "on_damaged_object = skip": 'on_damaged_object: "skip"; expected dead-letter or stop',
    "format = avro": 'format: "avro"; expected auto, json, ',
    "format = json\ncolumns = a, b": "columns is for format = csv or tsv, and format is json",
    "columns = a, b": "columns is for format = csv or tsv, and format is auto",
    "format = csv\ncolumns = a,,b": 'columns: "a,,b"; expected names by commas, with none left empty',
    "format = csv\ncolumns = a\ntypes = b: number": 'types has "b", which is none of the columns',
    "format = csv\ntypes = a: int": 'types: "a: int"; expected NAME: number or NAME: string',
    "format = lines\npattern = (a)": "pattern has 1 group, and fields has 0 names; name every group",
    "format = lines\npattern = (a": "pattern: Unmatched (",
    "format = tsv\nfield_separator = comma": "field_separator is for format = csv, and format is tsv",
    "delimiter = \\q": 'delimiter: "\\q"; expected newline, or 1 to 16 bytes',
    "unwrap = all": 'unwrap: "all"; expected none or message',
}


@pytest.mark.parametrize("lines", WRONG)
def test_what_is_wrong_about_how_objects_are_read_is_said_by_check_and_run(lines, job):
    conf = job.make_conf(main=(f"s3://{job.bucket}/p/", job.table, lines))
    for command in ("check",), ("run", "--once"):
        result = job.firebridge(conf, *command)
        said = [line for line in result.stderr.splitlines() if WRONG[lines] in line]
        assert result.code > 0 and len(said) == 1, result
        assert f" {job.firebridge.conf_file}:" in said[0], said


def lines_of(result, *words):
    return [line for line in result.stdout.splitlines() if all(word in line for word in words)]


def test_before_the_first_start_what_it_will_carry_is_estimated(job):
    # 1,100 bytes and more: two write units each.
    job.put(firehose.body([{"id": str(n), "text": "x" * 1100} for n in range(50)]))
    job.put(firehose.body([{"id": str(n), "text": "y" * 1100} for n in range(50)]))
    result = job.firebridge(job.conf(), "check")
    assert result.code == 0, result
    amount, = lines_of(result, "no checkpoint yet")
    assert "so the first start carries 2 objects, 109.5 KiB" in amount
    cost, = lines_of(result, "write units")
    assert "about 200 write units, by 100 records that were read of it" in cost
    job.once()
    result = job.firebridge(job.conf(), "check")
    assert result.code == 0 and not lines_of(result, "write units"), result


def test_records_that_would_be_dead_letters_are_told_beforehand(job):
    job.put(firehose.body([{"id": "1"}, {"no": "id"}]))
    result = job.firebridge(job.conf(), "check")
    assert result.code == 0
    assert lines_of(result, "warn", "1 of those records would be dead letters", "explain s3://")


def endless(objects_each=1000):
    """A bucket whose listing has no end: a page is an hour."""
    begin = firehose.hours_ago(24 * 365)

    def page(exchange):
        query = urllib.parse.parse_qs(exchange.call.path.partition("?")[2])
        number = int(query.get("continuation-token", ["0"])[0])
        when = begin + datetime.timedelta(hours=number)
        contents = "".join(
            f"<Contents><Key>{firehose.key('p/', when.replace(minute=n % 60))}</Key>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag>"
            "<Size>1048576</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for n in range(objects_each))
        fault_proxy.answer(200, (
            "<?xml version='1.0'?><ListBucketResult><IsTruncated>true</IsTruncated>"
            f"<KeyCount>{objects_each}</KeyCount>"
            f"<NextContinuationToken>{number + 1}</NextContinuationToken>{contents}"
            "</ListBucketResult>").encode(), "application/xml")(exchange)
    return page


def test_a_listing_that_does_not_end_is_cut_and_reckoned_on(job, s3_server):
    page = endless(100)

    def rule(call):
        return page if call.operation == "LIST" else None
    with fault_proxy.FaultProxy(s3_server.url, rule) as proxy:
        result = job.firebridge(job.make_conf(main=(f"s3://{job.bucket}/p/", job.table),
                                              s3_url=proxy.url), "check")
        pages = len(proxy.of("LIST"))
    assert result.seconds < 20 and 2 <= pages <= 201
    amount, = lines_of(result, "no checkpoint yet")
    listed = int(re.search(r"at least (\d+) objects", amount)[1])
    assert listed == 100 * pages
    reckoned = int(re.search(r"by their times about (\d+),", amount)[1])
    assert reckoned == pytest.approx(100 * 24 * 365, rel=0.1)


def test_a_table_that_takes_too_little_is_told(job, dynamodb):
    table = f"provisioned-{uuid.uuid4().hex[:8]}"
    dynamodb.create_table(
        TableName=table, BillingMode="PROVISIONED",
        ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 2},
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}])
    try:
        for hours in 2, 1:
            name = firehose.key("p/", firehose.hours_ago(hours), suffix=".gz")
            records = [{"id": str(n), "text": "x" * 4000} for n in range(1200)]
            job.put(firehose.body(records, members=1), name)
        result = job.firebridge(job.conf(table=table, stream="max_write_units = 3"), "check")
    finally:
        dynamodb.delete_table(TableName=table)
    assert result.code == 0
    assert lines_of(result, "warn", "max_write_units = 3 is more than table",
                    "2 write units a second (provisioned)")
    cost, = lines_of(result, "ok  ", "about 9600 write units")
    assert cost.endswith("by 2400 records that were read of it, which take 80 min at the table's 2 "
                         "a second")
    assert lines_of(result, "warn", "about 3 write units a second came, and the table's 2 are fewer")


def test_two_streams_that_write_the_same_objects_are_told(job, make_table):
    source, deeper = f"s3://{job.bucket}/p/", f"s3://{job.bucket}/p/2026/"
    result = job.firebridge(job.make_conf(a=(source, job.table), b=(deeper, job.table)), "check")
    assert lines_of(result, "warn", f"stream b: it may read objects of stream a ({source})")
    apart = job.make_conf(a=(source, job.table), b=(deeper, make_table()),
                          c=(f"s3://{job.bucket}/q/", job.table))
    assert not lines_of(job.firebridge(apart, "check"), "it may read objects of")


EXPIRES = "item.gone = {ts:time=s,as=epoch}"


def test_an_expiry_that_the_table_does_not_know_of_is_told(job, dynamodb, dynamodb_server):
    conf = job.make_conf(main=(f"s3://{job.bucket}/p/", job.table, EXPIRES))
    off = job.firebridge(conf, "check")
    assert lines_of(off, "warn", f"time to live is off in table {job.table.name}",
                    "AttributeName=gone") and off.code == 0

    def rule(call):
        if call.operation == "DescribeTimeToLive":
            return fault_proxy.dynamodb_error(400, "AccessDeniedException")
        return None
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        denied = job.firebridge(
            job.make_conf(main=(f"s3://{job.bucket}/p/", job.table, EXPIRES),
                          dynamodb_url=proxy.url), "check")
    assert lines_of(denied, "ok  ", "whether items expire by gone cannot be seen")
    dynamodb.update_time_to_live(TableName=job.table.name, TimeToLiveSpecification={
        "Enabled": True, "AttributeName": "other"})
    assert lines_of(job.firebridge(conf, "check"), "warn", "expire by other, and not by item.gone")
