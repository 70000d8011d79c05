# SPDX-License-Identifier: Apache-2.0
"""Reads an OpenMetrics 1.0 exposition as strictly as the standard and `promtool check metrics` do."""

import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"^({NAME})(?:\{{(.*)\}})? (\S+)$")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(,|$)')
SUFFIXES = {"gauge": [""], "counter": ["_total"], "histogram": ["_bucket", "_count", "_sum"]}
# promtool's lint: base units alone, and no type in a name.
NO_UNITS = {"ms", "milliseconds", "minutes", "min", "hours", "kb", "kib", "mb", "mib", "kilobytes",
            "s", "sec", "b", "gauge", "counter", "histogram", "summary"}


class Family:
    def __init__(self, name, kind):
        self.name, self.kind, self.unit, self.help = name, kind, "", None
        self.samples = {}  # (suffix, labels as sorted pairs) -> value

    def value(self, suffix="", **labels):
        """Of the one sample that has these labels, perhaps beside others."""
        found = [value for (end, pairs), value in self.samples.items()
                 if end == suffix and labels.items() <= dict(pairs).items()]
        assert len(found) == 1, (self.name, labels, found)
        return found[0]

    def sum(self, suffix="", **labels):
        return sum(value for (end, pairs), value in self.samples.items()
                   if end == suffix and labels.items() <= dict(pairs).items())


def read_labels(text):
    labels, at = {}, 0
    while at < len(text):
        found = LABEL.match(text, at)
        assert found, f"no label at {text[at:]!r}"
        assert found[1] not in labels, f"{found[1]} is there twice"
        labels[found[1]] = found[2].replace('\\"', '"').replace("\\n", "\n").replace("\\\\", "\\")
        at = found.end()
    return labels


def check_name(family):
    words = family.name.split("_")
    assert re.fullmatch(r"[a-z][a-z0-9_]*", family.name), family.name
    assert not NO_UNITS & set(words), family.name
    assert words[-1] not in ("total", "count", "sum", "bucket", "info", "created"), family.name
    if family.unit:
        assert family.name.endswith("_" + family.unit), family.name
    else:
        assert words[-1] not in ("seconds", "bytes"), f"{family.name} lacks its unit"
    assert family.help, f"{family.name} has no help"


def check_histogram(family):
    series = {}
    for (suffix, pairs), value in family.samples.items():
        rest = tuple(pair for pair in pairs if pair[0] != "le")
        series.setdefault(rest, {}).setdefault(suffix, []).append((dict(pairs).get("le"), value))
    for labels, parts in series.items():
        bounds = [float(le) for le, _ in parts["_bucket"]]
        counts = [count for _, count in parts["_bucket"]]
        assert bounds == sorted(set(bounds)) and bounds[-1] == float("inf"), labels
        assert counts == sorted(counts), labels
        assert parts["_count"] == [(None, counts[-1])], labels
        assert len(parts["_sum"]) == 1 and (counts[-1] > 0 or parts["_sum"][0][1] == 0), labels


def read_head(line, families):
    """`# TYPE`, `# UNIT` or `# HELP`; a family begins with its type, and all heads come first."""
    _, what, name, rest = (line + " ").split(" ", 3)
    rest = rest[:-1]
    if what == "TYPE":
        assert name not in families, f"{name} begins twice"
        assert rest in SUFFIXES, rest
        families[name] = Family(name, rest)
    family = families[name]
    assert family is list(families.values())[-1], f"{name} is torn apart"
    assert not family.samples, f"{name}: {what} behind its samples"
    if what == "UNIT":
        assert not family.unit and rest
        family.unit = rest
    elif what == "HELP":
        assert family.help is None
        family.help = rest
    else:
        assert what == "TYPE", line


def read_sample(line, families):
    found = SAMPLE.match(line)
    assert found, f"no sample: {line!r}"
    family = list(families.values())[-1]
    suffix = found[1][len(family.name):]
    assert found[1].startswith(family.name) and suffix in SUFFIXES[family.kind], line
    key = (suffix, tuple(sorted(read_labels(found[2] or "").items())))
    assert key not in family.samples, f"twice: {line}"
    value = float(found[3])
    assert family.kind == "gauge" or value >= 0, line
    family.samples[key] = value


def read(text):
    """The families by their names."""
    families = {}
    assert text.endswith("# EOF\n") and text.count("# EOF") == 1, text[-100:]
    assert "\r" not in text
    for line in text[:-len("# EOF\n")].splitlines():
        if line.startswith("#"):
            read_head(line, families)
        else:
            read_sample(line, families)
    for family in families.values():
        check_name(family)
        if family.kind == "histogram":
            check_histogram(family)
    return families
