# SPDX-License-Identifier: Apache-2.0
"""Puts objects into a bucket exactly as Amazon Data Firehose would: its keys, its bodies."""

import datetime
import gzip
import json
import uuid

UTC = datetime.timezone.utc


def now():
    return datetime.datetime.now(UTC)


def hours_ago(hours):
    return now() - datetime.timedelta(hours=hours)


def key(prefix, when, stream="ticker", version=1, suffix=".gz", ident=None):
    """<prefix>YYYY/MM/dd/HH/<stream>-<version>-YYYY-MM-DD-HH-MM-SS-<uuid><suffix>; no slash added."""
    return (f"{prefix}{when:%Y/%m/%d/%H}/{stream}-{version}-{when:%Y-%m-%d-%H-%M-%S}-"
            f"{ident or uuid.uuid4()}{suffix}")


def encode(record):
    """A record as a producer sends it: compact JSON. Bytes go as they are."""
    if isinstance(record, bytes):
        return record
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode()


def body(records, delimiter=b"", members=None):
    """
    The records one behind the other: Firehose adds no delimiter unless asked to. `members` makes
    it gzip, of that many members.
    """
    parts = [encode(record) + delimiter for record in records]
    if not members:
        return b"".join(parts)
    size = -(-len(parts) // members) or 1
    return b"".join(gzip.compress(b"".join(parts[i:i + size]), 6)
                    for i in range(0, max(len(parts), 1), size))


def put(s3, bucket, prefix, when, records, delimiter=b"", members=1, **naming):
    """Puts one object and returns its key; plain text with members=None."""
    naming.setdefault("suffix", ".gz" if members else "")
    name = key(prefix, when, **naming)
    put_body(s3, bucket, name, body(records, delimiter, members))
    return name


def put_body(s3, bucket, name, content):
    s3.put_object(Bucket=bucket, Key=name, Body=content)
