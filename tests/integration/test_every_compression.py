# SPDX-License-Identifier: Apache-2.0
"""The same 100,000 records in every compression are the same items, record by record."""

import json
import os
import pathlib
import random
import subprocess

import pytest

import compressors

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FIREBRIDGE_BUILD", ROOT / "build" / "release"))
TOOL = BUILD / "tests" / "bench" / "object_tool"
RECORDS = 100_000
FORMS = {  # what it is called where that is not the maker's name
    "pigz": "gzip", "zip-stored": "zip", "zip-deflated": "zip",
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """Records whose numbers, escapes and blanks a careless reader would change."""
    rng = random.Random(3)
    path = tmp_path_factory.mktemp("plain") / "records.json"
    with open(path, "w", encoding="utf-8") as out:
        for number in range(RECORDS):
            record = {"id": f"r-{number}", "price": rng.randrange(10**9) / 100,
                      "who": rng.choice(("Zoë", "a\"b\\c", "\u2028", "😀", "")), "n": [None, True]}
            out.write(json.dumps(record, ensure_ascii=rng.random() < .5))
            out.write(rng.choice(("", "\n", "\r\n", " ")))
    return path


def read(path, *options):
    """The records as lines, and what the object turned out to be."""
    done = subprocess.run([TOOL, "--key", "id", *options, path], capture_output=True, check=True)
    *records, end = done.stdout.splitlines()
    return records, json.loads(end)


@pytest.fixture(scope="module")
def expected(plain):
    records, end = read(plain)
    assert end["compression"] == "none" and end["end"] == "whole"
    assert len(records) == RECORDS
    assert not [record for record in records if b'"reason":"none"' not in record]
    return records


@pytest.mark.parametrize("name", compressors.MAKERS)
def test_the_same_records_whatever_the_compression(name, plain, expected, tmp_path):
    compressed = tmp_path / "object"
    try:
        compressors.make(name, plain, compressed)
    except compressors.Missing as missing:
        pytest.skip(str(missing))
    records, end = read(compressed)
    assert end["compression"] == FORMS.get(name, name)
    assert end["end"] == "whole", end["message"]
    assert records == expected
    again, _ = read(compressed, "--piece", "1021")
    assert again == expected
