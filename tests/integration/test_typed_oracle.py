# SPDX-License-Identifier: Apache-2.0
"""Typed items against DynamoDB itself: what firebridge passes on is accepted, byte for byte."""

import http.client
import json
import urllib.parse

import pytest

import forms

# What DynamoDB Local takes besides: spellings of a number that no export or stream holds, half a
# character, and what its JSON library bends into a string.
MORE_THAN_WE_TAKE = {'{"N":"+1"}', '{"N":".5"}', '{"N":"5."}', '{"N":"007"}', '{"N":"-.5"}',
                     '{"N":"00"}', '{"N":"+1e+05"}', '{"S":"\\ud800"}', '"a"', '{"S":1}',
                     '{"SS":[1]}', '{"L":["a"]}', '{"S":"a","S":"b"}'}
VALUES = [
    '{"S":""}', '{"S":"\\u0000"}', '{"S":"é😀"}', '{"S":1}', '{"S":null}', '{"S":"a","N":"1"}',
    '{"S":"\\ud83d\\ude00"}', '{"S":"\\ud800"}', '"a"', '1', 'null', '[]', '{}', '{"X":"a"}',
    '{"s":"a"}', '{"N":""}', '{"N":"0"}', '{"N":"-0"}', '{"N":"0e999"}', '{"N":"-1.50E+3"}',
    '{"N":"1e3"}', '{"N":"+1"}', '{"N":".5"}', '{"N":"5."}', '{"N":"-.5"}', '{"N":"007"}',
    '{"N":"00"}', '{"N":"+1e+05"}', '{"N":" 1"}', '{"N":"1 "}', '{"N":"1,5"}', '{"N":"0x10"}',
    '{"N":"NaN"}', '{"N":"Infinity"}', '{"N":"1e"}', '{"N":"--1"}', '{"N":"1E-130"}',
    '{"N":"1E-131"}', '{"N":"9.9999999999999999999999999999999999999E+125"}', '{"N":"1E126"}',
    '{"N":"12345678901234567890123456789012345678"}',
    '{"N":"123456789012345678901234567890123456789"}', '{"N":"1000000000000000000000000000000000000000"}',
    '{"B":""}', '{"B":"AA=="}', '{"B":"AAA="}', '{"B":"\\/\\/\\/\\/"}', '{"B":"+/+/"}',
    '{"BOOL":true}', '{"BOOL":false}', '{"BOOL":null}', '{"NULL":true}', '{"NULL":false}',
    '{"NULL":null}', '{"M":{}}', '{"M":[]}', '{"M":{"x":{"S":"a"}}}', '{"M":{"x":1}}',
    '{"M":{"":{"S":"a"}}}', '{"M":{"x":{}}}', '{"L":[]}', '{"L":{}}', '{"L":[{"S":"a"},{"N":"1"}]}',
    '{"L":["a"]}', '{"L":[{"L":[{"M":{"x":{"L":[]}}}]}]}', '{"SS":[]}', '{"SS":["a"]}',
    '{"SS":["a",""]}', '{"SS":[1]}', '{"SS":"a"}', '{"NS":["1","2.5"]}', '{"NS":["x"]}',
    '{"NS":[]}', '{"NS":["1E999"]}', '{"BS":["AA=="]}', '{"BS":["AA==",""]}', '{"BS":[]}',
    '{"S":"a","S":"b"}', '{"L":[],"S":"b"}', '{"M":{"x":{"S":"a"}},"S":"b"}',
    ' { "S" : "a" } ', '{"\\u0053":"a"}',
]


class Table:
    """A table of DynamoDB Local, spoken to without a client that would mend what it sends."""

    def __init__(self, server):
        self.address = urllib.parse.urlsplit(server.url)
        self.call("CreateTable", json.dumps({
            "TableName": "typed", "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}]}))

    def call(self, action, body):
        connection = http.client.HTTPConnection(self.address.hostname, self.address.port)
        connection.request("POST", "/", body.encode("utf-8", "surrogatepass"), {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": f"DynamoDB_20120810.{action}",
            "Authorization": "AWS4-HMAC-SHA256 Credential=typed/20260101/us-east-1/dynamodb/"
                             "aws4_request, SignedHeaders=host, Signature=0"})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, text

    def takes(self, item):
        """Whether a batch with this item is accepted."""
        body = '{"RequestItems":{"typed":[{"PutRequest":{"Item":' + item + '}}]}}'
        status, _ = self.call("BatchWriteItem", body)
        return status == 200

    def get(self, key):
        _, text = self.call("GetItem", json.dumps({"TableName": "typed", "Key": {"id": {"S": key}}}))
        return forms.comparable_item(json.loads(text)["Item"])


@pytest.fixture(scope="module")
def table(dynamodb_server):
    made = Table(dynamodb_server)
    yield made
    made.call("DeleteTable", '{"TableName":"typed"}')


def read(item, folder):
    (record,), _ = forms.read(item.encode(), "--key", "id", "--format", "dynamodb-json",
                              folder=folder)
    return forms.outcome(record)


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_taken_when_dynamodb_takes_it(table, value, tmp_path):
    item = '{"id":{"S":"k"},"v":' + value + '}'
    ours, theirs = read(item, tmp_path), table.takes(item)
    if isinstance(ours, tuple):
        assert theirs
        assert table.get("k") == ours[1]
    else:
        assert theirs == (value in MORE_THAN_WE_TAKE), ours


def test_random_typed_items_are_stored_as_they_are(table, tmp_path):
    for number in range(150):
        rng = forms.seeded("typed", number)
        item = forms.dump_typed(rng, forms.typed_item(rng, number)).decode()
        ours = read(item, tmp_path)
        assert isinstance(ours, tuple), ours
        assert table.takes(item)
        assert table.get(f"r{number}") == ours[1]
