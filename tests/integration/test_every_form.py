# SPDX-License-Identifier: Apache-2.0
"""Every record form, made by somebody else's tool or as AWS documents it, and read by somebody else."""

import base64
import csv
import gzip
import io
import json
import os
import pathlib
import re

import pytest

import attributes
import forms
from built import ROOT

TESTDATA = pathlib.Path(os.environ.get("FIREBRIDGE_TESTDATA",
                                       ROOT.parent / "shared" / "testdata"))
RECORDS = 150
JSON_LAYOUTS = list(forms.LAYOUTS)
TEXT_LAYOUTS = ["lines", "crlf"]
FORM_LAYOUTS = [(form, name) for form in forms.FORMS
                for name in (TEXT_LAYOUTS if form.is_text else JSON_LAYOUTS)]
FORM_LAYOUT_NAMES = [f"{form.name}-{name}" for form, name in FORM_LAYOUTS]


def outcomes(data, *options, folder):
    """What became of each record, and the last line; the same in pieces of any size."""
    *whole, last = forms.run(data, *options, folder=folder).splitlines()
    end = json.loads(last)
    for piece in forms.PIECES:
        *split, last = forms.run(data, *options, "--piece", str(piece),
                                 folder=folder).splitlines()
        assert split == whole
        assert what_was_read(json.loads(last)) == what_was_read(end)
    assert end["end"] == "whole", end
    return [forms.outcome(json.loads(record)) for record in whole], end


def what_was_read(end):
    """Of the tool's last line, all but what reading it took."""
    return {name: end[name] for name in ("compression", "format", "passed_over", "end", "message")}


@pytest.mark.parametrize("form,name", FORM_LAYOUTS, ids=FORM_LAYOUT_NAMES)
def test_records_come_out_as_python_made_them(form, name, tmp_path):
    layout = forms.LAYOUTS[name]
    records = [layout.spread(record) for record in
               form.records(forms.seeded("every", form.name, name), RECORDS)]
    found, end = outcomes(forms.join(records, layout), *form.read_with(), folder=tmp_path)
    assert found == forms.expected(records)
    assert end["format"] == form.name and end["passed_over"] == 0


@pytest.mark.parametrize("form", forms.JSON_FORMS, ids=[form.name for form in forms.JSON_FORMS])
def test_auto_finds_the_form(form, tmp_path):
    records = form.records(forms.seeded("auto", form.name), 20)
    found, end = outcomes(forms.join(records), "--key", "id", folder=tmp_path)
    assert found == forms.expected(records)
    assert end["format"] == form.name


# ---- truncation ----


def cuts_without_report(data, *options, folder):
    """Where the tool cut without a report; it fails by itself on a wrong record."""
    said = forms.run(data, *options, "--truncations", folder=folder).decode()
    assert said.endswith(" cuts, 0 with a wrong record\n")
    return [int(cut) for cut in re.findall(r"^cut at (\d+): no report", said, re.MULTILINE)]


@pytest.mark.parametrize("name", JSON_LAYOUTS)
@pytest.mark.parametrize("form", forms.JSON_FORMS, ids=[form.name for form in forms.JSON_FORMS])
def test_json_that_is_cut_anywhere_gives_no_wrong_record_and_a_report(form, name, tmp_path):
    layout = forms.LAYOUTS[name]
    records = [layout.spread(record) for record in
               form.records(forms.seeded("cut", form.name, name), 6)]
    data = forms.join(records, layout)
    cuts = cuts_without_report(data, *form.read_with(), folder=tmp_path)
    # Only between two records nothing is missing from the last one.
    ends = [last for _, last in forms.spans(records, layout)]
    begins = [first for first, _ in forms.spans(records, layout)][1:]
    for cut in cuts:
        assert not layout.head
        assert any(end <= cut <= begin for end, begin in zip(ends, begins)), (cut, data[:cut])


@pytest.mark.parametrize("form", forms.FORMS, ids=forms.NAMES)
def test_a_compressed_object_that_is_cut_anywhere_is_reported(form, tmp_path):
    records = form.records(forms.seeded("gzip", form.name), 12)
    data = gzip.compress(forms.join(records), mtime=0)
    assert not cuts_without_report(data, *form.read_with(), folder=tmp_path)


@pytest.mark.parametrize("form", [form for form in forms.FORMS if form.is_text],
                         ids=[form.name for form in forms.FORMS if form.is_text])
def test_of_text_a_cut_can_only_change_the_last_record(form, tmp_path):
    records = form.records(forms.seeded("text", form.name), 8)
    data = forms.join(records)
    whole = forms.expected(records)
    for cut in range(len(data)):
        found, _ = forms.read(data[:cut], *form.read_with(), folder=tmp_path)
        told = [forms.outcome(record) for record in found]
        assert told[:-1] == whole[:max(0, len(told) - 1)]


# ---- JSON ----


def test_arrays_are_what_python_reads(tmp_path):
    for number in range(100):
        rng = forms.seeded("arrays", number)
        arrays = [[forms.plain_record(rng, k) if rng.random() < .8 else forms.plain_value(rng)
                   for k in range(rng.randrange(6))] for _ in range(rng.randrange(1, 4))]
        data = b"\n".join(forms.dump(rng, array) for array in arrays)
        found, _ = forms.read(data, "--format", "json", folder=tmp_path)
        wanted = [forms.put(one) if isinstance(one, dict) else "not-an-object"
                  for array in arrays for one in array]
        assert [forms.outcome(record) for record in found] == wanted
        assert [json.loads(data[one["offset"]:one["offset"] + one["size"]]) for one in found] == \
            [one for array in arrays for one in array]


def test_an_array_of_records_in_which_poison_stands(tmp_path):
    records = forms.FORMS[0].records(forms.seeded("poisoned array"), 10)
    elements = [record.text for record in records]
    for poison in (b"x", b"{\"id\":1 2}", b"{\"id\":", b"\"open", b"\xff\xfe", b"\0", b"{"):
        data = b"[\n" + b",\n".join([*elements[:5], poison, *elements[5:]]) + b"\n]\n" + \
            b"{\"id\":\"behind\"}\n"
        found, _ = outcomes(data, *forms.FORMS[0].read_with(), folder=tmp_path)
        good = [one for one in found if not isinstance(one, str)]
        assert good == forms.expected(records) + [forms.put({"id": "behind"})], poison
        assert len(found) > len(good)


def test_a_bracket_that_opens_in_an_array_takes_what_closes_it(tmp_path):
    """What follows it is sound JSON up to the outer array's own bracket."""
    data = b"[{\"id\":\"a\"},\n[1,2,\n{\"id\":\"n\"}]\n{\"id\":\"b\"}\n"
    found, _ = outcomes(data, *forms.FORMS[0].read_with(), folder=tmp_path)
    assert found == [forms.put({"id": "a"}), "not-an-object", forms.put({"id": "b"}),
                     "malformed-json"]


# ---- CSV and TSV ----


def random_table(rng):
    """A table as Python's csv module writes it, now and then with a row too short or too long."""
    width = rng.randrange(1, 5)
    letters = "ab,;\"'\t é😀\\\n\r{}"
    field = lambda: "".join(rng.choice(letters) for _ in range(rng.randrange(5)))
    head = [f"c{k}" if rng.random() < .8 else f"{field()}{k}" for k in range(width)]
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=rng.choice((csv.QUOTE_MINIMAL, csv.QUOTE_ALL)),
                        lineterminator="\r\n")
    writer.writerow(head)
    for _ in range(rng.randrange(6)):
        count = width if rng.random() < .8 else rng.randrange(1, 6)
        writer.writerow([field() for _ in range(count)])
    text = out.getvalue()
    if rng.random() < .3:
        text = text.removesuffix("\r\n")
    return text.encode()


def python_reads(data):
    """What Python's csv module finds: for each row an item, or "malformed-row"."""
    rows = [row for row in csv.reader(io.StringIO(data.decode(), newline="")) if row]
    head = rows[0]
    for row in rows[1:]:
        if row != head:
            yield forms.put(dict(zip(head, row))) if len(row) == len(head) else "malformed-row"


def test_thousands_of_tables_are_what_pythons_csv_reads(tmp_path):
    rows = 0
    for number in range(2000):
        data = random_table(forms.seeded("tables", number))
        found, _ = forms.read(data, "--format", "csv", folder=tmp_path)
        wanted = list(python_reads(data))
        assert [forms.outcome(record) for record in found] == wanted, data
        rows += len(wanted)
    assert rows > 4000


def test_rows_end_with_a_newline_alone_too(tmp_path):
    for number in range(200):
        rng = forms.seeded("newlines", number)
        table = [[rng.choice(("a", "b\nc", "\"", ",", "é")) for _ in range(3)] for _ in range(4)]
        out = io.StringIO(newline="")
        csv.writer(out, lineterminator="\n").writerows([["x", "y", "z"], *table])
        found, _ = forms.read(out.getvalue().encode(), "--format", "csv", folder=tmp_path)
        assert [forms.outcome(one) for one in found] == \
            [forms.put(dict(zip("xyz", row))) for row in table]


def test_numbers_of_a_table_keep_every_digit(tmp_path):
    rows = ["1.10", "-0.5e10", "12345678901234567890123456789012345678", "0", "1E-130"]
    data = "id,n\n" + "".join(f"r,{number}\n" for number in rows)
    found, _ = forms.read(data.encode(), "--format", "csv", "--numbers", "n", folder=tmp_path)
    assert [one["item"]["n"] for one in found] == [{"N": number} for number in rows]


# ---- lines ----

COMBINED = r'^([^ ]+) ([^ ]+) ([^ ]+) \[([^]]+)\] "([^"]*)" ([0-9]+) ([0-9]+|-) "([^"]*)" "([^"]*)"$'
COMBINED_FIELDS = ["host", "ident", "user", "time", "request", "status", "bytes", "referer", "agent"]


def test_access_logs_are_what_pythons_re_finds(tmp_path):
    """Lines in Apache's combined format, and some that are none."""
    rng = forms.seeded("apache")
    lines = []
    for number in range(500):
        line = (f"192.0.2.{number % 256} - {rng.choice(('-', 'zoë'))} "
                f"[23/Nov/2026:10:00:{number % 60:02} +0000] \"GET /{rng.choice(forms.WORDS[:4])} "
                f"HTTP/1.1\" {rng.choice((200, 404))} {rng.choice((17, '-'))} "
                f"\"{rng.choice(('-', 'https://example.org/?q=ä'))}\" \"agent/{number}\"")
        lines.append(line if rng.random() < .9 else line[:rng.randrange(1, len(line))])
    options = ("--format", "lines", "--pattern", COMBINED, "--fields", ",".join(COMBINED_FIELDS))
    found, _ = outcomes("\n".join(lines).encode(), *options, folder=tmp_path)
    wanted = []
    for line in lines:
        match = re.match(COMBINED, line)
        wanted.append(forms.put({"message": line, **dict(zip(COMBINED_FIELDS, match.groups()))})
                      if match else "no-match")
    assert found == wanted
    assert 0 < wanted.count("no-match") < 100


def test_real_events_are_lines(tmp_path):
    path = TESTDATA / "events" / "zeek.ndjson"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    data = path.read_bytes()
    found, _ = forms.read(data, "--format", "lines", folder=tmp_path)
    assert [one["item"]["message"]["S"] for one in found] == data.decode().split("\n")[:-1]


# ---- CloudWatch Logs ----

# As the "CloudWatch Logs user guide" shows what a subscription delivers; its messages lack a brace.
EVENTS = [{"id": f"3195310660696698337880902507980421114328961542429822156{number}",
           "timestamp": 1432826855000 + number,
           "message": "{\"eventVersion\":\"1.03\",\"userIdentity\":{\"type\":\"Root\"}"}
          for number in range(3)]
ENVELOPE = {"owner": "111111111111", "logGroup": "CloudTrail/logs",
            "logStream": "111111111111_CloudTrail/logs_us-east-1",
            "subscriptionFilters": ["Destination"]}
CONTROL = {"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "",
           "logStream": "", "subscriptionFilters": [],
           "logEvents": [{"id": "", "timestamp": 1432826855000,
                          "message": "CWL CONTROL MESSAGE: Checking health of destination."}]}


def subscription(events):
    return json.dumps({**ENVELOPE, "messageType": "DATA_MESSAGE", "logEvents": events}).encode()


@pytest.mark.parametrize("options", ((), ("--unwrap",), ("--format", "cloudwatch-logs")))
@pytest.mark.parametrize("outer", (bytes, gzip.compress), ids=("members", "members inside gzip"))
def test_what_a_subscription_delivers(outer, options, tmp_path):
    members = [gzip.compress(text) for text in
               (json.dumps(CONTROL).encode(), subscription(EVENTS[:2]), subscription(EVENTS[2:]))]
    found, end = outcomes(outer(b"".join(members)), "--key", "id", *options, folder=tmp_path)
    assert found == [forms.put({**ENVELOPE, **event}) for event in EVENTS]
    assert end["format"] == "cloudwatch-logs" and end["passed_over"] == 1


def test_a_message_that_is_json_is_unwrapped(tmp_path):
    for number in range(100):
        rng = forms.seeded("unwrap", number)
        inside = forms.plain_record(rng, number)
        event = {"id": "e", "timestamp": 1, "message": forms.dump(rng, inside).decode()}
        data = subscription([event])
        found, _ = forms.read(data, "--unwrap", folder=tmp_path)
        wanted = {**ENVELOPE, **event, **inside}
        if "message" not in inside:
            del wanted["message"]
        assert [forms.outcome(one) for one in found] == [forms.put(wanted)]


# ---- firehose-errors ----


def test_what_a_failed_conversion_leaves(tmp_path):
    """Fields of "Handling errors for data format conversion", Data Firehose developer guide."""
    sent = [{"id": f"r{number}", "price": number / 4} for number in range(3)]
    lines = []
    for record, spelled in zip(sent, (str, str.lower, str.upper)):
        raw = base64.b64encode(json.dumps(record).encode()).decode()
        error = {"attemptsMade": 1, "arrivalTimestamp": 1700000000000, "lastErrorCode": "X.Parse",
                 "lastErrorMessage": "no", "attemptEndingTimestamp": 1700000000001, "rawData": raw,
                 "sequenceNumber": "49546986683135544286507457936321625675700192471156785154",
                 "subSequenceNumber": None,
                 "dataCatalogTable": {"catalogId": None, "databaseName": "d", "tableName": "t"}}
        lines.append(json.dumps({spelled(name): value for name, value in error.items()}))
    found, end = outcomes("\n".join(lines).encode(), "--key", "id", folder=tmp_path)
    assert end["format"] == "firehose-errors"
    assert found == [("put", attributes.from_record(json.dumps(record))) for record in sent]


def test_any_bytes_in_raw_data_give_records_or_a_report(tmp_path):
    for number in range(300):
        rng = forms.seeded("raw", number)
        good = [forms.plain_record(rng, k) for k in range(rng.randrange(3))]
        raw = b"".join(forms.dump(rng, record) for record in good)
        junk = rng.choice((b"", b"\0", b"x", rng.randbytes(5), b"{\"id\":", b"[]"))
        error = {"rawData": base64.b64encode(raw + junk).decode(), "errorCode": "x"}
        found, end = forms.read(json.dumps(error).encode(), "--format", "firehose-errors",
                                folder=tmp_path)
        told = [forms.outcome(one) for one in found]
        assert told[:len(good)] == [forms.put(record) for record in good]
        # Nothing at all is not passed over: what failed there was a record.
        assert len(told) == max(1, len(good) + bool(junk.strip(b" \t\r\n")))
        assert end["passed_over"] == 0


# ---- DynamoDB ----


def test_changes_as_kinesis_data_streams_for_dynamodb_delivers_them(tmp_path):
    """The developer guide's table of music, as a table's changes come through Kinesis."""
    keys = {"Artist": {"S": "No One You Know"}, "SongTitle": {"S": "Call Me Today"}}
    first = {**keys, "Awards": {"N": "1"}}
    second = {**keys, "Awards": {"N": "2"}, "Tags": {"SS": ["a", "b"]}}
    changes = [("INSERT", {"NewImage": first}), ("MODIFY", {"NewImage": second, "OldImage": first}),
               ("REMOVE", {"OldImage": second})]
    lines = [json.dumps({
        "awsRegion": "us-west-2", "eventID": "2f4e3bf5-dc6e-44f5-b2a7-3d4a1b3e7c0d",
        "eventName": name, "userIdentity": None, "recordFormat": "application/json",
        "tableName": "Music", "dynamodb": {
            "ApproximateCreationDateTime": 1640276115000, "Keys": keys, **images,
            "SizeBytes": 119}, "eventSource": "aws:dynamodb"}) for name, images in changes]
    found, end = outcomes("".join(lines).encode(), "--key", "Artist,SongTitle", folder=tmp_path)
    assert end["format"] == "dynamodb-stream"
    assert found == [("put", forms.comparable_item(first)), ("put", forms.comparable_item(second)),
                     ("delete", keys)]


def test_a_change_of_a_key_alone_cannot_be_put(tmp_path):
    change = {"eventName": "MODIFY", "dynamodb": {"Keys": {"id": {"S": "a"}}}}
    found, _ = outcomes(json.dumps(change).encode(), "--key", "id", "--format", "dynamodb-stream",
                        folder=tmp_path)
    assert found == ["wrong-form"]


# ---- delimiters ----


@pytest.mark.parametrize("delimiter", ("|", "\x1e", "--", "\n--\n", "\n\n", "\u2028", "0123456789abcdef"))
@pytest.mark.parametrize("form", forms.FORMS, ids=forms.NAMES)
def test_another_delimiter_separates_the_records_of_every_form(form, delimiter, tmp_path):
    rng = forms.seeded("delimiter", form.name, delimiter)
    records = form.records(rng, 60)
    if form.is_text:
        # What it ends must not hold it, but inside quotes.
        records = [one for one in records if delimiter.encode() not in one.text or
                   (form.name == "csv" and one.text.count(b'"') == 6)]
    layout = forms.Layout(delimiter.encode())
    found, _ = outcomes(forms.join(records, layout), *form.read_with(), "--delimiter", delimiter,
                        folder=tmp_path)
    assert found == forms.expected(records)
    assert len(found) > 20
