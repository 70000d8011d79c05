# SPDX-License-Identifier: Apache-2.0
"""
Objects that cannot be read to their end: what is before the damage is written, the rest is one dead
letter, and the stream goes on or stands still, as the conf says.
"""

import contextlib
import gzip
import json
import random
import sqlite3

import pytest

import attributes
import compressors
import firehose
from test_bad_input import job  # noqa: F401 (a fixture)

MIB = 1024 * 1024
DAMAGED = 5  # in the state file
COUNT = 270  # of 10 KB each: three of bzip2's blocks
SURE = COUNT // 4  # records that are before the middle in any compression


def records(count=COUNT):
    """Hexadecimal noise, so that the middle of the compressed is about the middle."""
    rng = random.Random(7)
    return [{"id": f"{n}", "noise": rng.randbytes(5000).hex()} for n in range(count)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The records in every compression that there is a tool for, by its name."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "plain").write_bytes(firehose.body(records(), delimiter=b"\n"))
    objects = {}
    for name in compressors.MAKERS:
        with contextlib.suppress(compressors.Missing):
            compressors.make(name, folder / "plain", folder / "compressed")
            objects[name] = (folder / "compressed").read_bytes()
    assert "gzip" in objects and "zstd" in objects
    return objects


def cut_off(body, _):
    return body[:len(body) // 2]


def lengths_of_chunks(body, at, header):
    """Where each chunk's compressed length stands, in a form that is chunks with lengths."""
    while at + header <= len(body):
        at += header - 4
        yield at
        at += 4 + int.from_bytes(body[at:at + 4], "big")


# These two have no checksum, so only a byte that says how the rest is to be read can tell.
WITHOUT_CHECKSUM = {"snappy": (16, 4), "hadoop-snappy": (0, 8)}


def flipped(body, name):
    middle = len(body) // 2
    if name in WITHOUT_CHECKSUM:
        middle = next(at for at in lengths_of_chunks(body, *WITHOUT_CHECKSUM[name]) if at > middle)
    return body[:middle] + bytes([body[middle] ^ 0xff]) + body[middle + 1:]


def states(firebridge):
    """The state of each object by its key and ETag."""
    with contextlib.closing(sqlite3.connect(firebridge.state / "firebridge.db")) as database:
        return {(key, etag): state for key, etag, state in
                database.execute("SELECT key, etag, state FROM object")}


def letters(firebridge, stream="main"):
    return [json.loads(line) for line in firebridge.dead_letters(stream)]


def etag(s3, bucket, name):
    return s3.head_object(Bucket=bucket, Key=name)["ETag"].strip('"')


def stream_name(compression):
    return compression.replace(", ", "-in-")


class Streams:
    """One stream for each compression: a damaged object, and one that is whole behind it."""

    def __init__(self, firebridge, make_conf, s3, bucket, make_table, whole):
        self.firebridge, self.s3, self.bucket = firebridge, s3, bucket
        self.when = firehose.hours_ago(2).replace(minute=0, second=0)
        self.tables = {name: make_table() for name in whole}
        self.objects = {name: firehose.key(self.prefix(name), self.when, suffix="")
                        for name in whole}
        self.conf = make_conf(**{
            stream_name(name): (f"s3://{bucket}/{self.prefix(name)}", table)
            for name, table in self.tables.items()}).replace("= debug", "= info")

    @staticmethod
    def prefix(name):
        return stream_name(name) + "/"

    def put(self, name, body):
        firehose.put_body(self.s3, self.bucket, self.objects[name], body)

    def put_behind(self, name):
        firehose.put(self.s3, self.bucket, self.prefix(name), self.when.replace(second=1),
                     [{"id": "behind"}])

    def expect_what_is_before(self, name, count):
        """The first records as they are, and what came behind the damaged object."""
        found = self.tables[name].by_key()
        assert ("behind",) in found, name
        for record in records(count):
            assert found[(record["id"],)] == attributes.from_record(record), name
        return found

    def expect_one_letter(self, name):
        damage = [letter for letter in letters(self.firebridge, stream_name(name))
                  if letter["reason"] == "damaged-object"]
        assert len(damage) == 1, (name, damage)
        assert damage[0]["id"]["key"] == self.objects[name] and damage[0]["message"], damage
        return damage[0]


@pytest.fixture
def streams(firebridge, make_conf, s3, bucket, make_table, whole):
    return Streams(firebridge, make_conf, s3, bucket, make_table, whole)


@pytest.mark.parametrize("damage", [cut_off, flipped])
def test_every_compression_gives_what_is_before_the_damage_and_then_one_dead_letter(
        damage, streams, whole):
    for name, body in whole.items():
        streams.put(name, damage(body, name))
        streams.put_behind(name)
    result = streams.firebridge(streams.conf, "run", "--once")
    assert result.code > 0, result
    for name in whole:
        letter = streams.expect_one_letter(name)
        count = letter["id"]["record"]
        assert SURE <= count <= COUNT, name
        if damage is cut_off:
            assert len(streams.expect_what_is_before(name, count)) == count + 1, name
        else:
            # The checksum may stand far behind the byte that it tells of.
            streams.expect_what_is_before(name, SURE)
        assert streams.objects[name] in result.stderr
        print(name, letter["message"])
    etags = {name: etag(streams.s3, streams.bucket, key) for name, key in streams.objects.items()}
    kept = states(streams.firebridge)
    assert {key for (key, _), state in kept.items() if state == DAMAGED} == \
        set(streams.objects.values())
    assert all(kept[key, etags[name]] == DAMAGED for name, key in streams.objects.items())

    again = streams.firebridge.once(streams.conf)
    assert "begins" not in again.stderr
    for name in whole:
        streams.expect_one_letter(name)
        streams.put(name, whole[name])

    streams.firebridge.once(streams.conf)
    for name in whole:
        streams.tables[name].expect(records() + [{"id": "behind"}])
        streams.expect_one_letter(name)


def blanks_behind(body):
    """80 MiB of newlines, which gzip makes a thousandth of."""
    return body + b"\n" * (80 * MIB)


# What makes each limit trip: the value in the conf, the object, and how many records come before.
LIMITS = {
    "max_layers": ("1", lambda body: gzip.compress(gzip.compress(body, 1)), range(1)),
    "max_inflated_size": ("1MiB", lambda body: gzip.compress(body, 1), range(90, COUNT)),
    "max_expansion": ("10", lambda body: gzip.compress(blanks_behind(body), 6),
                      range(COUNT, COUNT + 1)),
}


@pytest.mark.parametrize("key", LIMITS)
def test_a_limit_that_trips_says_which_key_to_raise(key, job):  # noqa: F811
    value, compress, before = LIMITS[key]
    body = compress(firehose.body(records(), delimiter=b"\n"))
    name = job.put(body)
    job.put(firehose.body([{"id": "behind"}]))
    result = job.fail(stream=f"{key} = {value}")
    letter, = letters(job.firebridge)
    assert letter["reason"] == "damaged-object" and letter["id"]["key"] == name
    assert f"{key} = " in letter["message"] and "raise it" in letter["message"], letter
    assert letter["message"] in result.stderr
    assert letter["id"]["record"] in before
    job.table.expect(records(letter["id"]["record"]) + [{"id": "behind"}])

    # With the limit raised, what it kept out is delivered again.
    job.put(body)
    job.once()
    job.table.expect(records() + [{"id": "behind"}])


def test_what_is_said_to_be_gzip_and_is_not_is_damaged(job):  # noqa: F811
    name = job.put(firehose.body(records(3)))
    job.put(firehose.body([{"id": "behind"}], members=1))
    result = job.fail(stream="compression = gzip")
    letter, = letters(job.firebridge)
    assert letter["id"]["key"] == name and letter["message"].startswith("gzip:"), letter
    assert name in result.stderr
    job.table.expect([{"id": "behind"}])


STOP = "on_damaged_object = stop"


@pytest.fixture
def stopped(job):  # noqa: F811
    """A stream that stands at a damaged object: (job, the object's key)."""
    body = firehose.body(records(), members=1)
    name = job.put(body[:len(body) // 2])
    job.put(firehose.body([{"id": "behind"}]))
    result = job.fail(stream=STOP)
    for word in (name, "cut off", "on_damaged_object", "Replace or delete"):
        assert word in result.stderr, (word, result)
    expect_a_stop_at(job, name)
    return job, name


def expect_a_stop_at(job, name):  # noqa: F811
    """What is before the damage is written, nothing behind it, and the object is unfinished."""
    count = job.table.count()
    assert SURE <= count < COUNT
    job.table.expect(records(count))
    assert letters(job.firebridge) == []
    kept = {key: state for (key, _), state in states(job.firebridge).items()}
    assert kept[name] in (1, 2) and kept.pop(name) is not None
    assert set(kept.values()) == {0}


def test_a_stopped_stream_stands_until_the_object_is_replaced(stopped):
    job, name = stopped  # noqa: F811
    result = job.fail(stream=STOP)
    assert name in result.stderr
    expect_a_stop_at(job, name)
    job.put(firehose.body(records(), members=1), name)
    job.once(stream=STOP)
    job.table.expect(records() + [{"id": "behind"}])
    assert letters(job.firebridge) == []


def test_a_stopped_stream_goes_on_when_the_object_is_deleted(stopped):
    job, name = stopped  # noqa: F811
    job.s3.delete_object(Bucket=job.bucket, Key=name)
    assert name in job.fail(stream=STOP).stderr
    assert ("behind",) in job.table.by_key()
    job.once(stream=STOP)


def test_a_stopped_stream_goes_on_with_a_dead_letter_when_the_conf_says_so(stopped):
    job, name = stopped  # noqa: F811
    job.fail()
    letter, = letters(job.firebridge)
    assert letter["id"]["key"] == name and letter["reason"] == "damaged-object"
    assert ("behind",) in job.table.by_key()


def test_a_stream_that_a_limit_stopped_reads_the_same_object_on_when_it_is_raised(job):  # noqa: F811
    job.put(firehose.body(records(), members=1))
    result = job.fail(stream=f"{STOP}\nmax_inflated_size = 1MiB")
    assert "max_inflated_size = 1048576" in result.stderr
    assert 90 <= job.table.count() < COUNT
    job.once(stream=STOP)
    job.table.expect(records())


def test_a_stopped_stream_does_not_stop_the_others(firebridge, make_conf, s3, bucket, make_table):
    tables = make_table(), make_table()
    body = firehose.body(records(3), members=1)
    name = firehose.key("bad/", firehose.now())
    firehose.put_body(s3, bucket, name, body[:-1])
    daemon = firebridge.start(make_conf(bad=(f"s3://{bucket}/bad/", tables[0], STOP),
                                        good=(f"s3://{bucket}/good/", tables[1])), "run")
    daemon.wait_until(lambda: "stream bad: it stops: " in daemon.log)
    firehose.put(s3, bucket, "good/", firehose.now(), records(2))
    daemon.wait_until(lambda: tables[1].count() == 2)
    tables[0].expect(records(3))
    daemon.terminate()
    assert daemon.wait(35).code == 0
