# SPDX-License-Identifier: Apache-2.0
"""
Objects that are small and claim, or become, what fits nowhere: refused with a message that says
which limit it is, in bounded memory and time, by the limits that a conf has unless it says
otherwise.
"""

import bz2
import gzip
import io
import shutil
import struct
import subprocess
import time
import zipfile
import zlib

import pytest

import compressors
from built import IS_SANITIZED
from object_tool import read

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
LIMITS = ["--max-expansion", "1000", "--max-inflated-size", str(64 * GIB), "--max-layers", "3"]
EXPANSION = "more than max_expansion = 1000 for one"
ZEROS = bytes(64 * MIB)
RECORD = b'{"id":"before"}\n'


@pytest.fixture
def refused(tmp_path):
    """refused(bytes, message, options…): what was read before, as lines."""
    def refuse(body, message, *options):
        path = tmp_path / "object"
        path.write_bytes(body)
        begin = time.monotonic()
        records, end = read(path, *LIMITS, *options)
        seconds = time.monotonic() - begin
        assert end["end"] == "damaged"
        assert message in end["message"], end["message"]
        print(f"{end['message']}: {end['peak_kib'] / KIB:.1f} MiB, {seconds:.2f} s")
        # The object's own bytes are among them.
        if not IS_SANITIZED:
            assert end["peak_kib"] < 32 * KIB, f"{end['peak_kib'] / KIB:.1f} MiB"
        assert seconds < 30
        return records
    return refuse


# --- What becomes larger than it should -------------------------------------------------------


def ten_gigabytes(wrapping):
    """One stream of zeros: a block that repeats, as nothing before it is referred to."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, wrapping)
    head = deflate.compress(RECORD) + deflate.flush(zlib.Z_FULL_FLUSH)
    block = deflate.compress(bytes(MIB)) + deflate.flush(zlib.Z_FULL_FLUSH)
    assert len(block) < 1100
    return head + block * (10 * KIB)


@pytest.mark.parametrize("wrapping", [zlib.MAX_WBITS | 16, zlib.MAX_WBITS], ids=["gzip", "zlib"])
def test_10_gb_of_zeros_in_one_stream(refused, wrapping):
    bomb = ten_gigabytes(wrapping)
    assert len(bomb) < 12 * MIB
    assert len(refused(bomb, EXPANSION)) == 1


def test_10_gb_of_zeros_in_members(refused):
    bomb = gzip.compress(RECORD) + gzip.compress(ZEROS) * (10 * GIB // len(ZEROS))
    assert len(refused(bomb, EXPANSION)) == 1


def test_10_gb_of_zeros_in_a_zip(refused):
    head = b"PK\3\4" + struct.pack("<HHHLLLLHH", 20, 8, 8, 0, 0, 0, 0, 1, 0) + b"x"
    assert len(refused(head + ten_gigabytes(-zlib.MAX_WBITS), EXPANSION)) == 1


def test_10_gb_of_zeros_in_zstandard(refused, tmp_path):
    if shutil.which("zstd") is None:
        pytest.skip("zstd is not installed (scripts/install-deps --test)")
    frame = subprocess.run(["zstd", "-q", "-c"], input=ZEROS, check=True, capture_output=True).stdout
    first = subprocess.run(["zstd", "-q", "-c"], input=RECORD, check=True,
                           capture_output=True).stdout
    bomb = first + frame * (10 * GIB // len(ZEROS))
    assert len(bomb) < 2 * MIB
    assert len(refused(bomb, EXPANSION)) == 1


def test_10_gb_of_zeros_in_bzip2(refused):
    bomb = bz2.compress(RECORD) + bz2.compress(ZEROS) * (10 * GIB // len(ZEROS))
    assert len(bomb) < 100 * KIB
    assert len(refused(bomb, EXPANSION)) == 1


def test_10_gb_of_zeros_packed_twice_are_14_kb(refused):
    bomb = gzip.compress(ten_gigabytes(zlib.MAX_WBITS | 16), 9)
    assert len(bomb) < 40 * KIB
    assert len(refused(bomb, EXPANSION)) == 1


def test_the_size_has_a_limit_of_its_own(refused):
    bomb = gzip.compress(RECORD) + gzip.compress(ZEROS) * 4
    assert len(refused(bomb, "gzip: it inflates to over max_inflated_size = 100000000 bytes",
                       "--max-expansion", "2000", "--max-inflated-size", "100000000")) == 1


# --- Archives of archives, as 42.zip is -------------------------------------------------------


def nested(levels, copies, innermost):
    """An archive of `copies` archives of … of one file."""
    body = innermost
    for level in range(levels):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for copy in range(copies if level else 1):
                archive.writestr(f"{level}-{copy}", body)
        body = out.getvalue()
    return body


def test_an_archive_of_archives_of_archives_is_refused_by_its_layers(refused):
    bomb = nested(6, 16, bytes(256 * MIB))  # 16^5 times 256 MiB: 256 TiB
    assert len(bomb) < 100 * KIB
    message = "over max_layers = 3 compressions inside one another, the next is zip"
    assert refused(bomb, message) == []


def test_an_archive_within_the_layers_is_refused_by_its_expansion(refused):
    assert refused(nested(3, 1, bytes(256 * MIB)), EXPANSION) == []


def test_gzip_within_gzip_without_end_is_refused_by_its_layers(refused):
    bomb = ZEROS
    for _ in range(20):
        bomb = gzip.compress(bomb)
    message = "over max_layers = 3 compressions inside one another, the next is gzip"
    assert refused(bomb, message) == []


# --- What claims more than there is -----------------------------------------------------------

CLAIMS = "claims 4294967295 bytes"
HUGE = b"\xff\xff\xff\xff\x0f"  # 2^32 - 1 as a varint
JAVA_HEAD = b"\x82SNAPPY\0" + struct.pack(">LL", 1, 1)
FRAMED_HEAD = b"\xff\x06\0\0sNaPpY"


@pytest.mark.parametrize("bomb", [
    JAVA_HEAD + b"\xff\xff\xff\xff" + bytes(100),
    JAVA_HEAD + struct.pack(">L", 100) + HUGE + bytes(95),
    FRAMED_HEAD + b"\0\x64\0\0" + bytes(4) + HUGE + bytes(91),
    struct.pack(">LL", 0x100000, 0xffffffff) + b"\x80\x08" + bytes(100),
    struct.pack(">LL", 0x100000, 100) + HUGE + bytes(95),
], ids=["snappy, a block", "snappy, its content", "framed, its content", "hadoop, a chunk",
        "hadoop, its content"])
def test_a_chunk_of_snappy_that_claims_4_gb(refused, bomb):
    assert refused(bomb, CLAIMS, "--name", "p/records.snappy") == []


@pytest.mark.parametrize("stream", ["SnappyOutputStream", "SnappyHadoopCompatibleOutputStream"])
def test_a_chunk_that_claims_4_gb_behind_a_good_one(refused, tmp_path, stream):
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(RECORD)
    try:
        compressors.by_snappy_java(stream)(str(plain), str(packed))
    except compressors.Missing as missing:
        pytest.skip(str(missing))
    claim = b"\xff\xff\xff\xff" * 2
    assert len(refused(packed.read_bytes() + claim + bytes(100), CLAIMS)) == 1


@pytest.mark.parametrize("method", [0, 8], ids=["stored", "deflated"])
def test_a_zip_entry_that_claims_exabytes(refused, method):
    body = RECORD
    if method == 8:
        deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        body = deflate.compress(RECORD) + deflate.flush(zlib.Z_SYNC_FLUSH)
    head = b"PK\3\4" + struct.pack("<HHHLLLLHH", 45, 0, method, 0, 0, 2**32 - 1, 2**32 - 1, 1, 20)
    field = struct.pack("<HHQQ", 1, 16, 2**62, 2**62)
    assert len(refused(head + b"x" + field + body, "zip: the archive is cut off")) == 1
