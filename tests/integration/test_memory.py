# SPDX-License-Identifier: Apache-2.0
"""
Memory does not grow with the object, nor with what the table gives back: all stays under 32 MiB.
"""

import base64
import contextlib
import gzip
import json
import os
import threading
import zlib

import pytest

import compressors
import conftest
import fault_proxy
import firehose
import servers

MIB = 1024 * 1024
MEMBER_BYTES, MEMBERS = 64 * MIB, 16

# What each form is tried with: more than it may take. MEMORY_MIB=1024 tries it with the gigabyte
# that is promised.
FORM_BYTES = int(os.environ.get("MEMORY_MIB", "32")) * MIB


@pytest.fixture(scope="module")
def accepting(server_folder):
    yield from conftest.running(servers.AcceptingDynamoDB, server_folder, "clicks", "id")


def member():
    """64 MiB of clickstream-like records as one gzip member."""
    lines, size, n = [], 0, 0
    while size < MEMBER_BYTES:
        lines.append(b'{"id":"%08x","session":"s-%d","path":"/products/%d/details?ref=%x",'
                     b'"agent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","ms":%d.%03d,'
                     b'"ok":true,"tags":["a","b",null],"geo":{"lat":48.2%d,"lon":16.3%d}}\n'
                     % (n, n % 977, n % 5003, n * 7919, n % 1999, n % 1000, n % 97, n % 89))
        size += len(lines[-1])
        n += 1
    return gzip.compress(b"".join(lines), 1), n, size


@pytest.mark.slow
def test_a_gigabyte_passes_in_under_32_mib(firebridge, make_conf, s3, bucket, accepting):
    compressed, count, size = member()
    assert size * MEMBERS >= 1024 * MIB
    firehose.put_body(s3, bucket, firehose.key("p/", firehose.now()), compressed * MEMBERS)
    conf = make_conf(main=(f"s3://{bucket}/p/", "clicks"), dynamodb_url=accepting.url)
    result = firebridge.once(conf.replace("log_level = debug", "log_level = info"),
                             timeout_s=240)
    print(f"{count * MEMBERS} records in {result.seconds:.1f} s, "
          f"peak {result.peak_rss_bytes / MIB:.1f} MiB")
    assert 0 < result.peak_rss_bytes < 32 * MIB, f"{result.peak_rss_bytes / MIB:.1f} MiB"


def clicks(number):
    return {"id": f"{number:08x}", "path": f"/products/{number % 5003}/details?ref={number * 7919:x}",
            "agent": "Mozilla/5.0 (X11; Linux x86_64)", "ms": number % 1999 / 8, "tags": ["a", None]}


def as_json(number):
    return json.dumps(clicks(number)).encode() + b"\n"


def as_log_events(number):
    events = [{"id": f"{number:08x}-{n}", "timestamp": 1795341600000 + n, "message": "x" * 200}
              for n in range(500)]
    return json.dumps({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g",
                       "logStream": "s", "subscriptionFilters": ["f"],
                       "logEvents": events}).encode()


def typed(number):
    return {"id": {"S": f"{number:08x}"}, "path": {"S": "/products/details" * 5},
            "ms": {"N": str(number / 8)}, "tags": {"SS": ["a", "b"]}}


def as_change(number):
    item = typed(number)
    return json.dumps({"eventName": "INSERT", "eventSource": "aws:dynamodb", "dynamodb": {
        "Keys": {"id": item["id"]}, "NewImage": item, "SizeBytes": 99}}).encode() + b"\n"


def as_error(number):
    return json.dumps({"attemptsMade": 4, "errorCode": "Lambda.FunctionError", "errorMessage": "no",
                       "rawData": base64.b64encode(as_json(number)).decode()}).encode() + b"\n"


def as_row(separator):
    return lambda number: separator.join(
        [f"{number:08x}", "/products/details" * 5, str(number / 8)]).encode() + b"\n"


RECORD_FORMS = {
    "json": (as_json, ""),
    "array": (lambda number: (b"," if number else b"[") + as_json(number), ""),
    "cloudwatch-logs": (as_log_events, "format = cloudwatch-logs"),
    "dynamodb-json": (lambda number: json.dumps({"Item": typed(number)}).encode() + b"\n",
                      "format = dynamodb-json"),
    "dynamodb-stream": (as_change, "format = dynamodb-stream"),
    "firehose-errors": (as_error, "format = firehose-errors"),
    "csv": (as_row(","), "format = csv\ncolumns = id, path, ms\ntypes = ms: number"),
    "tsv": (as_row("\t"), "format = tsv\ncolumns = id, path, ms"),
    "lines": (as_row(" "), "format = lines\npattern = ^([^ ]+) ([^ ]+)\nfields = id, path"),
}


def many_log_events(number):
    """A message of nearly 8 MiB, eight times max_record_size."""
    events = [{"id": f"{number:08x}-{n}", "timestamp": 1795341600000, "message": '"x' * 20_000}
              for n in range(136)]
    return json.dumps({"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g",
                       "logStream": "s", "subscriptionFilters": ["f"],
                       "logEvents": events}).encode()


def large_error(number):
    """What a record of 1,000 KiB, Firehose's largest, becomes when a transform fails on it."""
    raw = b"".join(b'{"id":"%08x-%d","v":"%s"}' % (number, n, b"v" * 340_000) for n in range(3))
    return json.dumps({"errorCode": "Lambda.FunctionError",
                       "rawData": base64.b64encode(raw).decode()}).encode() + b"\n"


# The largest records of the forms that hold several items in one.
LARGE_RECORDS = {
    "cloudwatch-logs": (many_log_events, "format = cloudwatch-logs"),
    "cloudwatch-logs by auto": (many_log_events, "unwrap = message"),
    "firehose-errors": (large_error, "format = firehose-errors"),
}


def write_plain(path, make):
    """FORM_BYTES of records; the same block again and again, which is no matter to memory."""
    first = make(0)
    block = b"".join(make(number) for number in range(1, max(4 * MIB // len(first), 1) + 1))
    with open(path, "wb") as out:
        out.write(first)
        while out.tell() < FORM_BYTES:
            out.write(block)
        if first.startswith(b"["):
            out.write(b"]")


def peak_of(firebridge, make_conf, s3, bucket, accepting, path, stream):
    """Leaves neither the file nor the object behind: they may be a gigabyte each."""
    name, size = firehose.key("p/", firehose.now(), suffix=""), os.path.getsize(path)
    with open(path, "rb") as body:
        firehose.put_body(s3, bucket, name, body)
    os.unlink(path)
    conf = make_conf(main=(f"s3://{bucket}/p/", "clicks"), dynamodb_url=accepting.url,
                     stream=stream)
    result = firebridge.once(conf.replace("log_level = debug", "log_level = info"), timeout_s=600)
    s3.delete_object(Bucket=bucket, Key=name)
    assert firebridge.dead_letters() == []
    print(f"{size / MIB:.0f} MiB in {result.seconds:.1f} s, "
          f"peak {result.peak_rss_bytes / MIB:.1f} MiB")
    return result.peak_rss_bytes


@pytest.mark.slow
@pytest.mark.parametrize("form", RECORD_FORMS)
def test_each_record_form_stays_under_32_mib(form, firebridge, make_conf, s3, bucket,
                                             accepting, tmp_path):
    make, stream = RECORD_FORMS[form]
    write_plain(tmp_path / "plain", make)
    peak = peak_of(firebridge, make_conf, s3, bucket, accepting, tmp_path / "plain", stream)
    assert 0 < peak < 32 * MIB, f"{peak / MIB:.1f} MiB"


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.parametrize("form", LARGE_RECORDS)
def test_the_largest_records_stay_under_32_mib(form, firebridge, make_conf, s3, bucket, accepting,
                                               tmp_path):
    make, stream = LARGE_RECORDS[form]
    write_plain(tmp_path / "plain", make)
    peak = peak_of(firebridge, make_conf, s3, bucket, accepting, tmp_path / "plain", stream)
    assert 0 < peak < 32 * MIB, f"{peak / MIB:.1f} MiB"


@pytest.mark.slow
@pytest.mark.parametrize("name", compressors.MAKERS)
def test_each_compression_stays_under_32_mib(name, firebridge, make_conf, s3, bucket,
                                             accepting, tmp_path):
    write_plain(tmp_path / "plain", as_json)
    try:
        compressors.make(name, tmp_path / "plain", tmp_path / "compressed")
    except compressors.Missing as missing:
        pytest.skip(str(missing))
    os.unlink(tmp_path / "plain")
    peak = peak_of(firebridge, make_conf, s3, bucket, accepting, tmp_path / "compressed", "")
    assert 0 < peak < 32 * MIB, f"{peak / MIB:.1f} MiB"


LANES = 16
ROUNDS = 3  # lanes that find little in their queue at first have full batches by then


def give_back_together():
    """All lanes get back all they sent, at the same moment; later they may write."""
    together = threading.Barrier(LANES)

    def give_back(exchange):
        with contextlib.suppress(threading.BrokenBarrierError):
            together.wait(timeout=10)
        body = exchange.call.body.replace(b"RequestItems", b"UnprocessedItems", 1)
        exchange.reply(fault_proxy.Answer(200, [("x-amz-crc32", str(zlib.crc32(body)))], body))

    return lambda call: (give_back if call.operation == "BatchWriteItem" and
                         call.number <= ROUNDS * LANES else None)


@pytest.mark.slow
def test_what_all_lanes_get_back_at_once_stays_under_32_mib(firebridge, make_conf, s3, bucket,
                                                            table, dynamodb_server):
    """40 KB an item, as DynamoDB's JSON has it: the answers are as large as the requests."""
    records = [{"id": f"i-{n}", "numbers": [7] * 4_000} for n in range(200)]
    firehose.put(s3, bucket, "p/", firehose.now(), records)
    with fault_proxy.FaultProxy(dynamodb_server.url, give_back_together()) as proxy:
        conf = make_conf(main=(f"s3://{bucket}/p/", table), dynamodb_url=proxy.url)
        result = firebridge.once(conf.replace("log_level = debug", "log_level = info"))
        sent = [len(call.body) for call in proxy.of("BatchWriteItem")[:ROUNDS * LANES]]
    print(f"{sum(sent[-LANES:])} bytes at once, peak {result.peak_rss_bytes / MIB:.1f} MiB")
    assert sum(sent[-LANES:]) > 2_000_000  # of max_in_flight's 4 MiB
    assert table.count() == len(records)
    assert 0 < result.peak_rss_bytes < 32 * MIB, f"{result.peak_rss_bytes / MIB:.1f} MiB"
