# SPDX-License-Identifier: Apache-2.0
"""Random mappings of random records against Python: item by item, byte of size by byte of size.

A conf and its records are made from fixed seeds; `firebridge explain` says what becomes of each
record, and mapping_oracle.py what should.
"""

import dataclasses
import json
import random
import subprocess

import pytest

from mapping_oracle import (NOT_THERE, RELATIONS, Conf, Number, Placeholder, compare, expected,
                            find, like, size_of_item)
from test_transcode_oracle import blank, make_string

CONFS_PER_SEED = 15
RECORDS_PER_CONF = 100
NUMBERS = ["0", "-0", "7", "007", "42", "1.50", "-3", "1e2", "1E+2", "0.5", "12,5", "NaN", "1e126",
           "1795341600000", "1795341600", "-62135596801", "253402300799.9999999999", "1E-130",
           "123456789012345678901234567890.5", "9" * 38, "9" * 39, "-0.0000000001", "12 "]
WORDS = ["view", "purchase", "Ünïcode 漢", "", " both  ", "a b", "true", "false", "A", "view#1",
         "SGFsbG8=", "SGFsbG9=", "SGFsbA==", "SGFsbA", "\x7fé", "\"q\"", "back\\slash", "tab\t"]
TIMES = ["2026-11-22T10:00:00Z", "2026-11-22t10:00:00.123456789012+01:00", "2024-02-29 23:59:60z",
         "2023-02-29T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01",
         "0000-12-31T23:59:00-00:01", "0001-01-01T00:00:00Z", "2026-11-22", "2026-1-2 3:4:5",
         "22/Nov/2026:10:00:00 +0100", "22/nov/2026:10:00:00 Z", "2026-326", "20261122100000.5",
         "1795341600.25", "-5", "2026-11-22T10:00:00.5-23:59", "1700-03-01T00:00:00Z",
         "2000-02-29T12:00:00Z", "2100-02-29T00:00:00Z"]
PATTERNS = ["s", "ms", "us", "ns", "rfc3339", "rfc3339", "%Y-%m-%d", "%F %T", "%d/%b/%Y:%T %z",
            "%Y-%j", "%s", "%s.%L", "%Y%m%d%H%M%S.%L", "%FT%TZ"]
FORMATS = ["%Y-%m-%dT%H:%M:%SZ", "%F", "%T.%L", "%d/%b/%Y:%H:%M:%S %z", "%a %j %y", "%I %p", "%s",
           "100%% %Y"]
STEPS = ["90d", "-5min", "+1w", "1500ms", "-1s", "26h", "3000000d", "0s", "-700000d"]
# A name as a conf has it, and as it is.
NAMES = [(name, name) for name in
         ("id", "event", "ts", "at", "n", "tags", "product", "o", "flag", "none", "rows", "0",
          "pk", "b64", "long-name_1")]
NAMES += [('"@at"', "@at"), ('"a.b"', "a.b"), ('"é x"', "é x"), ('"quote\\"d"', 'quote"d')]
INNER = NAMES[:8] + [("x", "x"), ("price", "price"), ('"a.b"', "a.b")]


# --- Records ---


def spell(rng, text):
    """A string as JSON; each character may be escaped."""
    return '"' + "".join(
        f"\\u{ord(c):04x}" if c < " " or ord(c) < 0x10000 and rng.random() < .03 else
        "\\" + c if c in '"\\' else c for c in text) + '"'


@dataclasses.dataclass
class Flavour:
    """A record has repeated names, or values that may be a fault: both would tell of the first."""

    odd: bool
    flattened: set

    def may_repeat(self, name):
        return not self.odd and name not in self.flattened


def make_scalar(rng, flavour):
    kind = rng.random()
    if kind < .3:
        return spell(rng, rng.choice(WORDS))
    if kind < .45:
        return spell(rng, rng.choice(TIMES))
    if kind < .6:
        return spell(rng, rng.choice(NUMBERS))
    if kind < .65:
        return make_string(rng)
    if kind < .85:
        return rng.choice(["0", "-0", "7", "42", "-3", "1.50", "1e2", "10E-1", "1795341600000",
                           "1795341600", "0.000", "17953416000001234567", "-62135596800.5",
                           "9" * 38] + ["1e126", "-1e-131", "-" + "1234567890" * 4] * flavour.odd)
    return rng.choice(["true", "false", "null"])


def make_value(rng, depth, flavour):
    if depth == 3 or rng.random() < .6:
        return make_scalar(rng, flavour)
    if rng.random() < .5:
        return make_object(rng, depth + 1, INNER, flavour)
    elements = [make_value(rng, depth + 1, flavour) for _ in range(rng.choice([0, 1, 2, 3, 9]))]
    return "[" + ",".join(blank(rng) + element + blank(rng) for element in elements) + "]"


def make_object(rng, depth, names, flavour):
    members, seen = [], set()
    for _ in range(rng.choice([0, 1, 2, 3, 5]) if depth else rng.choice([1, 5, 12, 20, 50])):
        _, name = rng.choice(names)
        if depth == 0 and rng.random() < .3:
            name += rng.choice("abcdefghijkl")
        if name in seen and not flavour.may_repeat(name):
            continue
        seen.add(name)
        members.append(blank(rng) + spell(rng, name) + blank(rng) + ":" + blank(rng) +
                       make_value(rng, depth, flavour))
    return "{" + ",".join(members) + blank(rng) + "}"


def make_record(rng, number, conf):
    flavour = Flavour(conf.null == "dead-letter" or rng.random() < .2,
                      {path[-1] for path in conf.flattens})
    own = [f'"id":{rng.choice([str(number), json.dumps(f"u-{number}")])}',
           f'"ts":{1795341600000 + number * 777}', '"at":"2026-11-22T10:00:00.5Z"',
           f'"event":"{rng.choice(["view", "purchase", "ping"])}"']
    own = own[:rng.choice([1, 2, 3, 4, 4, 4])]
    rng.shuffle(own)
    names = [name for name in NAMES
             if flavour.may_repeat(name[1]) or f'"{name[1]}":' not in "".join(own)]
    text = make_object(rng, 0, names, flavour)
    return text[:-1] + "," * (len(text) > 2 and ":" in text) + ",".join(own) + "}"


# --- Mappings ---


def make_path(rng):
    """As a conf has it, and its parts."""
    parts = [rng.choice(NAMES)]
    if rng.random() < .4:
        parts = [rng.choice([("product", "product"), ("o", "o"), ("tags", "tags"),
                             ("rows", "rows")])]
        parts += rng.choices(INNER + [("0", "0"), ("1", "1"), ("7", "7")],
                             k=rng.choice([1, 1, 2]))
    return ".".join(text for text, _ in parts), tuple(name for _, name in parts)


def quote_argument(rng, text):
    if any(c in text for c in ',}"') or text == "" or rng.random() < .1:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text


def make_functions(rng):
    """Calls in an order that is allowed, and whether a time is in hand in the end."""
    calls, is_time = [], False
    for _ in range(rng.choice([0, 0, 0, 1, 1, 2, 3])):
        if is_time:
            name = rng.choice(["format", "add", "add"])
        else:
            name = rng.choice(["time", "time", "lower", "upper", "trim", "pad", "slice", "hash",
                               "default", "default"])
        if name == "default" and any(call == "default" for call, _ in calls):
            continue
        argument = {
            "time": lambda: rng.choice(PATTERNS), "format": lambda: rng.choice(FORMATS),
            "add": lambda: rng.choice(STEPS), "pad": lambda: rng.choice("1 2 5 20 126".split()),
            "slice": lambda: rng.choice("0 1 3 0-1 1-2 0-8 2-300".split()),
            "hash": lambda: rng.choice([None, "1", "8", "64"]),
            "default": lambda: rng.choice(["none", "7", "", "a}b, c", "2026-11-22T00:00:00Z",
                                           "0", 'q"\\', "é"])}.get(name, lambda: None)()
        calls.append((name, argument))
        is_time = name in ("time", "add")
    return calls, is_time


def make_placeholder(rng, types):
    text, path = make_path(rng)
    if rng.random() < .5:
        text, path = rng.choice([("id", ("id",)), ("ts", ("ts",)), ("event", ("event",)),
                                 ("at", ("at",))])
    calls, is_time = make_functions(rng)
    if text in ("ts", "at") and rng.random() < .3:
        calls, is_time = [("time", "ms" if text == "ts" else "rfc3339"), ("add", "90d")], True
    allowed = [t for t in types if (t in ("epoch", "epoch_ms")) == is_time or t == "string"]
    as_type = rng.choice(allowed) if allowed and (rng.random() < .4 or types == ["number"]) \
        else None
    said = [name if argument is None else f"{name}={quote_argument(rng, argument)}"
            for name, argument in calls] + [f"as={as_type}"] * (as_type is not None)
    return "{" + text + ":" * bool(said) + ",".join(said) + "}", \
        Placeholder(path, calls, as_type)


BESIDE_OTHERS = ["string", "json", "number", "bool", "epoch", "epoch_ms"]
ALONE = BESIDE_OTHERS + ["binary", "string_set", "number_set", "list"]


SURE = [("{id}", Placeholder(("id",), [])), ("{event:default=none}",
                                             Placeholder(("event",), [("default", "none")]))]


def make_template(rng, is_key):
    """As a conf has it, and its pieces."""
    if not is_key and rng.random() < .6:
        text, placeholder = make_placeholder(rng, ALONE)
        return text, [placeholder]
    said, pieces = "", []
    for _ in range(rng.choice([1, 2, 3])):
        # A # behind a blank is no part of a value.
        literal = rng.choice(["user#", "/", "é", "{x}", 'q"', "a b"])
        text, placeholder = make_placeholder(rng, BESIDE_OTHERS) if rng.random() < .4 else \
            rng.choice(SURE)
        said += literal.replace("{", "{{").replace("}", "}}") + text
        pieces += [literal, placeholder]
    return said, pieces


def quote_value(rng, value):
    """A constant of a condition."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Number):
        return str(value)
    quote = rng.choice("\"'")
    return quote + value.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote


def make_constant(rng, only_ordered=False):
    kind = rng.random()
    if kind < .4:
        return Number(rng.choice(["0", "42", "7.0", "-3", "1.5", "1e2", "100", "1795341650000"]))
    if kind < .85 or only_ordered:
        return rng.choice(["view", "purchase", "a b", "", "u-5", "2026", 'q"', "é", "it's"])
    return rng.choice([None, True, False])


def make_pattern(rng):
    parts = rng.choices(["*", "?", "u", "-", "e", "w", "2", "é", "\\*", "\\?", " "],
                        k=rng.choice([1, 2, 3, 5]))
    said = "".join(parts)
    return f'"{said}"', [part[1] if part[0] == "\\" else (part,) if part in "*?" else part
                         for part in parts]


def make_comparison(rng):
    text, path = make_path(rng)
    if rng.random() < .6:
        text, path = rng.choice([("id", ("id",)), ("event", ("event",)), ("ts", ("ts",))])

    if text[0].isdigit():  # would be a number
        text = f'"{text[0]}"{text[1:]}'

    def there(record):
        try:
            return find(record, path)
        except KeyError:
            return NOT_THERE
    kind = rng.random()
    if kind < .2:
        return f"exists({text})", lambda record: there(record) is not NOT_THERE
    if kind < .4:
        constants = [make_constant(rng) for _ in range(rng.choice([1, 2, 5]))]
        values, no = ", ".join(quote_value(rng, c) for c in constants), rng.random() < .4
        return f"{text} {'not ' * no}in ({values})", lambda record: no != any(
            compare(there(record), constant) == 0 for constant in constants)
    if kind < .55:
        pattern, parts = make_pattern(rng)
        no = rng.random() < .4
        return f"{text} {'not ' * no}like {pattern}", lambda record: no != like(there(record), parts)
    sign = rng.choice(list(RELATIONS))
    constant = make_constant(rng, only_ordered=sign in ("<", "<=", ">", ">="))
    return f"{text} {sign} {quote_value(rng, constant)}", lambda record: \
        RELATIONS[sign](compare(there(record), constant))


def make_where(rng, depth=0):
    kind = rng.random()
    if depth == 3 or kind < .4:
        return make_comparison(rng)
    text, holds = make_where(rng, depth + 1)
    if kind < .55:
        return f"not ({text})", lambda record: not holds(record)
    other_text, other = make_where(rng, depth + 1)
    if kind < .75:
        return f"({text}) and\n    ({other_text})", lambda record: holds(record) and other(record)
    return f"({text}) or\n    ({other_text})", lambda record: holds(record) or other(record)


def some(rng, most):
    return range(rng.randint(1, most) if rng.random() < .5 else 0)


def quote_name(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def make_rules(rng, conf):
    """Lines; a field has one rule, and no rule is of an array's element itself."""
    said = {"rename": [], "flatten": [], "drop": []}
    for key, most in (("rename", 4), ("flatten", 3), ("drop", 4)):
        for _ in some(rng, most):
            text, path = make_path(rng)
            if path[-1].isdigit() or path in conf.drops or path in conf.renames \
                    or path in conf.flattens:
                continue
            name = rng.choice(["x", "new", "a.b", "é", "n", "made", "p_"]) + rng.choice(["", "1"])
            said[key].append({"rename": f"{text} > {quote_name(name)}",
                              "flatten": f"{text}: {name}", "drop": text}[key])
            if key == "drop":
                conf.drops.add(path)
            else:
                {"rename": conf.renames, "flatten": conf.flattens}[key][path] = name
    if rng.random() < .25:
        names = [name for _, name in NAMES] + list(conf.renames.values())
        names += [prefix + name for prefix in conf.flattens.values() for _, name in INNER]
        conf.keeps = set(rng.sample(names, k=min(len(names), rng.choice([3, 8, 20]))))
        said["keep"] = [quote_name(name) for name in sorted(conf.keeps)]
    return [f"{key} = " + ",\n    ".join(entries) for key, entries in said.items() if entries]


def make_conf(rng, supported):
    conf = Conf()
    lines = []
    if rng.random() < .3:
        conf.keys = rng.choice([(("pk", "S"), ("made", "N")), (("pk", "S"), ("made", "S")),
                                (("pk", "B"),)])
    for name in ["pk"] + rng.sample(["made", "n", "item.2", "product", 'e"é'], k=rng.randint(0, 3)):
        kind = dict(conf.keys).get(name)
        text, conf.items[name] = make_template(rng, kind == "S")
        if kind in ("N", "B"):
            text, path = make_path(rng)
            as_type = "number" if kind == "N" else "binary"
            text, conf.items[name] = f"{{{text}:as={as_type}}}", [Placeholder(path, [], as_type)]
        lines.append(f"item.{quote_name(name)} = {text}")
    if dict(conf.keys).get("made") == "N" and "made" not in conf.items:
        lines.append("item.made = {ts:as=number}")
        conf.items["made"] = [Placeholder(("ts",), [], "number")]
    if "made" in dict(conf.keys) and "made" not in conf.items:
        lines.append("item.made = {event}")
        conf.items["made"] = [Placeholder(("event",), [])]
    lines += make_rules(rng, conf)
    conf.null = rng.choice(["keep", "keep", "drop", "dead-letter"])
    conf.missing = rng.choice(["dead-letter", "drop-attribute", '"none {at} all"'])
    lines += [f"null = {conf.null}", f"missing = {conf.missing}"]
    if "number_overflow" in supported:
        conf.overflow = rng.choice(["dead-letter", "string", "round"])
        lines.append(f"number_overflow = {conf.overflow}")
    if rng.random() < .4:
        text, conf.where = make_where(rng)
        lines.append(f"where = {text}")
    if "write" in supported and rng.random() < .3:
        conf.write = rng.choice(["delete", [Placeholder(("event",), [("default", "none")])]])
        conf.write_map = {"view": "put", "purchase": "delete", "none": "put"}
        lines += ["write = delete"] if conf.write == "delete" else [
            "write = {event:default=none}", "write.map = view: put, purchase: delete, none: put"]
    return conf, lines


# --- The comparison ---


def explain(program, conf, conf_path, records_path):
    done = subprocess.run(
        [program, "explain", "-c", conf_path, "--output", "json", "--limit", "100000", "--key",
         ",".join(f"{name}:{kind}" for name, kind in conf.keys), records_path],
        capture_output=True, timeout=60, text=True, encoding="utf-8")
    assert done.stdout, done.stderr
    _, *records, sums = map(json.loads, done.stdout.split("\n")[:-1])
    return {record["record"]: record for record in records}, sums


def outcome(record):
    if record is None:
        return "left out", None
    operation = record["operation"]
    if operation == "dead-letter":
        return operation, record["reason"]
    return operation, sorted_sets(record["key" if operation == "delete" else "item"])


def has_repeats(text):
    """Whether an object has a name twice."""
    found = []

    def look(pairs):
        found.append(len(dict(pairs)) < len(pairs))
        return dict(pairs)

    json.loads(text, object_pairs_hook=look)
    return any(found)


def is_expected(found, should, text):
    """Of several faults any may be told, also one of a field that comes again behind it."""
    if should[0] == "dead-letter":
        return found[0] == "dead-letter" and (
            found[1] in should[1] or (found[1] == "mapping" and has_repeats(text)))
    return found == should


def sorted_sets(item):
    return {name: {kind: sorted(content) if kind in ("SS", "NS") else content
                   for kind, content in value.items()} for name, value in item.items()}


@pytest.fixture(scope="module")
def supported(program):
    """Keys that this build knows."""
    return {key for key, text in (("write", "put"), ("number_overflow", "round"))
            if "no key" not in subprocess.run(
                [program, "explain", "--set", f"{key}={text}", "/dev/null"], text=True,
                capture_output=True).stderr}


@pytest.mark.parametrize("seed", range(20))
def test_items_are_what_python_makes_of_the_record(program, tmp_path, supported, seed):
    rng = random.Random(seed)
    seen = dict.fromkeys(("put", "delete", "dead-letter", "left out"), 0)
    for number in range(CONFS_PER_SEED):
        conf, lines = make_conf(rng, supported)
        texts = [make_record(rng, i, conf) for i in range(RECORDS_PER_CONF)]
        said = "[stream s]\nsource = s3://bucket/p/\ntable = table\n" + "".join(f"{x}\n" for x in lines)
        (tmp_path / "conf").write_text(said)
        (tmp_path / "records").write_text("\n".join(texts))
        found, sums = explain(program, conf, tmp_path / "conf", tmp_path / "records")
        for i, text in enumerate(texts):
            should = expected(conf, text)
            assert is_expected(outcome(found.get(i)), should, text), \
                f"seed {seed}, conf {number}:\n{said}\n{text}\n{found.get(i)}\nexpected {should}"
            if should[0] == "put":
                assert found[i]["item_bytes"] == size_of_item(should[1]), f"{said}\n{text}"
            seen[should[0]] += 1
        assert sums["records"] == len(texts) == len(found) + sums["left_out"]
    assert seen["put"] and seen["dead-letter"] and seen["left out"], seen
