# SPDX-License-Identifier: Apache-2.0
"""What DynamoDB must hold for a JSON record, worked out by Python: the tests' oracle."""

import decimal
import json

# Enough for any number that DynamoDB holds; nothing is ever rounded.
CONTEXT = decimal.Context(prec=80, traps=[decimal.Inexact])


def number(text):
    """A number's value without its spelling: 1, 1.0 and 10e-1 are one."""
    return decimal.Decimal(text).normalize(CONTEXT)


def parse(text):
    return json.loads(text, parse_float=number, parse_int=number)


def from_python(value):
    """A parsed JSON value as a DynamoDB attribute value, numbers as Decimal."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, (int, decimal.Decimal)):
        return {"N": number(value)}
    if isinstance(value, list):
        return {"L": [from_python(element) for element in value]}
    if isinstance(value, dict):
        return {"M": {name: from_python(element) for name, element in value.items()}}
    raise TypeError(f"{type(value)} is no JSON (floats: write them as text)")


def from_record(record):
    """The item that a record must become."""
    text = record if isinstance(record, (bytes, str)) else json.dumps(record)
    return from_python(parse(text))["M"]


def from_dynamodb(item):
    """An item as boto3's client returns it, numbers as Decimal, sets in order."""
    return {name: _canonical(value) for name, value in item.items()}


def _canonical(value):
    (kind, content), = value.items()
    if kind == "N":
        return {"N": number(content)}
    if kind in ("SS", "BS"):
        return {kind: sorted(content)}
    if kind == "NS":
        return {"NS": sorted(map(number, content))}
    if kind == "L":
        return {"L": [_canonical(element) for element in content]}
    if kind == "M":
        return {"M": from_dynamodb(content)}
    return value
