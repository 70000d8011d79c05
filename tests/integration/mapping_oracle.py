# SPDX-License-Identifier: Apache-2.0
"""What a mapping makes of a JSON record, worked out by Python: the oracle of test_mapping_oracle.

A conf is a Conf: what the lines of a conf say, taken apart. Templates are lists of pieces, a piece
is a text or a Placeholder. Numbers keep their text, as a mapping does.
"""

import base64
import calendar
import dataclasses
import decimal
import hashlib
import json
import re

EXACT = decimal.Context(prec=400, Emin=-10**6, Emax=10**6)
BLANKS = " \t\n\v\f\r"
NANO = 10**9
FIRST_NS, LAST_NS = -62135596800 * NANO, 253402300800 * NANO - 1
JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
UNITS = {"s": NANO, "ms": 10**6, "us": 10**3, "ns": 1}
STEPS = {"ms": 10**6, "s": NANO, "min": 60 * NANO, "h": 3600 * NANO, "d": 86400 * NANO,
         "w": 7 * 86400 * NANO}
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


class Number(str):
    """A number as its text, which is no string."""

    def value(self):
        return EXACT.create_decimal(str(self))


class Dead(Exception):
    """The record becomes a dead letter; its reason."""


class Missing(Dead):
    pass


@dataclasses.dataclass
class Time:
    ns: int  # since 1970


@dataclasses.dataclass
class Placeholder:
    path: tuple
    functions: list  # (name, argument or None)
    as_type: str = None


@dataclasses.dataclass
class Conf:
    items: dict = dataclasses.field(default_factory=dict)  # name to a template
    renames: dict = dataclasses.field(default_factory=dict)  # path to name
    flattens: dict = dataclasses.field(default_factory=dict)  # path to prefix
    drops: set = dataclasses.field(default_factory=set)
    keeps: set = None
    null: str = "keep"
    missing: str = "dead-letter"  # or drop-attribute, or a text in quotes
    overflow: str = "dead-letter"
    where: object = None  # a function of the record
    write: object = "put"  # or delete, or a template
    write_map: dict = None
    keys: tuple = (("pk", "S"),)


# --- Records ---


def last_wins(pairs):
    """A repeated name stands where it stood last."""
    members = {}
    for name, value in pairs:
        members.pop(name, None)
        members[name] = value
    return members


def parse(text):
    return json.loads(text, parse_float=Number, parse_int=Number, object_pairs_hook=last_wins)


def find(record, path):
    """The value there; KeyError."""
    for part in path:
        if isinstance(record, list) and re.fullmatch("0|[1-9][0-9]*", part):
            if int(part) >= len(record):
                raise KeyError(part)
            record = record[int(part)]
        elif isinstance(record, dict):
            record = record[part]
        else:
            raise KeyError(part)
    return record


DECODER = json.JSONDecoder(parse_float=Number, parse_int=Number, object_pairs_hook=last_wins)


def behind_blanks(text, at):
    return re.compile(r"[ \t\r\n]*").match(text, at).end()


def spelling(text, path, at=0):
    """The value there as the record spells it."""
    at = behind_blanks(text, at)
    if not path:
        return text[at:DECODER.raw_decode(text, at)[1]]
    found, index, is_object = None, 0, text[at] == "{"
    at = behind_blanks(text, at + 1)
    while text[at] not in "]}":
        name = str(index)
        if is_object:
            name, at = DECODER.raw_decode(text, at)
            at = behind_blanks(text, behind_blanks(text, at) + 1)
        if name == path[0]:
            found = at
        at, index = behind_blanks(text, DECODER.raw_decode(text, at)[1]), index + 1
        if text[at] == ",":
            at = behind_blanks(text, at + 1)
    return spelling(text, path[1:], found)


# --- Numbers ---


def first_and_last(text):
    """The powers of ten of its first and last digit that counts; None of a zero."""
    digits = Number(text).value().as_tuple()
    significant = "".join(map(str, digits.digits)).rstrip("0")
    if not significant:
        return None
    first = len(digits.digits) - 1 + digits.exponent
    return first, first - len(significant) + 1


def number_fault(text):
    powers = first_and_last(text)
    if powers is None:
        return None
    first, last = powers
    if first > 125 or first < -130:
        return "number-range"
    return "number-precision" if first - last >= 38 else None


def number_of(value):
    """The text of a number, or of a string that is exactly one."""
    if not isinstance(value, str) or not JSON_NUMBER.fullmatch(value) or number_fault(value):
        raise Dead("mapping")
    return value


def rounded(text):
    value = Number(text).value()
    if value and value.adjusted() < -130:
        return Number("0")
    to = decimal.Context(prec=38, rounding=decimal.ROUND_HALF_UP, Emin=-10**6, Emax=10**6)
    value = to.plus(value)
    if value and value.adjusted() > 125:
        raise Dead("number-range")
    # In one spelling for all of a value: digits, and a power of ten for the last.
    sign, digits, exponent = value.normalize(to).as_tuple()
    return Number(f"{'-' * sign}{''.join(map(str, digits))}E{exponent}" if value else "0")


# --- Sizes, as DynamoDB counts ---


def size_of_number(text):
    powers = first_and_last(text)
    if powers is None:
        return 1
    return powers[0] // 2 - powers[1] // 2 + 2 + text.startswith("-")


def size_of(attribute):
    (kind, content), = attribute.items()
    if kind == "S":
        return len(content.encode())
    if kind == "N":
        return size_of_number(content)
    if kind == "B":
        return len(base64.b64decode(content))
    if kind == "SS":
        return sum(len(element.encode()) for element in content)
    if kind == "NS":
        return sum(map(size_of_number, content))
    if kind == "L":
        return 3 + sum(1 + size_of(element) for element in content)
    if kind == "M":
        return 3 + size_of_item(content) + len(content)
    return 1


def size_of_item(item):
    return sum(len(name.encode()) + size_of(value) for name, value in item.items())


# --- Time ---


def moment(year, month, day, hour, minute, second, fraction="", offset_minutes=0):
    days = calendar.mdays[month] + (month == 2 and calendar.isleap(year)) if 1 <= month <= 12 else 0
    if not (1 <= day <= days and hour <= 23 and minute <= 59 and second <= 60):
        raise Dead("mapping")
    # Python has no year 0, which an offset could still make a year 1.
    era = 400 if year < 400 else 0
    seconds = calendar.timegm((year + era, month, day, hour, minute, min(second, 59)))
    seconds -= era // 400 * 146097 * 86400 + offset_minutes * 60
    return seconds * NANO + int((fraction or "")[:9].ljust(9, "0"))


def offset_of(text):
    if text in "Zz":
        return 0
    minutes = int(text[1:3]) * 60 + int(text[3:].lstrip(":") or 0)
    if int(text[1:3]) > 23 or minutes % 60 != int(text[3:].lstrip(":") or 0):
        raise Dead("mapping")
    return -minutes if text[0] == "-" else minutes


RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?"
                     r"([Zz]|[-+]\d\d:\d\d)", re.ASCII)
CONVERSIONS = {
    "Y": r"(?P<Y>\d{4})", "m": r"(?P<m>\d{1,2}+)", "d": r"(?P<d>\d{1,2}+)",
    "H": r"(?P<H>\d{1,2}+)", "M": r"(?P<M>\d{1,2}+)", "S": r"(?P<S>\d{1,2}+)",
    "L": r"(?P<L>\d++)", "z": r"(?P<z>[Zz]|[-+]\d\d(?::?\d\d)?+)", "s": r"(?P<s>-?\d{1,12}+)",
    "j": r"(?P<j>\d{1,3}+)", "b": f"(?P<b>(?i:{'|'.join(MONTHS)}))",
}


def read_pattern(pattern, text):
    pattern = pattern.replace("%F", "%Y-%m-%d").replace("%T", "%H:%M:%S")
    regex = "".join(CONVERSIONS[part[1]] if part[0] == "%" else
                    "[ \t\n\v\f\r]*+" if part == " " else re.escape(part)
                    for part in re.findall("%.|.", pattern))
    match = re.fullmatch(regex, text, re.ASCII)
    if not match:
        raise Dead("mapping")
    field = match.groupdict()
    if "s" in field:
        return int(field["s"]) * NANO + int(field.get("L", "")[:9].ljust(9, "0"))
    month, day = int(field.get("m", 1)), int(field.get("d", 1))
    if "b" in field:
        month = MONTHS.index(field["b"].title()) + 1
    ns = moment(int(field["Y"]), month, day, int(field.get("H", 0)), int(field.get("M", 0)),
                int(field.get("S", 0)), field.get("L", ""), offset_of(field.get("z", "Z")))
    if "j" in field:
        if not 1 <= int(field["j"]) <= 365 + calendar.isleap(int(field["Y"])):
            raise Dead("mapping")
        ns += (int(field["j"]) - 1) * 86400 * NANO
    return ns


def in_range(ns):
    if not FIRST_NS <= ns <= LAST_NS:
        raise Dead("mapping")
    return Time(ns)


def read_time(value, how):
    if how in UNITS:
        exact = Number(number_of(value)).value()
        return in_range(int(EXACT.multiply(exact, decimal.Decimal(UNITS[how]))))
    if how == "rfc3339":
        match = not isinstance(value, Number) and isinstance(value, str) and \
            RFC3339.fullmatch(value)
        if not match:
            raise Dead("mapping")
        *numbers, fraction, offset = match.groups()
        return in_range(moment(*map(int, numbers), fraction, offset_of(offset)))
    if not isinstance(value, str):
        raise Dead("mapping")
    return in_range(read_pattern(how, value))


def days_before(year):
    return 365 * (year - 1) + (year - 1) // 4 - (year - 1) // 100 + (year - 1) // 400


def write_time(time, pattern):
    seconds, ns = divmod(time.ns, NANO)
    days, second = divmod(seconds, 86400)
    ordinal = days + days_before(1970)  # 0: the first day of the year 1
    year = ordinal // 366 + 1
    while days_before(year + 1) <= ordinal:
        year += 1
    of_year = ordinal - days_before(year)
    month, day = 1, of_year
    while day >= calendar.mdays[month] + (month == 2 and calendar.isleap(year)):
        day -= calendar.mdays[month] + (month == 2 and calendar.isleap(year))
        month += 1
    hour = second // 3600
    fields = {"Y": f"{year:04}", "y": f"{year % 100:02}", "m": f"{month:02}", "d": f"{day + 1:02}",
              "H": f"{hour:02}", "I": f"{(hour + 11) % 12 + 1:02}", "p": "AM" if hour < 12 else "PM",
              "M": f"{second // 60 % 60:02}", "S": f"{second % 60:02}", "L": f"{ns // 10**6:03}",
              "j": f"{of_year + 1:03}", "b": MONTHS[month - 1], "a": DAYS[ordinal % 7],
              "s": str(seconds), "z": "+0000", "%": "%"}
    fields["F"] = "{Y}-{m}-{d}".format(**fields)
    fields["T"] = "{H}:{M}:{S}".format(**fields)
    return re.sub("%(.)", lambda found: fields[found[1]], pattern)


def rfc3339(time):
    ns = f"{time.ns % NANO:09}"
    while ns.endswith("000") and ns:
        ns = ns[:-3]
    return write_time(time, "%Y-%m-%dT%H:%M:%S") + ("." + ns if ns else "") + "Z"


# --- Functions of a template ---


def text_of(value):
    if isinstance(value, Time):
        return rfc3339(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        raise Dead("mapping")
    return str(value)


def pad(value, width):
    if isinstance(value, str):
        while re.match("0[0-9]", value):
            value = value[1:]
    number = Number(number_of(value)).value()
    if number != int(number) or number < 0 or len(str(int(number))) > width:
        raise Dead("mapping")
    return str(int(number)).zfill(width)


def cut(text, argument):
    begin, _, end = argument.partition("-")
    return text[int(begin):int(end) if end else None]


def add(time, argument):
    count, unit = re.fullmatch("([-+]?[0-9]+)([a-z]+)", argument).groups()
    return in_range(time.ns + int(count) * STEPS[unit])


FUNCTIONS = {
    "time": read_time, "format": write_time, "add": add,
    "lower": lambda value, _: re.sub("[A-Z]", lambda c: c[0].lower(), text_of(value)),
    "upper": lambda value, _: re.sub("[a-z]", lambda c: c[0].upper(), text_of(value)),
    "trim": lambda value, _: text_of(value).strip(BLANKS),
    "pad": lambda value, width: pad(value, int(width)),
    "slice": lambda value, argument: cut(text_of(value), argument),
    "hash": lambda value, digits:
        hashlib.sha256(text_of(value).encode()).hexdigest()[:int(digits or 64)],
    "default": lambda value, _: value,
}


def escaped(text):
    """As as=json spells a string: nothing is escaped that need not be."""
    def escape(c):
        return "\\" + c[0] if c[0] in '"\\' else f"\\u{ord(c[0]):04x}"
    return '"' + re.sub('["\\\\\0-\x1f]', escape, text) + '"'


def attribute_of(value):
    """A value of JSON as it is, without a mapping's rules."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if value is None:
        return {"NULL": True}
    if isinstance(value, Number):
        if number_fault(value):
            raise Dead("mapping")
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        return {"L": [attribute_of(element) for element in value]}
    return {"M": {name: attribute_of(element) for name, element in value.items()}}


def set_of(value, kind):
    made = {}
    for element in value if isinstance(value, list) else [value]:
        if element is None or isinstance(element, (list, dict)):
            raise Dead("mapping")
        text = text_of(element) if kind == "SS" or not isinstance(element, bool) else "no number"
        made.setdefault(text if kind == "SS" else Number(number_of(text)).value(), text)
    if not made:
        raise Dead("mapping")
    return {kind: sorted(map(str, made.values()))}


def binary(value):
    try:
        if isinstance(value, (bool, Number)) or not isinstance(value, str):
            raise ValueError(value)
        content = base64.b64decode(value.encode(), validate=True)
        if base64.b64encode(content).decode() != value:
            raise ValueError(value)
    except ValueError:
        raise Dead("mapping") from None
    return {"B": value}


def boolean(value):
    if value not in ("true", "false", True, False) or isinstance(value, Number):
        raise Dead("mapping")
    return {"BOOL": value in ("true", True)}


def typed(value, kind, json_text):
    """As DynamoDB has it."""
    if kind == "string":
        return {"S": text_of(value)}
    if kind == "number":
        return {"N": str(number_of(value))}
    if kind in ("epoch", "epoch_ms"):
        return {"N": str(value.ns // (NANO if kind == "epoch" else 10**6))}
    if kind == "bool":
        return boolean(value)
    if kind == "binary":
        return binary(value)
    if kind == "json":
        return {"S": json_text(value)}
    if kind == "list":
        return attribute_of(value if isinstance(value, list) else [value])
    return set_of(value, "SS" if kind == "string_set" else "NS")


def evaluate(placeholder, record, text):
    functions = placeholder.functions
    try:
        value = find(record, placeholder.path)
    except KeyError:
        value = None
    if value is None:
        defaults = [i for i, (name, _) in enumerate(functions) if name == "default"]
        if not defaults:
            raise Missing("mapping")
        value = functions[defaults[0]][1]
        functions = functions[defaults[0] + 1:]
    for name, argument in functions:
        value = FUNCTIONS[name](value, argument)

    def json_text(value):
        if isinstance(value, (list, dict)):
            return spelling(text, placeholder.path)
        return escaped(value) if isinstance(value, str) and not isinstance(value, Number) \
            else text_of(value)
    return typed(value, placeholder.as_type or "string", json_text)


def run_template(template, record, text):
    """An attribute's value as DynamoDB has it."""
    if len(template) == 1 and isinstance(template[0], Placeholder):
        return evaluate(template[0], record, text)
    made = ""
    for piece in template:
        if isinstance(piece, Placeholder):
            (_, content), = evaluate(piece, record, text).items()
            piece = text_of(content)
        made += piece
    return {"S": made}


# --- Conditions ---


def compare(value, constant):
    """-1, 0, 1, or None where they cannot be compared."""
    if isinstance(constant, Number) and isinstance(value, Number):
        return int(EXACT.compare(value.value(), constant.value()))
    if type(value) is type(constant) is str:
        return (value > constant) - (value < constant)
    return 0 if value is constant and isinstance(constant, (bool, type(None))) else None


RELATIONS = {
    "=": lambda order: order == 0, "==": lambda order: order == 0, "!=": lambda order: order != 0,
    "<": lambda order: order == -1, "<=": lambda order: order in (-1, 0),
    ">": lambda order: order == 1, ">=": lambda order: order in (0, 1),
}
NOT_THERE = object()


def like(value, pattern):
    """`pattern` is a list of characters, of which * and ? are (star,) and (any,)."""
    regex = "".join({"*": ".*", "?": "."}[part[0]] if isinstance(part, tuple) else re.escape(part)
                    for part in pattern)
    return type(value) is str and re.fullmatch(regex, value, re.DOTALL) is not None


# --- Records to items ---


class Mapper:
    """The fields of one record become attributes. Faults are gathered: any may be told."""

    def __init__(self, conf, operation):
        self.conf = conf
        self.faults = set()
        self.is_delete = operation == "delete"  # to which only its key matters

    def number(self, text, is_key):
        fault = number_fault(text)
        if fault is None:
            return {"N": str(text)}
        if self.conf.overflow == "string" and not is_key:
            return {"S": str(text)}
        try:
            if self.conf.overflow == "round" and not is_key:
                return {"N": str(rounded(text))}
        except Dead:
            pass
        if not self.is_delete:
            self.faults.add(fault)
        return {"N": "0", "fault": fault} if is_key else {"N": "0"}

    def value(self, value, path, is_key=False):
        if isinstance(value, Number):
            return self.number(value, is_key)
        if isinstance(value, list):
            return {"L": [self.value(element, (*path, str(i))) for i, element in enumerate(value)
                          if (*path, str(i)) not in self.conf.drops]}
        if isinstance(value, dict):
            return {"M": self.members(value, path, "", False, {}, set())}
        return attribute_of(value)

    def members(self, members, path, prefix, is_top, made, named):
        conf = self.conf
        for name, value in members.items():
            here = (*path, name)
            if here in conf.flattens and isinstance(value, dict):
                self.members(value, here, conf.flattens[here], is_top, made, named)
                continue
            final = conf.renames.get(here, prefix + name)
            if here in conf.drops or is_top and conf.keeps is not None and final not in conf.keeps:
                continue
            if final in named and (not self.is_delete or is_top and final in dict(conf.keys)
                                   and final not in conf.items):
                self.faults.add("mapping")
            named.add(final)
            made.pop(final, None)
            if value is None and conf.null == "dead-letter":
                if not self.is_delete:
                    self.faults.add("mapping")
            elif value is not None or conf.null == "keep":
                is_key = is_top and final in dict(conf.keys)
                made[final] = self.value(value, here, is_key)
        return made

    def key(self, item):
        for name, kind in self.conf.keys:
            if name not in item:
                self.faults.add("key-missing")
            elif "fault" in item[name]:
                self.faults.add(item[name]["fault"])
            elif kind not in item[name]:
                self.faults.add("key-type")
            elif item[name] in ({"S": ""}, {"B": ""}):
                self.faults.add("key-empty")

    def make(self, item, name, template, record, text):
        """An attribute as a template makes it, or takes it away."""
        try:
            item[name] = run_template(template, record, text)
        except Dead as dead:
            if isinstance(dead, Missing) and self.conf.missing == "drop-attribute":
                item.pop(name, None)
            elif isinstance(dead, Missing) and self.conf.missing != "dead-letter":
                item[name] = {"S": json.loads(self.conf.missing)}
            else:
                self.faults.add(str(dead))


def operation_of(conf, record, text):
    """What is done with the record; None: nothing says so."""
    if isinstance(conf.write, str):
        return conf.write
    try:
        return conf.write_map.get(run_template(conf.write, record, text)["S"])
    except Dead:
        return None


def expected(conf, text):
    """("put", item), ("delete", key), ("dead-letter", reasons) or ("left out", None)."""
    record = parse(text)
    if conf.where is not None and not conf.where(record):
        return "left out", None
    operation = operation_of(conf, record, text)
    mapper = Mapper(conf, operation)
    if operation is None:
        mapper.faults.add("mapping")
    keys = dict(conf.keys)
    item = mapper.members(record, (), "", True, {}, set())
    for name, template in conf.items.items():
        if operation != "delete" or name in keys:
            mapper.make(item, name, template, record, text)
    if not mapper.faults:
        mapper.key(item)
    if mapper.faults:
        return "dead-letter", mapper.faults
    return operation, {name: item[name] for name in keys} if operation == "delete" else item
