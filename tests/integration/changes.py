# SPDX-License-Identifier: Apache-2.0
"""
A table that changes at random, and its change records: DynamoDB's own, from its stream, in the
dress that Kinesis Data Streams for DynamoDB gives them ("Record format", Amazon DynamoDB developer
guide, "Using Kinesis Data Streams to capture changes to DynamoDB").
"""

import base64
import decimal
import random

import attributes
import servers

KEY_SCHEMA = [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}]
KEY_TYPES = [{"AttributeName": "id", "AttributeType": "S"},
             {"AttributeName": "n", "AttributeType": "N"}]
LETTERS = ("a", "ü", "\U0001f525", "\\", "\"", "{", "}", "\n", "\x01", "\x00", "/", " ")


def text(dice, least=0):
    return "".join(dice.choices(LETTERS, k=dice.randrange(least, 12)))


def binary(dice, least=0):
    return dice.randbytes(dice.randrange(least, 40))


def number(dice):
    digits = dice.randrange(1, 10 ** dice.randrange(1, 39))
    return str(decimal.Decimal(dice.choice((1, -1)) * digits).scaleb(dice.randrange(-60, 60)))


def distinct(dice, make):
    """A set's elements: numbers are one whatever their spelling, and here each is spelled alike."""
    return list({make(dice) for _ in range(dice.randrange(1, 6))})


def value(dice, depth=0):
    """Any attribute value that DynamoDB has."""
    kind = dice.choice(("S", "N", "B", "BOOL", "NULL", "SS", "NS", "BS", "M", "L")[:8 + 2 * (depth < 3)])
    return {kind: {
        "S": lambda: text(dice), "N": lambda: number(dice), "B": lambda: binary(dice),
        "BOOL": lambda: dice.random() < 0.5, "NULL": lambda: True,
        "SS": lambda: distinct(dice, lambda d: text(d, 1)), "NS": lambda: distinct(dice, number),
        "BS": lambda: distinct(dice, lambda d: binary(d, 1)),
        "M": lambda: {text(dice, 1): value(dice, depth + 1) for _ in range(dice.randrange(4))},
        "L": lambda: [value(dice, depth + 1) for _ in range(dice.randrange(4))],
    }[kind]()}


def kinds_in(item):
    """The types of all values, at any depth."""
    for typed in item.values():
        (kind, content), = typed.items()
        yield kind
        if kind == "M":
            yield from kinds_in(content)
        if kind == "L":
            yield from kinds_in(dict(enumerate(content)))


def key(dice, keys):
    chosen = dice.randrange(keys)
    return {"id": {"S": f"k\"{chosen // 3}"}, "n": {"N": ("-1.5", "0", "12345678901234567890")[chosen % 3]}}


def change(dynamodb, table, dice, keys):
    """One write, as an application would do it."""
    chosen, what = key(dice, keys), dice.random()
    if what < 0.3:
        dynamodb.delete_item(TableName=table, Key=chosen)
    elif what < 0.6:
        dynamodb.update_item(TableName=table, Key=chosen, UpdateExpression="SET a = :v REMOVE b",
                             ExpressionAttributeValues={":v": value(dice)})
    else:
        item = {name: value(dice) for name in dice.sample("abcdefgh", dice.randrange(6))}
        dynamodb.put_item(TableName=table, Item={**item, **chosen})


class History:
    """What happened to a table, and what it holds in the end."""

    def __init__(self, dynamodb, streams, table, changes, keys, seed):
        dynamodb.create_table(
            TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=KEY_SCHEMA,
            AttributeDefinitions=KEY_TYPES, StreamSpecification={
                "StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        dice = random.Random(seed)
        for _ in range(changes):
            change(dynamodb, table, dice, keys)
        arn = dynamodb.describe_table(TableName=table)["Table"]["LatestStreamArn"]
        self.records = [as_kinesis_does(record, table) for record in read_stream(streams, arn)]
        pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
        self.items = [attributes.from_dynamodb(item) for page in pages for item in page["Items"]]

    def named(self, name):
        return [record for record in self.records if record["eventName"] == name]


def read_stream(streams, arn):
    """All records from the stream's begin; a young one has a single shard."""
    shard, = streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    iterator = streams.get_shard_iterator(StreamArn=arn, ShardId=shard["ShardId"],
                                          ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    while True:
        page = streams.get_records(ShardIterator=iterator)
        if not page["Records"]:
            return
        yield from page["Records"]
        iterator = page["NextShardIterator"]


def as_json(part):
    """What boto3 made bytes is base64 again."""
    if isinstance(part, bytes):
        return base64.b64encode(part).decode()
    if isinstance(part, list):
        return [as_json(element) for element in part]
    if isinstance(part, dict):
        return {name: as_json(content) for name, content in part.items()}
    return part


def as_kinesis_does(record, table):
    """A record of DynamoDB Streams as Kinesis Data Streams has it."""
    inner = record["dynamodb"]
    images = {name: as_json(inner[name]) for name in ("Keys", "NewImage", "OldImage")
              if name in inner}
    created = int(inner["ApproximateCreationDateTime"].timestamp() * 1000)
    return {"awsRegion": servers.REGION, "eventID": record["eventID"],
            "eventName": record["eventName"], "userIdentity": None,
            "recordFormat": "application/json", "tableName": table,
            "dynamodb": {"ApproximateCreationDateTime": created, **images,
                         "SizeBytes": inner["SizeBytes"]},
            "eventSource": "aws:dynamodb"}


def streams_client(server):
    return servers.client("dynamodbstreams", server.url, server.key, server.secret)
