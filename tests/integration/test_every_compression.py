# SPDX-License-Identifier: Apache-2.0
"""The same 100,000 records in every compression are the same items, record by record."""

import json
import random

import pytest

import compressors
from object_tool import read, unreported_cuts

RECORDS = 100_000
FEW = 12
FORMS = {  # what it is called where that is not the maker's name
    "pigz": "gzip", "zip-stored": "zip", "zip-deflated": "zip",
}


def write_records(path, count):
    """Records whose numbers, escapes and blanks a careless reader would change."""
    rng = random.Random(3)
    with open(path, "w", encoding="utf-8") as out:
        for number in range(count):
            record = {"id": f"r-{number}", "price": rng.randrange(10**9) / 100,
                      "who": rng.choice(("Zoë", "a\"b\\c", "\u2028", "😀", "")), "n": [None, True]}
            out.write(json.dumps(record, ensure_ascii=rng.random() < .5))
            out.write(rng.choice(("", "\n", "\r\n", " ")))
    return path


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return write_records(tmp_path_factory.mktemp("plain") / "records.json", RECORDS)


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return write_records(tmp_path_factory.mktemp("few") / "records.json", FEW)


@pytest.fixture(scope="module")
def expected(plain):
    records, end = read(plain)
    assert end["compression"] == "none" and end["end"] == "whole"
    assert len(records) == RECORDS
    assert not [record for record in records if b'"reason":"none"' not in record]
    return records


def make(name, plain, tmp_path):
    compressed = tmp_path / "object"
    try:
        compressors.make(name, plain, compressed)
    except compressors.Missing as missing:
        pytest.skip(str(missing))
    return compressed


@pytest.mark.parametrize("name", compressors.MAKERS)
def test_the_same_records_whatever_the_compression(name, plain, expected, tmp_path):
    compressed = make(name, plain, tmp_path)
    records, end = read(compressed)
    assert end["compression"] == FORMS.get(name, name)
    assert end["end"] == "whole", end["message"]
    assert records == expected
    again, _ = read(compressed, "--piece", "1021")
    assert again == expected


@pytest.mark.parametrize("name", compressors.MAKERS)
def test_the_same_records_in_pieces_of_every_size(name, few, tmp_path):
    compressed = make(name, few, tmp_path)
    whole, end = read(few, "--piece", "1000000")
    assert len(whole) == FEW and end["end"] == "whole"
    for piece in (1, 2, 3, 7, 4096, 1_000_000):
        records, end = read(compressed, "--piece", str(piece))
        assert end["end"] == "whole", end["message"]
        assert records == whole, f"in pieces of {piece}"


# Behind its head, and before its only block, a stream of Snappy is a whole one of nothing.
CUTS_THAT_CANNOT_BE_TOLD = {"snappy": {16}, "snappy-framed": {10}}


@pytest.mark.parametrize("name", compressors.MAKERS)
def test_a_cut_at_any_byte_gives_no_wrong_record_and_is_reported(name, few, tmp_path):
    compressed = make(name, few, tmp_path)
    assert unreported_cuts(compressed) == CUTS_THAT_CANNOT_BE_TOLD.get(name, set())
    assert unreported_cuts(compressed, "--piece", "1") == CUTS_THAT_CANNOT_BE_TOLD.get(name, set())
