# SPDX-License-Identifier: Apache-2.0
"""Real input: 2,140 events of a network monitor, with 16-digit floats, equal in every attribute."""

import os
import pathlib

import pytest

import attributes
import firehose

ROOT = pathlib.Path(__file__).resolve().parents[2]
EVENTS = 2140


@pytest.fixture(scope="module")
def events():
    data = pathlib.Path(os.environ.get("FIREBRIDGE_TESTDATA", ROOT.parent / "shared/testdata"))
    file = data / "events/zeek.ndjson"
    if not file.exists():
        pytest.skip(f"no {file.name} at FIREBRIDGE_TESTDATA or ../shared/testdata")
    return file.read_bytes().splitlines()


@pytest.mark.parametrize("members", [None, 3], ids=["plain", "gzip"])
def test_every_attribute_of_every_event_is_in_the_table(firebridge, make_conf, s3, bucket,
                                                        make_table, events, members):
    assert len(events) == EVENTS
    table = make_table(partition=("@stream", "S"), sort=("ts", "N"))
    quarter = -(-len(events) // 4)
    for n in range(4):
        firehose.put(s3, bucket, "zeek/", firehose.hours_ago(4 - n),
                     events[n * quarter:(n + 1) * quarter], delimiter=b"\n" if n % 2 else b"",
                     members=members, stream="zeek")
    firebridge.once(make_conf(main=(f"s3://{bucket}/zeek/", table)))
    assert firebridge.dead_letters() == []
    table.expect(events)
    distinct = table.by_key(attributes.from_record(event) for event in events)
    assert table.count() == len(distinct) == EVENTS
