# SPDX-License-Identifier: Apache-2.0
"""What each tool can be told to make beside its usual form: read just so, or refused by name."""

import bz2
import gzip
import random
import shutil
import subprocess
import zipfile

import pytest

import compressors
from object_tool import read

HALF = 60


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


class Box:
    """A folder with a first and a second half of records, and what is made of them."""

    def __init__(self, path):
        rng = random.Random(5)
        lines = [b'{"id":"r-%d","v":%d}\n' % (n, rng.randrange(10**15)) for n in range(2 * HALF)]
        self.path, self.object = path, path / "object"
        self.halves = [b"".join(lines[:HALF]), b"".join(lines[HALF:])]
        (path / "p").mkdir()
        self.files = [path / "p" / "first.json", path / "p" / "second.json"]
        for file, half in zip(self.files, self.halves):
            file.write_bytes(half)
        self.whole = path / "whole.json"
        self.whole.write_bytes(b"".join(self.halves))
        self.expected, _ = read(self.whole)
        assert len(self.expected) == 2 * HALF

    def run(self, *command, source=None, target=None):
        if shutil.which(command[0]) is None:
            pytest.skip(f"{command[0]} is not installed (scripts/install-deps --test)")
        with open(source or "/dev/null", "rb") as stdin, \
                open(target or "/dev/null", "wb") as stdout:
            subprocess.run(command, stdin=stdin, stdout=stdout, cwd=self.path, check=True)

    def expect_read(self, compression, *options):
        for piece in ("1", "4096", "1000000"):
            records, end = read(self.object, "--piece", piece, *options)
            assert end["compression"] == compression
            assert end["end"] == "whole", end["message"]
            assert records == self.expected

    def expect_refused(self, message, records=0):
        for piece in ("1", "4096", "1000000"):
            found, end = read(self.object, "--piece", piece)
            assert end["end"] == "damaged"
            assert message in end["message"]
            assert found == self.expected[:records]


# --- One behind the other ---------------------------------------------------------------------

MEMBERS = {
    "gzip, pigz": (["gzip", "-c"], ["pigz", "-c"], "gzip"),
    "gzip -1, gzip -9 with a name": (["gzip", "-1c"], ["gzip", "-9c", "p/second.json"], "gzip"),
    "pigz by processes": (["pigz", "-p2", "-b128", "-c"], ["pigz", "-11", "-c"], "gzip"),
    "zstd": (["zstd", "-q", "-c"], ["zstd", "-q", "-19", "-c"], "zstd"),
    "zstd without a checksum": (["zstd", "-q", "--no-check", "-c"], ["zstd", "-q1c"], "zstd"),
    "bzip2": (["bzip2", "-c"], ["bzip2", "-1c"], "bzip2"),
}


@pytest.mark.parametrize("first, second, compression", MEMBERS.values(), ids=MEMBERS)
def test_members_frames_and_streams_one_behind_the_other(box, first, second, compression):
    parts = [box.path / "1", box.path / "2"]
    for command, source, part in zip((first, second), box.files, parts):
        box.run(*command, source=source, target=part)
    box.object.write_bytes(b"".join(part.read_bytes() for part in parts))
    box.expect_read(compression)


def test_a_zlib_stream_whose_head_is_text_is_read_where_it_is_said_to_be_one(box):
    parts = [box.path / "1", box.path / "2"]
    for source, part in zip(box.files, parts):
        box.run("pigz", "-zc", source=source, target=part)
    box.object.write_bytes(b"".join(part.read_bytes() for part in parts))
    box.expect_read("zlib", "--content-encoding", "deflate")
    box.expect_read("zlib", "--name", "p/records.zz")
    box.expect_read("zlib", "--compression", "zlib")


@pytest.mark.parametrize("stream, compression", [("SnappyOutputStream", "snappy"),
                                                 ("SnappyFramedOutputStream", "snappy-framed"),
                                                 ("SnappyHadoopCompatibleOutputStream",
                                                  "hadoop-snappy")])
def test_streams_of_snappy_one_behind_the_other(box, stream, compression):
    parts = [box.path / "1", box.path / "2"]
    for source, part in zip(box.files, parts):
        try:
            compressors.by_snappy_java(stream)(str(source), str(part))
        except compressors.Missing as missing:
            pytest.skip(str(missing))
    box.object.write_bytes(b"".join(part.read_bytes() for part in parts))
    box.expect_read(compression)


def test_a_member_for_each_record_with_a_newline_behind_it(box):
    lines = box.whole.read_bytes().splitlines(keepends=True)
    box.object.write_bytes(b"\n".join(gzip.compress(line) for line in lines) + b"\n")
    box.expect_read("gzip")


# --- ZIP --------------------------------------------------------------------------------------

ZIPS = {
    "a file": ["zip", "-q", "object", "whole.json"],
    "a file, stored": ["zip", "-q", "-0", "object", "whole.json"],
    "a file, packed hard": ["zip", "-q", "-9", "-X", "object", "whole.json"],
    "a folder of two": ["zip", "-q", "-r", "object", "p"],
    "a folder of two, stored": ["zip", "-q", "-0", "-r", "object", "p"],
    "a folder of two, with descriptors": ["zip", "-q", "-fd", "-r", "object", "p"],
    "a folder of two, with comments": ["zip", "-q", "-z", "-r", "object", "p"],
}


@pytest.mark.parametrize("command", ZIPS.values(), ids=ZIPS)
def test_zip_makes_archives_of_files(box, command):
    box.run(*command)
    if "-r" in command:  # in the folder's own order
        with zipfile.ZipFile(box.path / "object.zip") as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
        whole = b"".join((box.path / name).read_bytes() for name in names)
        box.whole.write_bytes(whole)
        box.expected, _ = read(box.whole)
    box.object = box.path / "object.zip"
    box.expect_read("zip")


@pytest.mark.parametrize("level", ["-1", "-6", "-9"])
def test_zip_writes_to_a_pipe_what_it_reads_from_one(box, level):
    with open(box.whole, "rb") as source, open(box.object, "wb") as target:
        zipping = subprocess.Popen(["zip", "-q", level, "-", "-"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE)
        zipping.stdin.write(source.read())
        zipping.stdin.close()
        target.write(zipping.stdout.read())
        assert zipping.wait() == 0
        zipping.stdout.close()
    box.expect_read("zip")


@pytest.mark.parametrize("seekable", [True, False])
@pytest.mark.parametrize("force_zip64", [True, False])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zipfile_with_and_without_zip64_and_descriptors(box, method, force_zip64, seekable):
    with open(box.object, "wb") as target, \
            zipfile.ZipFile(target if seekable else compressors.Unseekable(target), "w",
                            method) as archive:
        archive.comment = b"PK\x05\x06 and a comment"
        for file, half in zip(box.files, box.halves):
            with archive.open(file.name, "w", force_zip64=force_zip64) as entry:
                entry.write(half)
    box.expect_read("zip")


def test_an_encrypted_entry_is_refused_by_name_behind_the_good_one(box):
    box.run("zip", "-q", "-j", "object", "p/first.json")
    box.run("zip", "-q", "-j", "-e", "-P", "password", "object", "p/second.json")
    box.object = box.path / "object.zip"
    box.expect_refused("zip: entry 2 (second.json) is encrypted", records=HALF)


@pytest.mark.parametrize("method, name", [(zipfile.ZIP_BZIP2, "bzip2 (method 12)"),
                                          (zipfile.ZIP_LZMA, "LZMA (method 14)")])
def test_a_method_that_is_not_read_is_refused_by_name(box, method, name):
    with zipfile.ZipFile(box.object, "w") as archive:
        archive.write(box.files[0], "first.json", zipfile.ZIP_DEFLATED)
        archive.write(box.files[1], "second.json", method)
    box.expect_refused(f"zip: entry 2 (second.json) is compressed by {name}", records=HALF)


# --- Windows, layers --------------------------------------------------------------------------


def test_a_window_that_would_not_fit_in_memory_is_refused(box):
    box.run("zstd", "-q", "--long=27", "-c", source=box.whole, target=box.object)
    box.expect_refused("zstd: it needs a window of over 8 MiB of memory, as `zstd --long`")


def test_a_window_that_fits_is_read(box):
    box.run("zstd", "-q", "--long=23", "-c", source=box.whole, target=box.object)
    box.expect_read("zstd")


def test_other_forms_stand_inside_one_another(box):
    inner = box.path / "inner.zst"
    box.run("zstd", "-q", "-c", source=box.whole, target=inner)
    packed = gzip.compress(inner.read_bytes())
    with zipfile.ZipFile(box.object, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("records.gz", packed)
    box.expect_read("zip, gzip, zstd")
    box.object.write_bytes(bz2.compress(box.object.read_bytes()))
    box.expect_refused("over max_layers = 3 compressions inside one another, the next is zstd")
