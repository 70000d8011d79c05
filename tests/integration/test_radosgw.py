# SPDX-License-Identifier: Apache-2.0
"""Ceph's radosgw as a second judge of what is signed for S3 and STS, and of what is listed."""

import concurrent.futures
import json
import uuid

import pytest

import fault_proxy
import firehose
import servers
from conftest import running
from test_bad_input import ODD_NAMES

pytestmark = pytest.mark.soak

# Each character that UTF-8 has in one byte, and what else a client may encode wrongly.
NAMES = [*ODD_NAMES, *(f"c{chr(c)}c" for c in range(1, 128) if chr(c) != "/"),
         "%", "%2", "%2F", "%252F", "%00", "+", " ", "  ", " lead", "trail ", "a&b=c&d", "x=", "=x",
         "?", "#", ";", "日本語", "e\u0301", "\u2028", "\ufffd", "\U0010ffff", "ß" * 100,
         "AWS4-HMAC-SHA256", "x-amz-date", "a/../b", "a/./b", "a/b/", "..", ".", "n" * 900]
PREFIXES = ["plain/", "od+d %41/", "ü&a=b/", "q?list-type=1#/", "%2F/", "'\"()*!~/", "t\tab/",
            "+/+", "emoji\U0001f525/"]
ROLE_POLICY = {"Version": "2012-10-17",
               "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
ACCOUNT = servers.Radosgw.account
TRUST = {"Version": "2012-10-17",
         "Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole"],
                        "Principal": {"AWS": [f"arn:aws:iam::{ACCOUNT}:user/tester"]}}]}


@pytest.fixture(scope="module")
def radosgw(server_folder):
    yield from running(servers.Radosgw, server_folder)


@pytest.fixture(scope="module")
def role(radosgw):
    reader = ["--tenant", ACCOUNT, "--role-name", "reader"]
    radosgw.command("radosgw-admin", "role", "create", *reader,
                    "--assume-role-policy-doc", json.dumps(TRUST))
    radosgw.command("radosgw-admin", "role-policy", "put", *reader,
                    "--policy-name", "all", "--policy-doc", json.dumps(ROLE_POLICY))
    return f"arn:aws:iam::{ACCOUNT}:role/reader"


class Bench:
    """A bucket in radosgw, a table, and a conf from the one to the other."""

    def __init__(self, radosgw, firebridge, table, make_conf):
        self.server, self.firebridge, self.table = radosgw, firebridge, table
        self.make_conf = make_conf
        self.s3 = radosgw.client()
        self.bucket = f"bucket-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)
        firebridge.env.update(AWS_ACCESS_KEY_ID=radosgw.key, AWS_SECRET_ACCESS_KEY=radosgw.secret)

    def put(self, key, body):
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

    def conf(self, prefix="p/", url=None, **options):
        return self.make_conf(main=(f"s3://{self.bucket}/{prefix}", self.table),
                              s3_url=url or self.server.url, **options)


@pytest.fixture
def bench(radosgw, firebridge, table, make_conf):
    return Bench(radosgw, firebridge, table, make_conf)


def ids(count):
    return [{"id": f"{n}"} for n in range(count)]


def test_a_key_of_every_odd_character_is_listed_and_read(bench):
    folder = f"p/{firehose.now():%Y/%m/%d/%H}/"
    assert len(set(NAMES)) == len(NAMES) and len(NAMES) > 150
    for n, name in enumerate(NAMES):
        bench.put(folder + name, b'{"id":"%d"}' % n)
    bench.firebridge.once(bench.conf())
    bench.table.expect(ids(len(NAMES)))


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_prefix_of_odd_characters_is_signed_in_the_query(bench, prefix):
    bench.put(f"{prefix}{firehose.now():%Y/%m/%d/%H}/object", b'{"id":"0"}')
    # What lies beside the prefix is another stream's.
    bench.put(f"{prefix[0]}{firehose.now():%Y/%m/%d/%H}/other", b'{"id":"other"}')
    bench.firebridge.once(bench.conf(prefix))
    bench.table.expect(ids(1))


def test_a_listing_of_many_pages_goes_on_by_its_tokens(bench):
    def put(n):
        # Keys that a token must carry through the query.
        bench.put(f"p/{firehose.hours_ago(n % 5):%Y/%m/%d/%H}/a +%41=&{n}", b'{"id":"%d"}' % n)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(1100)))
    result = bench.firebridge.once(bench.conf())
    bench.table.expect(ids(1100))
    assert "1100 objects" in result.stderr


def test_an_object_that_breaks_off_is_read_on_by_range_and_etag(bench):
    records = [{"id": f"{n}", "text": "x" * 100} for n in range(20000)]
    bench.put(f"p/{firehose.now():%Y/%m/%d/%H}/sp ace+%41", firehose.body(records, members=2))
    with fault_proxy.FaultProxy(bench.server.url) as proxy:
        proxy.rule = lambda call: (fault_proxy.half_answer
                                   if call.operation == "GET" and call.number <= 4 else None)
        bench.firebridge.once(bench.conf(url=proxy.url))
        ranges = [call.headers.get("Range") for call in proxy.of("GET")]
        matches = [call.headers.get("If-Match") for call in proxy.of("GET")]
    bench.table.expect(records)
    assert len(ranges) >= 5 and all(ranges[1:]) and all(matches[1:]), (ranges, matches)


def test_a_wrong_secret_is_refused_and_named(bench):
    bench.put(f"p/{firehose.now():%Y/%m/%d/%H}/object", b'{"id":"0"}')
    result = bench.firebridge(bench.conf(patience="3s"), "run", "--once",
                              env={"AWS_SECRET_ACCESS_KEY": "not-the-one"})
    assert result.code > 0, result
    # With STS on, radosgw tries the signature there as well, and says what that says.
    assert "AccessDenied" in result.stderr or "SignatureDoesNotMatch" in result.stderr
    assert bench.table.count() == 0


def test_a_session_token_is_signed_and_one_of_another_session_is_refused(bench, role):
    sts = bench.server.client("sts")
    keys = [sts.assume_role(RoleArn=role, RoleSessionName=f"session-{n}")["Credentials"]
            for n in range(2)]
    bench.put(f"p/{firehose.now():%Y/%m/%d/%H}/sp ace+%41", b'{"id":"0"}')

    def env(key, token):
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"],
                "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
                "AWS_SESSION_TOKEN": token["SessionToken"]}
    refused = bench.firebridge(bench.conf(patience="3s"), "run", "--once",
                               env=env(keys[0], keys[1]))
    assert refused.code > 0 and bench.table.count() == 0, refused
    assert keys[1]["SessionToken"] not in refused.stderr
    bench.firebridge.once(bench.conf(), env=env(keys[0], keys[0]))
    bench.table.expect(ids(1))


def test_a_role_is_assumed_at_its_sts(bench, role):
    bench.put(f"p/{firehose.now():%Y/%m/%d/%H}/sp ace+%41", b'{"id":"0"}')
    conf = bench.conf(stream=f"source.role_arn = {role}").replace(
        "[daemon]", f"endpoint.sts = {bench.server.url}\n[daemon]")
    result = bench.firebridge.once(conf)
    bench.table.expect(ids(1))
    assert "reader" in result.stderr, result


def test_check_and_explain_find_nothing_wrong_with_it(bench):
    key = f"p/{firehose.now():%Y/%m/%d/%H}/od+d %41"
    bench.put(key, b'{"id":"0"}')
    result = bench.firebridge(bench.conf(), "check")
    assert result.code == 0, result
    shown = bench.firebridge(bench.conf(), "explain", f"s3://{bench.bucket}/{key}")
    assert shown.code == 0 and '"id"' in shown.stdout, shown
