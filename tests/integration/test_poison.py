# SPDX-License-Identifier: Apache-2.0
"""
Something that is no record in the middle of an object, in every record form: the records before it
and behind it come out right, and it is told with its exact place.
"""

import pytest

import forms

RECORDS = 12
BLANKS = b" \t\r\n"
MAX_RECORD = 8192
DAMAGES = 150


def poisons(rng, record):
    """Runs of bytes without a newline that are no record of any form."""
    at = rng.randrange(1, len(record))
    return {
        "a word": b"garbage",
        "markup": b"<html><body class=\"x\">no</body></html>",
        "NULs": b"\0" * rng.randrange(1, 50),
        "broken UTF-8": b"\xff\xfe\x80\xc3(\xed\xa0\x80",
        "closing brackets": b"}]}}]",
        "half a JSON record": b"{\"id\":\"x\",\"v\":{\"w\":[1,2",
        "an open string": b"{\"id\":\"x",
        "an open escape": b"{\"id\":\"x\\",
        "a JSON record with a hole": b"{\"id\":\"x\",\"v\":,\"w\":1}",
        "the end of a record": b"y\"},\"v\":{\"w\":1}}",
        "a lone brace": b"{",
        "many braces": b"{" * rng.randrange(2, 200),
        "very long garbage": b"g" * (MAX_RECORD * 3 + rng.randrange(7)),
        "very long blanks and a word": b" \t" * (MAX_RECORD * 2) + b"x",
        "a very long string": b"{\"id\":\"" + b"s" * (MAX_RECORD * 20),
        "very long nesting": b"{\"a\":[" * (MAX_RECORD * 4),
        "random bytes": bytes(byte for byte in rng.randbytes(300) if byte not in b"\n[\"{"),
        "the first bytes of a record": record[:at].split(b"\n")[0],
    }


NAMES = list(poisons(forms.seeded("names"), b"xx"))


def is_covered(data, records, blanks):
    """Whether records and dead letters cover all bytes but such blanks, in order."""
    at = 0
    for record in records:
        if record["offset"] < at or data[at:record["offset"]].strip(blanks):
            return False
        at = record["offset"] + record["size"]
    return not data[at:].strip(blanks)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("form", forms.FORMS, ids=forms.NAMES)
def test_poison_between_records_is_one_dead_letter(form, name, tmp_path):
    rng = forms.seeded(form.name, name)
    for _ in range(4):
        before, behind = form.records(rng, RECORDS), form.records(rng, RECORDS)
        poison = poisons(rng, before[0].text)[name]
        if form.name == "csv" and poison.count(b'"') % 2:
            continue  # What a stray quote opens has a test of its own.
        good = form.make(rng, 99).text if name == "the first bytes of a record" else None
        head = forms.join(before)
        data = head + poison + b"\n" + forms.join(behind)
        options = (*form.read_with(), "--max-record-size", str(MAX_RECORD))
        found, end = forms.read(data, *options, folder=tmp_path)
        dead = [record for record in found if record["reason"] != "none"]
        if good is not None and not dead:
            continue  # Of text, the first bytes may be a record themselves.
        assert [forms.outcome(one) for one in found if one["reason"] == "none"] == \
            forms.expected(before) + forms.expected(behind)
        assert len(dead) == 1, dead
        stripped = poison if form.is_text else poison.strip(BLANKS)
        assert dead[0]["offset"] == len(head) + poison.index(stripped)
        assert dead[0]["size"] == len(stripped)
        assert end["end"] == "whole"
        if form.name != "cloudwatch-logs":
            assert is_covered(data, found, BLANKS)
        for piece in forms.PIECES[rng.randrange(3)::3]:
            again, _ = forms.read(data, *options, "--piece", str(piece), folder=tmp_path)
            assert again == found


def test_a_stray_quote_in_csv_takes_what_it_opens_and_no_more(tmp_path):
    head = b"a,1,2\nb,3,4\n"
    behind = b"e,\"x\"y,0\nf,9,9\n"
    found, _ = forms.read(head + b"c,\"5,6\nd,7,8\n" + behind, "--format", "csv", *forms.COLUMNS,
                          folder=tmp_path)
    assert [(one["offset"], one["size"], one["reason"]) for one in found] == \
        [(0, 5, "none"), (6, 5, "none"), (12, 21, "malformed-row"), (34, 5, "none")]
    found, _ = forms.read(head + b"c,\"5,6\n" + b"d,7,8\n" * 1000, "--format", "csv",
                          *forms.COLUMNS, folder=tmp_path)
    assert [(one["offset"], one["size"], one["reason"]) for one in found] == \
        [(0, 5, "none"), (6, 5, "none"), (12, 6007, "malformed-row")]


# ---- random damage ----


def damage(rng, data):
    """The data with one damage, and the bytes [begin, end) that it touched, before and after."""
    at = rng.randrange(len(data))
    kind = rng.randrange(7)
    size = rng.choice((1, 1, 1, 2, 3, 20))
    end = min(len(data), at + size)
    if kind == 0:
        new = bytes([data[at] ^ 1 << rng.randrange(8)])
        end = at + 1
    elif kind == 1:
        new = b""
    elif kind == 2:
        new = rng.choice((b"{", b"}", b"[", b"]", b"\"", b"\\", b",", b":", b"\n", b"\0", b"\xff"))
        end = at
    elif kind == 3:
        new = rng.randbytes(size)
    elif kind == 4:
        new = rng.choice((b"{", b"}", b"[", b"]", b"\"", b"\\", b",", b":", b"\n", b" "))
        end = at + 1
    elif kind == 5:
        new = rng.choice((b"{\"id\":", b"}\n{", b"\"}\n", b"[{", b"\n\n", b"]\n[", b"\\\"{\"id\""))
        end = at
    else:
        new = data[at:end] * 2
    return data[:at] + new + data[end:], at, end, len(new)


def check_damage(form, rng, folder, layout):
    records = [layout.spread(record) for record in form.records(rng, 8)]
    data = forms.join(records, layout)
    damaged, at, end, new = damage(rng, data)
    shift = new - (end - at)
    found, _ = forms.read(damaged, *form.read_with(), folder=folder)
    untouched = {}
    touched = [at, at + new]
    for record, (first, last) in zip(records, forms.spans(records, layout)):
        # A delimiter belongs to the text on both of its sides.
        around = len(layout.separator) if form.is_text else 0
        if last + around < at or first - around > end or \
                (not around and (last == at == end or first == end == at)):
            begins = first if last <= at else first + shift
            untouched[begins] = (record, begins + last - first)
        else:
            touched = [min(touched[0], first), max(touched[1], last + shift)]
    told = {}
    for one in found:
        if one["reason"] != "none":
            continue
        begins = one["offset"]
        home = [key for key in untouched if key <= begins < untouched[key][1]]
        if home and (begins == home[0] or form.name == "cloudwatch-logs"):
            told.setdefault(home[0], []).append(forms.outcome(one))
        else:
            # It must be a part of what was damaged.
            last = begins + one["size"]
            inside = touched[0] <= begins and (last <= touched[1] or form.is_text)
            assert inside, (data, damaged, touched, one)
    for begins, becomes in told.items():
        assert becomes == untouched[begins][0].becomes, (damaged, becomes)
    if form.name != "cloudwatch-logs":
        assert is_covered(damaged, found, BLANKS + b"[],"), (damaged, found)
    # On the damage's own line a record may go down with it.
    missing = {begins for begins, (_, last) in untouched.items()
               if begins not in told and begins != at + new and last != at}
    return missing, damaged, found


@pytest.mark.parametrize("form, name", [
    pytest.param(form, name, id=f"{form.name}-{name}")
    for form in forms.FORMS for name in forms.LAYOUTS
    if name in ("lines", "crlf") or not form.is_text])
def test_random_damage_never_makes_a_wrong_record(form, name, tmp_path):
    lost = 0
    for number in range(DAMAGES):
        rng = forms.seeded(form.name, name, number)
        missing, damaged, found = check_damage(form, rng, tmp_path, forms.LAYOUTS[name])
        # What stands on a line of its own is found again; a quote of CSV may open a field.
        if name in ("lines", "crlf") and form.name != "csv":
            assert not missing, (number, missing, damaged, found)
        lost += len(missing)
    assert lost < DAMAGES * 8 / 2
