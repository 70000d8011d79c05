# SPDX-License-Identifier: Apache-2.0
"""Objects of each form of records, one stream each, through one run of the daemon into tables."""

import base64
import gzip
import json

import pytest

import attributes
import firehose


def lines(records):
    return firehose.body(records, delimiter=b"\n")


def log_message(kind, events):
    return {"messageType": kind, "owner": "123456789012", "logGroup": "/app", "logStream": "web-1",
            "subscriptionFilters": ["all"], "logEvents": events}


def log_event(ident, message):
    return {"id": ident, "timestamp": 1795341600000, "message": message}


def log_item(ident, **own):
    return {"owner": "123456789012", "logGroup": "/app", "logStream": "web-1",
            "subscriptionFilters": ["all"], "id": ident, "timestamp": 1795341600000, **own}


# As CloudWatch sends it: a gzip member for each message, a control message in between.
LOGS = b"".join(gzip.compress(json.dumps(message).encode()) for message in (
    log_message("CONTROL_MESSAGE", [log_event("", "CWL CONTROL MESSAGE: checking health")]),
    log_message("DATA_MESSAGE", [log_event("e1", "plain text, as it is"),
                                 log_event("e2", '{"level":"warn","took":1.50,"owner":"me"}')]),
    log_message("DATA_MESSAGE", [log_event("e3", "{not JSON")]),
))


def error(raw):
    return {"attemptsMade": 4, "arrivalTimestamp": 1795341600000, "errorCode": "Lambda.JsonTooLong",
            "errorMessage": "The response is too long.", "attemptEndingTimestamp": 1795341660000,
            "rawData": base64.b64encode(raw).decode(), "lambdaArn": "arn:aws:lambda:x:1:function:f"}


def change(name, image):
    return {"eventName": name, "eventSource": "aws:dynamodb", "tableName": "orders",
            "dynamodb": {"Keys": {"id": image["id"]}, "NewImage": image, "SizeBytes": 9}}


ORDER = {"id": {"S": "o1"}, "total": {"N": "99.90"}, "sizes": {"NS": ["38", "40"]},
         "photo": {"B": base64.b64encode(b"\x89PNG\x00").decode()},
         "to": {"M": {"street": {"S": "Ring 1"}, "lines": {"L": [{"NULL": True}]}}}}
LATER_ORDER = {"id": {"S": "o2"}, "total": {"N": "5"}}
STORED_ORDER = {**ORDER, "photo": {"B": b"\x89PNG\x00"}}

ACCESS_LOG = (b'10.0.0.1 - - [22/Nov/2026:10:00:01 +0000] "GET /cart HTTP/1.1" 200 5316\r\n'
              b'10.0.0.2 - - [22/Nov/2026:10:00:02 +0000] "POST /a;b HTTP/1.1" 302 0\n')
ACCESS_PATTERN = r'^([^ ]+) [^ ]+ [^ ]+ \[([^]]+)\] "([A-Z]+) ([^ "]+)( HTTP/[0-9.]+)?" ([0-9]+) '


def access_item(line, ident, at, method, path, status):
    return {"message": line.decode(), "id": ident, "at": at, "method": method, "path": path,
            "status": status}


# What stands in the stream's section, the object, and the items: records, or typed ones.
FORMS = {
    "json": ("", b'{"id":"1","n":1.50}{"id":"2"}\n\n {"id":"3","v":[{}]}',
             [b'{"id":"1","n":1.50}', {"id": "2"}, {"id": "3", "v": [{}]}]),
    "json-array": ("", b' [ {"id":"1"},\n{"id":"2","v":[null]} ]\n[{"id":"3"}]',
                   [{"id": "1"}, {"id": "2", "v": [None]}, {"id": "3"}]),
    "json-by-delimiter": (r"delimiter = \x1e|", b'{"id":"1"}\x1e|{"id":"2"}\n\x1e|{"id":"3"}\x1e|',
                          [{"id": "1"}, {"id": "2"}, {"id": "3"}]),
    "csv": ("format = csv\ntypes = price: number, stock : number, name: string",
            b'id,name,price,stock\r\np1,"Chair, ""oak""",49.90,\r\n"p2","two\nlines",1e2,7\r\n',
            [b'{"id":"p1","name":"Chair, \\"oak\\"","price":49.90}',
             {"id": "p2", "name": "two\nlines", "price": 100, "stock": 7}]),
    "csv-by-semicolons": ("format = csv\nfield_separator = semicolon\ncolumns = id, name, n",
                          b"p1;a,b;1\np2;;02\n",
                          [{"id": "p1", "name": "a,b", "n": "1"},
                           {"id": "p2", "name": "", "n": "02"}]),
    "tsv": ("format = tsv\ntypes = n: number", b'id\tname\tn\nt1\tsaid "so"\t1\nt2\tb\t-2.5',
            [{"id": "t1", "name": 'said "so"', "n": 1}, b'{"id":"t2","name":"b","n":-2.5}']),
    "lines": (f"format = lines\npattern = {ACCESS_PATTERN}\n"
              "fields = id, at, method, path, -, status\ntypes = status: number", ACCESS_LOG,
              [access_item(ACCESS_LOG.split(b"\r\n")[0], "10.0.0.1", "22/Nov/2026:10:00:01 +0000",
                           "GET", "/cart", 200),
               access_item(ACCESS_LOG.split(b"\n")[1], "10.0.0.2", "22/Nov/2026:10:00:02 +0000",
                           "POST", "/a;b", 302)]),
    "delimiter": (r"format = lines" "\n" r"delimiter = \x1e\n" "\n"
                  "pattern = ^([a-z]+)\nfields = id",
                  b"a one\nline\x1e\nb two\x1e\nc last",
                  [{"id": "a", "message": "a one\nline"}, {"id": "b", "message": "b two"},
                   {"id": "c", "message": "c last"}]),
    "cloudwatch-logs": ("format = cloudwatch-logs", LOGS,
                        [log_item("e1", message="plain text, as it is"),
                         log_item("e2", message='{"level":"warn","took":1.50,"owner":"me"}'),
                         log_item("e3", message="{not JSON")]),
    "cloudwatch-logs-unwrapped": ("unwrap = message", LOGS,
                                  [log_item("e1", message="plain text, as it is"),
                                   json.dumps({**log_item("e2", level="warn", took=1.5),
                                               "owner": "me"}),
                                   log_item("e3", message="{not JSON")]),
    "firehose-errors": ("format = firehose-errors",
                        lines([error(b'{"id":"1","n":1.0}'), error(b'{"id":"2"}\n{"id":"3"}')]),
                        [b'{"id":"1","n":1.0}', {"id": "2"}, {"id": "3"}]),
    "dynamodb-json": ("format = dynamodb-json", lines([{"Item": ORDER}, LATER_ORDER]),
                      {"typed": [STORED_ORDER, LATER_ORDER]}),
    "dynamodb-stream": ("format = dynamodb-stream",
                        lines([change("INSERT", {"id": {"S": "o1"}}), change("MODIFY", ORDER),
                               change("INSERT", LATER_ORDER)]),
                        {"typed": [STORED_ORDER, LATER_ORDER]}),
}


class Run:
    def __init__(self, firebridge, make_conf, s3, bucket, tables):
        for name, (_, body, _) in FORMS.items():
            firehose.put_body(s3, bucket, firehose.key(f"{name}/", firehose.now(), suffix=""), body)
        self.tables = tables
        self.result = firebridge.once(make_conf(**{
            name: (f"s3://{bucket}/{name}/", tables[name], own)
            for name, (own, _, _) in FORMS.items()}))
        self.letters = {name: firebridge.dead_letters(name) for name in FORMS}


@pytest.fixture
def run(firebridge, make_conf, s3, bucket, make_table):
    return Run(firebridge, make_conf, s3, bucket, {name: make_table() for name in FORMS})


def test_every_form_of_records_becomes_items_of_its_table(run):
    for name, (_, _, items) in FORMS.items():
        assert run.letters[name] == [], name
        if isinstance(items, dict):
            expected = [attributes.from_dynamodb(item) for item in items["typed"]]
            assert sorted(run.tables[name].scan(), key=repr) == sorted(expected, key=repr), name
        else:
            run.tables[name].expect(items)


def summary(run, name):
    line, = [line for line in run.result.stderr.splitlines()
             if f" stream {name}: " in line and " items written in " in line]
    return line


def test_what_is_none_of_the_users_records_is_counted_in_the_summary(run):
    for name in ("csv", "tsv", "cloudwatch-logs", "cloudwatch-logs-unwrapped"):
        assert ", 1 passed over (heads, control messages)" in summary(run, name)
    for name in ("json", "csv-by-semicolons", "lines"):
        assert "passed over" not in summary(run, name)
