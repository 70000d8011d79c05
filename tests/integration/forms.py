# SPDX-License-Identifier: Apache-2.0
"""
Objects in every record form, made by Python and boto3, each with what must come out of it; and the
tool that reads them. What a record must become is worked out here, never by firebridge.
"""

import base64
import csv
import dataclasses
import decimal
import io
import json
import pathlib
import random
import re
import subprocess

import boto3.dynamodb.types

import attributes
from built import BUILD

TOOL = BUILD / "tests" / "bench" / "object_tool"
PIECES = (1, 2, 3, 7, 4096)

WORDS = ("", "a", "Zoë", "x y", "\u2028", "😀", "{}", "}{", "[", "]", "{\"id\":\"n\"}", "\\", "\"",
         "a,b", "'", "0", "null", "http://x/?a=b&c", "\x7f")
SERIALIZER = boto3.dynamodb.types.TypeSerializer()


def run(data, *options, folder):
    """The tool's standard output for an object of these bytes, but for the memory it took."""
    path = pathlib.Path(folder, "object")
    path.write_bytes(data)
    done = subprocess.run([TOOL, *options, path], capture_output=True, check=False)
    assert done.returncode == 0, (done.returncode, done.stdout[-400:], done.stderr[-400:])
    return re.sub(rb',"peak_kib":\d+', b"", done.stdout)


def read(data, *options, folder):
    """The records, and what the object turned out to be."""
    *records, end = [json.loads(line, parse_float=str) for line in
                     run(data, *options, folder=folder).splitlines()]
    return records, end


def comparable(value):
    """A typed attribute value with its numbers as values: 1, 1.0 and 10e-1 are one."""
    (kind, inside), = value.items()
    if kind == "N":
        return {kind: attributes.number(inside)}
    if kind == "NS":
        return {kind: sorted(attributes.number(one) for one in inside)}
    if kind in ("SS", "BS"):
        return {kind: sorted(inside)}
    if kind == "L":
        return {kind: [comparable(one) for one in inside]}
    if kind == "M":
        return {kind: comparable_item(inside)}
    return value


def comparable_item(item):
    return {name: comparable(value) for name, value in item.items()}


def outcome(record):
    """What became of a record, to be compared: ("put", item), ("delete", key) or the reason."""
    if record["reason"] != "none":
        return record["reason"]
    return record["operation"], comparable_item(record["item"])


def put(record):
    return "put", attributes.from_record(record)


@dataclasses.dataclass
class Record:
    """The bytes of one record, and what they become, one behind the other."""

    text: bytes
    becomes: list


@dataclasses.dataclass
class Form:
    """How records of a form are made, and how they are read."""

    name: str
    make: object  # (rng, number) -> Record
    options: tuple = ()
    is_text: bool = False

    def read_with(self):
        return ("--key", "id", "--format", self.name, *self.options)

    def records(self, rng, count):
        return [self.make(rng, number) for number in range(count)]


def plain_value(rng, depth=0):
    kind = rng.randrange(7 if depth < 3 else 5)
    if kind == 0:
        return rng.choice((None, True, False))
    if kind in (1, 2):
        return rng.choice(WORDS)
    if kind == 3:
        return rng.randrange(-10**12, 10**12)
    if kind == 4:
        return rng.choice(("id", "v", "message")) * rng.randrange(3)
    if kind == 5:
        return [plain_value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {name: plain_value(rng, depth + 1) for name in rng.sample(("id", "v", "w", "{"), 2)}


def plain_record(rng, number):
    record = {"id": f"r{number}", "v": plain_value(rng), "w": plain_value(rng)}
    return {name: record[name] for name in rng.sample(list(record), 3)}


def dump(rng, value):
    text = json.dumps(value, ensure_ascii=rng.random() < .5,
                      separators=rng.choice(((",", ":"), (", ", ": "))))
    return text.encode()


def make_json(rng, number):
    record = plain_record(rng, number)
    return Record(dump(rng, record), [put(record)])


def make_logs(rng, number):
    envelope = {"owner": "123456789012", "logGroup": "g/ä", "logStream": f"s{number}",
                "subscriptionFilters": ["f"]}
    events = [{"id": f"{number}-{k}", "timestamp": 1432826855000 + k, "message": rng.choice(WORDS)}
              for k in range(rng.randrange(1, 4))]
    message = {"messageType": "DATA_MESSAGE", **envelope, "logEvents": events}
    if rng.random() < .5:
        message = dict(reversed(message.items()))
    return Record(dump(rng, message), [put({**envelope, **event}) for event in events])


def typed_item(rng, number):
    record = json.loads(json.dumps(plain_record(rng, number)), parse_float=decimal.Decimal)
    extra = {"s": {"x", "y"}, "n": {decimal.Decimal("1.5"), 2},
             "b": boto3.dynamodb.types.Binary(rng.randbytes(rng.randrange(5)))}
    for name in rng.sample(list(extra), rng.randrange(4)):
        record[name] = extra[name]
    return {name: SERIALIZER.serialize(value) for name, value in record.items()}


def typed_json(value):
    """DynamoDB's JSON, as it is on the wire and in an export: binaries in base64."""
    if isinstance(value, boto3.dynamodb.types.Binary):
        value = value.value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(value)


def dump_typed(rng, value):
    return dump(rng, json.loads(json.dumps(value, default=typed_json)))


def as_put(item):
    return "put", comparable_item(json.loads(json.dumps(item, default=typed_json)))


def make_typed(rng, number):
    item = typed_item(rng, number)
    return Record(dump_typed(rng, {"Item": item}), [as_put(item)])


def make_change(rng, number):
    name = rng.choice(("INSERT", "MODIFY", "REMOVE"))
    item = typed_item(rng, number)
    keys = {"id": item["id"]}
    change = {"ApproximateCreationDateTime": 1640991600 + number, "Keys": keys}
    if name != "REMOVE":
        change["NewImage"] = item
    if name != "INSERT":
        change["OldImage"] = typed_item(rng, number)
    change["SizeBytes"] = 7
    record = {"awsRegion": "us-east-1", "eventID": f"e{number}", "eventName": name,
              "userIdentity": None, "recordFormat": "application/json", "tableName": "t",
              "dynamodb": change, "eventSource": "aws:dynamodb"}
    return Record(dump_typed(rng, record), [("delete", keys) if name == "REMOVE" else as_put(item)])


def make_error(rng, number):
    """Fields of "Handle failure in data transformation", Data Firehose developer guide."""
    sent = plain_record(rng, number)
    raw = base64.b64encode(dump(rng, sent)).decode()
    spelled = rng.choice((str, str.lower, str.upper))
    error = {"attemptsMade": 4, "arrivalTimestamp": 1700000000000 + number,
             "errorCode": "Lambda.FunctionError", "errorMessage": rng.choice(WORDS),
             "attemptEndingTimestamp": 1700000000001, "rawData": raw, "lambdaArn": "arn:aws:lambda"}
    return Record(dump(rng, {spelled(name): value for name, value in error.items()}), [put(sent)])


def csv_row(rng, fields):
    out = io.StringIO()
    csv.writer(out, quoting=rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
               lineterminator="\r\n").writerow(fields)
    return out.getvalue().removesuffix("\r\n").encode()


def make_csv(rng, number):
    row = [f"r{number}", rng.choice(WORDS), rng.choice((*WORDS, "\n", "a\r\nb", ",,", "\"\"\n"))]
    return Record(csv_row(rng, row), [put(dict(zip(("id", "v", "w"), row)))])


def make_tsv(rng, number):
    row = [f"r{number}", rng.choice(WORDS), rng.choice(WORDS)]
    return Record("\t".join(row).encode(), [put(dict(zip(("id", "v", "w"), row)))])


def make_line(rng, number):
    word = rng.choice(WORDS)
    line = f"id=r{number} {word}"
    return Record(line.encode(), [put({"message": line, "id": f"r{number}", "rest": word})])


COLUMNS = ("--columns", "id,v,w")
FORMS = [
    Form("json", make_json),
    Form("cloudwatch-logs", make_logs),
    Form("dynamodb-json", make_typed),
    Form("dynamodb-stream", make_change),
    Form("firehose-errors", make_error),
    Form("csv", make_csv, COLUMNS, is_text=True),
    Form("tsv", make_tsv, COLUMNS, is_text=True),
    Form("lines", make_line, ("--pattern", "^id=(r[0-9]+) (.*)$", "--fields", "id,rest"),
         is_text=True),
]
JSON_FORMS = [form for form in FORMS if not form.is_text]
NAMES = [form.name for form in FORMS]


@dataclasses.dataclass
class Layout:
    """How the records of an object stand in it."""

    separator: bytes
    head: bytes = b""
    tail: bytes = b""
    indent: int = None  # of records over many lines, and of elements

    def spread(self, record):
        """The record's text as it stands in such an object."""
        if self.indent is None:
            return record
        text = json.dumps(json.loads(record.text), indent=self.indent)
        return Record(text.replace("\n", "\n" + " " * self.indent * bool(self.head)).encode(),
                      record.becomes)


LINES = Layout(b"\n")
LAYOUTS = {
    "lines": LINES,
    "crlf": Layout(b"\r\n"),
    "concatenated": Layout(b""),
    "spread": Layout(b"\n", indent=2),
    "array": Layout(b",", b"[", b"]"),
    "array of lines": Layout(b",\n", b"[\n", b"\n]\n"),
    "spread array": Layout(b",\n  ", b"[\n  ", b"\n]\n", indent=2),
}


def join(records, layout=LINES):
    """The object, with a separator behind its last record where no tail is."""
    texts = [record.text for record in records]
    return layout.head + layout.separator.join(texts) + (layout.tail or layout.separator)


def expected(records):
    return [one for record in records for one in record.becomes]


def spans(records, layout=LINES):
    """Where each record stands in the joined object."""
    at = len(layout.head)
    found = []
    for record in records:
        found.append((at, at + len(record.text)))
        at += len(record.text) + len(layout.separator)
    return found


def seeded(*what):
    return random.Random("/".join(map(str, what)))
