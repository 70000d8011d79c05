# SPDX-License-Identifier: Apache-2.0
"""Counters: records that add, and what their sums must come to."""

import collections
import decimal
import json
import time

import fault_proxy

# The lines of a stream that counts.
COUNT = """write = add
item.id = product#{product}
item.last = {at}
add.views = 1
add.revenue = {price}"""

EXACT = decimal.Context(prec=200, traps=[decimal.Inexact])


def view(dice, products, number):
    """A record as JSON's own bytes, so that a price keeps its digits."""
    product = dice.choice((min(int(dice.paretovariate(1)), products), dice.randint(1, products)))
    price = f"{dice.choice(('', '-'))}{dice.randrange(1000)}.{dice.randrange(100):02d}"
    return b'{"product":%d,"price":%s,"at":"t%d","user":"u%d"}' % (
        product, price.encode(), number, dice.randrange(50))


def make_objects(dice, objects, records_each, products=300):
    """Objects that share hot keys."""
    return [[view(dice, products, number * records_each + i) for i in range(records_each)]
            for number in range(objects)]


def sums_of(records):
    """{"product#1": (views, revenue)}"""
    sums = collections.defaultdict(lambda: (0, decimal.Decimal(0)))
    for record in records:
        read = json.loads(record, parse_float=decimal.Decimal)
        key = f"product#{read['product']}"
        views, revenue = sums[key]
        sums[key] = views + 1, EXACT.add(revenue, decimal.Decimal(read["price"]))
    return dict(sums)


def is_marker(item):
    return "firebridge" in item


def sums_in(table, views="views", revenue="revenue"):
    return {item["id"]["S"]: (int(decimal.Decimal(item[views]["N"])),
                              decimal.Decimal(item[revenue]["N"]))
            for item in scan(table) if not is_marker(item)}


def scan(table):
    pages = table.dynamodb.get_paginator("scan").paginate(TableName=table.name, ConsistentRead=True)
    return [item for page in pages for item in page["Items"]]


def markers_in(table):
    return [item for item in scan(table) if is_marker(item)]


def expect_sums(table, records):
    expected, found = sums_of(records), sums_in(table)
    wrong = {key: (found.get(key), expected.get(key))
             for key in set(expected) | set(found) if expected.get(key) != found.get(key)}
    assert not wrong, f"{len(wrong)} of {len(expected)} sums differ: {sorted(wrong.items())[:5]}"


# --- Faults: each is what a call of TransactWriteItems meets ----------------------------------------


def canceled(*codes):
    """The whole transaction is canceled, and the reasons say why."""
    def reply(exchange):
        count = len(json.loads(exchange.call.body)["TransactItems"])
        reasons = [{"Code": codes[i] if i < len(codes) else "None"} for i in range(count)]
        body = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "CancellationReasons": reasons,
                "Message": "Transaction cancelled, please refer cancellation reasons"}
        fault_proxy.answer(400, json.dumps(body).encode())(exchange)
    return reply


def late(exchange):
    """The write happens after the client has gone away."""
    time.sleep(1.5)
    exchange.forward()
    exchange.cut()


FAULTS = {
    "throttling of the whole call": fault_proxy.throttle,
    "throttling of one item": canceled("None", "ThrottlingError"),
    "500 before the write": fault_proxy.fail_before,
    "500 after the write": fault_proxy.fail_after,
    "time-out after the write": late,
    "TransactionConflict": canceled("None", "TransactionConflict"),
    "TransactionInProgress": fault_proxy.dynamodb_error(400, "TransactionInProgressException"),
    "connection reset before": fault_proxy.cut_before,
    "connection reset after": fault_proxy.cut_after,
    "half an answer": fault_proxy.half_answer,
    "wrong crc32": fault_proxy.wrong_crc32,
    "an answer that is none": fault_proxy.html_200,
    "ExpiredTokenException": fault_proxy.dynamodb_error(400, "ExpiredTokenException"),
    "AccessDeniedException": fault_proxy.dynamodb_error(400, "AccessDeniedException"),
}
