# SPDX-License-Identifier: Apache-2.0
"""Memory does not grow with the object: 1 GB of records passes through under 32 MiB."""

import gzip

import pytest

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
