# SPDX-License-Identifier: Apache-2.0
"""
Memory does not grow with the object, nor with what the table gives back: all stays under 32 MiB.
"""

import contextlib
import gzip
import threading
import zlib

import pytest

import fault_proxy
import firehose
import servers

MIB = 1024 * 1024
MEMBER_BYTES, MEMBERS = 64 * MIB, 16


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
def test_a_gigabyte_passes_in_under_32_mib(firebridge, make_conf, s3, bucket, server_folder):
    try:
        accepting = servers.AcceptingDynamoDB(server_folder, "clicks", "id").start()
    except servers.Missing as missing:
        pytest.skip(str(missing))
    try:
        compressed, count, size = member()
        assert size * MEMBERS >= 1024 * MIB
        firehose.put_body(s3, bucket, firehose.key("p/", firehose.now()), compressed * MEMBERS)
        conf = make_conf(main=(f"s3://{bucket}/p/", "clicks"), dynamodb_url=accepting.url)
        result = firebridge.once(conf.replace("log_level = debug", "log_level = info"),
                                 timeout_s=240)
    finally:
        accepting.stop()
    print(f"{count * MEMBERS} records in {result.seconds:.1f} s, "
          f"peak {result.peak_rss_bytes / MIB:.1f} MiB")
    assert 0 < result.peak_rss_bytes < 32 * MIB, f"{result.peak_rss_bytes / MIB:.1f} MiB"


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
