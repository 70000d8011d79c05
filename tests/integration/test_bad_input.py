# SPDX-License-Identifier: Apache-2.0
"""Bad input of every kind: a clear message, nothing lost, nothing half-written, bounded memory."""

import gzip
import json
import os
import random
import subprocess
import zlib

import pytest

import fault_proxy
import firehose
from built import IS_SANITIZED

MIB = 1024 * 1024


@pytest.fixture
def job(firebridge, make_conf, s3, bucket, table):
    """put(body) lays one object after the other; once() runs over them."""
    return Job(firebridge, make_conf, s3, bucket, table)


class Job:
    def __init__(self, firebridge, make_conf, s3, bucket, table):
        self.firebridge, self.make_conf, self.table = firebridge, make_conf, table
        self.s3, self.bucket = s3, bucket
        self.begin = firehose.hours_ago(2).replace(minute=0, second=0)
        self.objects = 0

    def put(self, body, name=None):
        name = name or firehose.key("p/", self.begin.replace(second=self.objects), suffix="")
        self.objects += 1
        firehose.put_body(self.s3, self.bucket, name, body)
        return name

    def conf(self, **options):
        table = options.pop("table", self.table)
        return self.make_conf(main=(f"s3://{self.bucket}/p/", table), **options)

    def once(self, *arguments, code=0, env=None, timeout_s=120, **options):
        return self.firebridge.once(self.conf(**options), *arguments, code=code, env=env,
                                    timeout_s=timeout_s)

    def fail(self, *arguments, env=None, **options):
        result = self.firebridge(self.conf(**options), "run", "--once", *arguments, env=env)
        assert result.code > 0, f"it should have failed: {result}"
        return result

    def reasons(self):
        return [json.loads(line) for line in self.firebridge.dead_letters()]


def records(count, start=0):
    return [{"id": f"{n}", "filler": f"{n:x}" * 8} for n in range(start, start + count)]


# --- Damaged objects: what is readable is written, the run ends non-zero ----------------------


def test_truncated_gzip(job):
    whole = firehose.body(records(4000), members=1)
    name = job.put(whole[:len(whole) // 2])
    job.put(firehose.body([{"id": "behind"}]))
    result = job.fail()
    assert name.rpartition("/")[2] in result.stderr
    keys = {item["id"]["S"] for item in job.table.scan()}
    assert "behind" in keys and "0" in keys
    # Nothing half-written: what is there is a run of whole records from the start.
    numbers = sorted(int(k) for k in keys - {"behind"})
    assert numbers == list(range(len(numbers)))
    by_key = job.table.by_key()
    assert all(by_key[(r["id"],)]["filler"] == {"S": r["filler"]} for r in records(len(numbers)))


def test_garbage_after_gzip(job):
    job.put(firehose.body(records(10), members=1) + b"this is not gzip at all")
    job.put(firehose.body([{"id": "behind"}]))
    job.fail()
    job.table.expect(records(10) + [{"id": "behind"}])


def test_a_flipped_bit_in_gzip(job):
    body = bytearray(firehose.body(records(2000), members=1))
    body[-6] ^= 1  # the CRC of the only member
    job.put(bytes(body))
    job.fail()


def test_empty_objects(job):
    job.put(b"")
    job.put(gzip.compress(b""))
    job.put(b"\n\n  \n")
    job.put(firehose.body([{"id": "1"}]))
    job.once()
    job.table.expect([{"id": "1"}])
    assert job.reasons() == []


# --- Bad records: dead letters, and the scan goes on ------------------------------------------


def gigabyte_line():
    """One record of 1 GB, as 2 MB of gzip, and a good one on each side."""
    deflate = zlib.compressobj(6, zlib.DEFLATED, 31)
    # Of one letter alone it would pass for a bomb: deflate makes 1 byte of up to 1032.
    chunk = b"".join(b"x" * 4000 + b"%96x" % n for n in range(256))
    parts = [deflate.compress(b'{"id":"before"}\n{"id":"long","v":"')]
    parts += [deflate.compress(chunk) for _ in range(1024)]
    parts += [deflate.compress(b'"}\n{"id":"after"}\n'), deflate.flush()]
    return b"".join(parts)


@pytest.mark.slow
def test_a_line_of_one_gigabyte(job):
    job.put(gigabyte_line())
    result = job.once()
    job.table.expect([{"id": "before"}, {"id": "after"}])
    assert len(job.reasons()) == 1
    assert IS_SANITIZED or result.peak_rss_bytes < 32 * MIB, f"{result.peak_rss_bytes / MIB:.1f} MiB"


def test_binary_bytes(job):
    job.put(random.Random(1).randbytes(20_000))
    job.put(firehose.body([{"id": "1"}]))
    job.once()
    job.table.expect([{"id": "1"}])
    assert job.reasons()


def test_nul_bytes(job):
    job.put(b'{"id":"a"}\0\0\0{"id":"b"}\n{"id":"c","v":"\0"}\n{"id":"d"}')
    job.once()
    job.table.expect([{"id": "a"}, {"id": "b"}, {"id": "d"}])
    assert len(job.reasons()) == 2


@pytest.mark.parametrize("opening, closing", [(b"[", b"]"), (b'{"a":', b"}")],
                         ids=["lists", "maps"])
def test_100_000_levels_of_nesting(job, opening, closing):
    inner = b"1" if opening != b"[" else b""
    job.put(b'{"id":"deep","v":' + opening * 100_000 + inner + closing * 100_000 +
            b'}\n{"id":"good"}')
    job.once()
    job.table.expect([{"id": "good"}])
    assert len(job.reasons()) == 1


BAD_RECORDS = {
    "not an object": b'"text"', "a bare word": b"nope", "single quotes": b"{'id':'x'}",
    "a trailing comma": b'{"id":"x",}', "a leading zero": b'{"id":"x","n":01}',
    "an open string": b'{"id":"x', "no key attribute": b'{"name":"x"}',
    "an empty key": b'{"id":""}', "a key of another type": b'{"id":1}',
    "a key over 2048 bytes": b'{"id":"' + b"x" * 2049 + b'"}',
    "39 digits": b'{"id":"x","n":123456789012345678901234567890123456789}',
    "an exponent out of range": b'{"id":"x","n":1e126}', "NaN": b'{"id":"x","n":NaN}',
    "a lone surrogate": b'{"id":"x","v":"\\ud800"}', "invalid UTF-8": b'{"id":"x","v":"\xff"}',
    "an empty attribute name": b'{"id":"x","":1}', "33 levels": b'{"id":"x","v":' +
    b"[" * 33 + b"]" * 33 + b"}", "over 400 KB": b'{"id":"x","v":"' + b"v" * 410_000 + b'"}',
}


def test_each_bad_record_is_one_dead_letter_with_a_reason_and_the_next_is_read(job):
    lines = []
    for n, bad in enumerate(BAD_RECORDS.values()):
        lines += [bad, b'{"id":"good%d"}' % n]
    job.put(b"\n".join(lines))
    result = job.once()
    job.table.expect([{"id": f"good{n}"} for n in range(len(BAD_RECORDS))])
    letters = job.reasons()
    assert len(letters) == len(BAD_RECORDS), result
    assert all(letter.get("reason") and letter.get("message") for letter in letters), letters


def test_limits_are_dynamodbs_own_to_the_last(job):
    good = [b'{"id":"a","n":99999999999999999999999999999999999999}', b'{"id":"b","n":1e125}',
            b'{"id":"c","n":-1E-130}', b'{"id":"' + b"x" * 2048 + b'"}', b'{"id":"e","v":""}',
            b'{"id":"f","v":' + b"[" * 31 + b"]" * 31 + b"}",
            b'{"id":"g","v":"' + b"v" * (400 * 1024 - 4) + b'"}', b'{"id":"h","n":1,"n":2}']
    job.put(b"".join(good))
    job.once()
    assert job.reasons() == []
    job.table.expect(good)


# --- A conf that does not fit -----------------------------------------------------------------


def test_a_wrong_key_type_stops_the_stream_before_it_drains_into_dead_letters(job, make_table):
    numbers = make_table(partition=("id", "N"))
    job.put(firehose.body([{"id": f"text{n}"} for n in range(3000)], delimiter=b"\n"))
    result = job.fail(table=numbers)
    assert "dead" in result.stderr
    assert len(job.reasons()) < 3000
    job.once("--accept-dead-letters", table=numbers)
    assert len({letter["id"] if isinstance(letter["id"], str) else json.dumps(letter["id"])
                for letter in job.reasons()}) == 3000
    assert numbers.count() == 0


def test_a_wrong_secret_is_named_and_never_printed(job):
    job.put(firehose.body([{"id": "1"}]))
    secret = "this-secret-is-wrong"
    result = job.fail(env={"AWS_SECRET_ACCESS_KEY": secret}, patience="3s")
    assert "SignatureDoesNotMatch" in result.stderr
    assert secret not in result.stderr + result.stdout
    assert job.table.count() == 0


def test_no_credentials_at_all(job):
    job.put(firehose.body([{"id": "1"}]))
    result = job.fail(env={"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, patience="3s")
    assert "credentials" in result.stderr.lower()


# --- Odd keys ---------------------------------------------------------------------------------

ODD_NAMES = ["sp ace", "plus+plus", "eq=ual", "per%cent", "%41", "qu'ote", 'dq"uote', "new\nline",
             "tab\t", "emoji\U0001f525", "ü", "a//b", "&<>", "../up", "./dot", "q?m#h",
             "back\\slash", "a@b:c;d,e!$*()", "\x7f", "~tilde"]


def test_keys_of_every_odd_character(job):
    for n, name in enumerate(ODD_NAMES):
        job.put(b'{"id":"%d"}' % n, name=f"p/{job.begin:%Y/%m/%d/%H}/{name}")
    result = job.once()
    job.table.expect([{"id": f"{n}"} for n in range(len(ODD_NAMES))])
    # A newline in a key must not break the log's lines.
    assert not any(line.startswith("line") for line in result.stderr.splitlines())


# --- Servers that answer nonsense -------------------------------------------------------------

NONSENSE = [fault_proxy.html_200, fault_proxy.html_502, fault_proxy.cut_before,
            fault_proxy.half_answer, fault_proxy.fail_before, fault_proxy.answer(200),
            fault_proxy.answer(503)]
NAMES = ["html-200", "html-502", "nothing", "half", "500", "empty-200", "503"]


@pytest.mark.parametrize("fault", NONSENSE, ids=NAMES)
def test_dynamodb_answers_nonsense_for_a_while(job, dynamodb_server, fault):
    job.put(firehose.body(records(100)))
    with fault_proxy.FaultProxy(dynamodb_server.url) as proxy:
        # The first two of each operation; then it comes to its senses.
        proxy.rule = lambda call: fault if call.number <= 2 else None
        job.once(dynamodb_url=proxy.url)
    job.table.expect(records(100))
    assert job.reasons() == []


@pytest.mark.parametrize("fault", NONSENSE, ids=NAMES)
def test_s3_answers_nonsense_for_a_while(job, s3_server, fault):
    job.put(firehose.body(records(3000), members=1))
    with fault_proxy.FaultProxy(s3_server.url) as proxy:
        # An object's bytes are whatever a 200 brings; only a listing can tell that it is nonsense.
        nonsense_200 = fault in (NONSENSE[0], NONSENSE[5])
        proxy.rule = lambda call: (fault if call.number <= 2 and
                                   (call.operation == "LIST" or not nonsense_200) else None)
        job.once(s3_url=proxy.url)
    job.table.expect(records(3000))
    assert job.reasons() == []


def test_a_connection_that_breaks_in_an_object_goes_on_by_range(job, s3_server):
    job.put(firehose.body(records(20000), members=2))
    with fault_proxy.FaultProxy(s3_server.url) as proxy:
        proxy.rule = lambda call: (fault_proxy.half_answer
                                   if call.operation == "GET" and call.number <= 4 else None)
        job.once(s3_url=proxy.url)
        ranges = [call.headers.get("Range") for call in proxy.of("GET")]
        matches = [call.headers.get("If-Match") for call in proxy.of("GET")]
    job.table.expect(records(20000))
    assert len(ranges) >= 5 and all(ranges[1:]), ranges
    assert all(matches[1:]), matches


def test_a_server_that_never_comes_to_its_senses_ends_once_non_zero(job, dynamodb_server):
    job.put(firehose.body([{"id": "1"}]))
    with fault_proxy.FaultProxy(dynamodb_server.url) as proxy:
        proxy.rule = lambda call: (fault_proxy.html_502 if call.operation == "BatchWriteItem"
                                   else None)
        job.fail(dynamodb_url=proxy.url, patience="3s")
    job.once()
    job.table.expect([{"id": "1"}])


# --- A full disk ------------------------------------------------------------------------------


def test_a_full_disk_under_the_state_file(job):
    if "mount" not in os.environ.get("FIREBRIDGE_NAMESPACE", ""):
        pytest.skip("no mount namespace here to fill a disk in")
    state = job.firebridge.state
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", state], check=True)
    try:
        job.put(firehose.body(records(10)))
        job.once()
        filler = state / "filler"
        with open(filler, "wb", buffering=0) as file:
            with pytest.raises(OSError):
                while True:
                    file.write(b"x" * 4096)
        for n in range(20):
            job.put(firehose.body(records(50, start=100 + 50 * n)))
        result = job.fail(patience="3s")
        assert any(word in result.stderr.lower() for word in ("full", "space")), result
        filler.unlink()
        job.once()
        job.table.expect(records(10) + records(1000, start=100))
    finally:
        subprocess.run(["umount", "-l", state], check=False)
