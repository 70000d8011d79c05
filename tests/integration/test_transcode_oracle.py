# SPDX-License-Identifier: Apache-2.0
"""The transcoder against Python's json: what comes out equals what went in, digit by digit.

Documents are made from fixed seeds. Python parses each with parse_float=str and parse_int=str, so
numbers are compared as their text; repeated names follow the same rule in both, the last one wins.
"""

import json
import random
import subprocess

import pytest

from built import BUILD

TOOL = BUILD / "tests" / "bench" / "transcode_tool"
DOCUMENTS_PER_SEED = 250


class Number(str):
    """A number as its text, which is no string."""


def parse(text):
    return json.loads(text, parse_float=Number, parse_int=Number)


def value_of(attribute):
    """DynamoDB's form of a value, taken apart."""
    assert len(attribute) == 1
    ((kind, content),) = attribute.items()
    if kind == "S":
        return content
    if kind == "N":
        assert type(content) is str
        return Number(content)
    if kind == "BOOL":
        assert content in (True, False)
        return content
    if kind == "NULL":
        assert content is True
        return None
    if kind == "L":
        return [value_of(element) for element in content]
    assert kind == "M"
    return {name: value_of(element) for name, element in content.items()}


def same(a, b):
    """Equal in type too: the number 1 is not the string "1"."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[name], b[name]) for name in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def counted_number(text):
    mantissa, _, exponent = text.lower().lstrip("-").partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return 1
    last = int(exponent or 0) - len(fraction) + len(digits) - len(digits.rstrip("0"))
    first = int(exponent or 0) - len(fraction) + len(digits) - 1
    return first // 2 - last // 2 + 2 + text.startswith("-")


def counted(value):
    if isinstance(value, Number):
        return counted_number(value)
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, dict):
        return 3 + sum(1 + len(n.encode()) + counted(v) for n, v in value.items())
    if isinstance(value, list):
        return 3 + sum(1 + counted(v) for v in value)
    return 1


def make_number(rng):
    digits = rng.randint(1, 38)
    text = str(rng.randrange(10**digits))
    if rng.random() < 0.4:
        fraction = rng.randint(1, 38)
        text = text[: max(1, 38 - fraction)] + "." + "".join(rng.choices("0123456789", k=fraction))
        significant = text.replace(".", "").strip("0")
        if len(significant) > 38:
            text = "0.5000"
    if rng.random() < 0.3:
        text += rng.choice("eE") + rng.choice(["", "+", "-", "-0"]) + str(rng.randint(0, 80))
    return ("-" if rng.random() < 0.3 else "") + text


ODD = ['"', "\\", "/", "\b", "\f", "\n", "\r", "\t", "\0", "\x1f", "\x7f", "é", "ß", "€", "漢",
       "\ud7ff", "\ue000", "\uffff", "😀", "\U0010ffff", "\u2028"]


def make_character(rng):
    c = rng.choice(ODD) if rng.random() < 0.25 else chr(rng.randint(0x20, 0x7E))
    short = {'"': '\\"', "\\": "\\\\", "/": "\\/", "\b": "\\b", "\f": "\\f", "\n": "\\n",
             "\r": "\\r", "\t": "\\t"}
    if c in short and (c in '"\\' or c < " " or rng.random() < 0.5):
        return short[c]
    if c < " " or rng.random() < 0.1:
        units = c.encode("utf-16-be")
        return "".join(
            "\\u" + rng.choice([str.lower, str.upper])(units[i : i + 2].hex())
            for i in range(0, len(units), 2)
        )
    return c


def make_string(rng, least=0):
    size = rng.choice([0, 1, 3, 8, 15, 16, 17, 31, 32, 33, 64, 200])
    return '"' + "".join(make_character(rng) for _ in range(max(least, size))) + '"'


def blank(rng):
    return rng.choice(["", "", "", "", " ", "\n", "\t", "\r\n", "  "])


def make_members(rng, depth):
    names = ['"a"', '"\\u0061"', '"b"', '"é"', '"\\u00e9"', '"id"', '"\\ud83d\\ude00"', '"😀"']
    members = []
    for _ in range(rng.choice([0, 1, 2, 5, 20, 90] if depth < 2 else [0, 1, 2])):
        name = rng.choice(names) if rng.random() < 0.2 else make_string(rng, 1)
        members.append((name, make_value(rng, depth + 1)))
    return members


def join(rng, members):
    return "{" + ",".join(
        blank(rng) + name + blank(rng) + ":" + blank(rng) + value + blank(rng)
        for name, value in members
    ) + blank(rng) + "}"


def make_deep(rng, depth):
    levels = rng.randint(1, 31 - depth)
    text = rng.choice(["1", '"x"', "null"]) if levels < 31 - depth else "[]"
    if text == "[]":
        levels -= 1
    for _ in range(levels):
        text = "[" + text + "]" if rng.random() < 0.5 else '{"k":' + text + "}"
    return text


def make_value(rng, depth):
    kind = rng.random()
    if kind < 0.35:
        return make_string(rng)
    if kind < 0.65:
        return make_number(rng)
    if kind < 0.8:
        return rng.choice(["true", "false", "null"])
    if depth >= 6:
        return rng.choice(["[]", "{}"])
    if kind < 0.84:
        return make_deep(rng, depth)
    if kind < 0.92:
        size = rng.choice([0, 1, 2, 6])
        elements = (make_value(rng, depth + 1) for _ in range(size))
        return "[" + ",".join(blank(rng) + e + blank(rng) for e in elements) + "]"
    return join(rng, make_members(rng, depth))


def make_document(rng, number):
    members = [m for m in make_members(rng, 0) if parse(m[0]) != "id"]
    place = rng.randint(0, len(members))
    members.insert(place, ('"id"', f'"{number}"'))
    if rng.random() < 0.1:
        members.insert(rng.randint(0, place), ('"\\u0069d"', "false"))
    return join(rng, members)


def transcode(data, *arguments):
    done = subprocess.run(
        [TOOL, "id:S", *arguments], input=data, stdout=subprocess.PIPE, check=True, timeout=120
    )
    return [parse(line) for line in done.stdout.decode().split("\n")[:-1]]


@pytest.fixture(autouse=True)
def tool():
    if not TOOL.exists():
        pytest.skip(f"{TOOL} is not built")


@pytest.mark.parametrize("seed", range(8))
def test_items_equal_what_python_reads(seed):
    rng = random.Random(seed)
    texts = [make_document(rng, n) for n in range(DOCUMENTS_PER_SEED)]
    data = "".join(text + rng.choice(["", "\n", "\r\n\n"]) for text in texts).encode()
    records = transcode(data, "--piece", str(rng.choice([17, 1000, 65536])))
    assert len(records) == len(texts)
    for text, record in zip(texts, records):
        assert record["reason"] == "none", (record, text)
        item = {name: value_of(value) for name, value in record["item"].items()}
        expected = parse(text)
        assert same(item, expected), text
        assert int(record["counted"]) == counted(expected) - 3 - len(expected), text
        offset, size = int(record["offset"]), int(record["size"])
        assert data[offset : offset + size] == text.encode()


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_document_is_refused_when_python_refuses_it(seed):
    rng = random.Random(1000 + seed)
    judged = {True: 0, False: 0}
    for number in range(100):
        text = make_document(rng, number)
        at = rng.randrange(1, len(text))
        text = text[:at] + rng.choice(["", "}", '"', ",", "0", "\\", "x"]) + text[at + 1 :]
        try:
            parse(text)
            good = True
        except ValueError:
            good = False
        records = transcode(text.encode())
        judged[good] += 1
        if good:
            assert len(records) == 1 and records[0]["reason"] != "malformed-json", text
        else:
            reasons = {record["reason"] for record in records}
            assert reasons & {"malformed-json", "not-an-object"}, text
    assert judged[True] > 20 and judged[False] > 20
