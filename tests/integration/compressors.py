# SPDX-License-Identifier: Apache-2.0
"""
Every compression that an object may have, made from a file by somebody else's tool, as a stream:

    make(name, plain, compressed)       paths; Missing when the tool is not there

As a program it is what needs a process of its own: `compressors.py JAVA-STREAM PLAIN COMPRESSED`.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile
import zlib

SNAPPY_JAVA = pathlib.Path("/usr/share/java/snappy-java.jar")
PIECE = 1 << 20
NO_JPYPE = 3


class Missing(Exception):
    """The tool is not installed here."""


def tool(*command):
    def make(plain, compressed):
        if shutil.which(command[0]) is None:
            raise Missing(f"{command[0]} is not installed (scripts/install-deps --test)")
        with open(plain, "rb") as source, open(compressed, "wb") as target:
            subprocess.run(command, stdin=source, stdout=target, check=True)
    return make


def pieces(source):
    while piece := source.read(PIECE):
        yield piece


def by_zlib(plain, compressed):
    packer = zlib.compressobj(6)
    with open(plain, "rb") as source, open(compressed, "wb") as target:
        for piece in pieces(source):
            target.write(packer.compress(piece))
        target.write(packer.flush())


class Unseekable:
    """Makes zipfile put sizes behind the content, as who writes to a socket must."""

    def __init__(self, file):
        self.file = file

    def write(self, data):
        return self.file.write(data)

    def flush(self):
        self.file.flush()


def by_zipfile(method):
    def make(plain, compressed):
        with open(plain, "rb") as source, open(compressed, "wb") as target, \
                zipfile.ZipFile(Unseekable(target), "w", method) as archive, \
                archive.open("records.json", "w", force_zip64=True) as entry:
            shutil.copyfileobj(source, entry, PIECE)
    return make


def by_snappy_java(stream):
    """In a process of its own: a Java machine can be started once, and never stopped."""
    def make(plain, compressed):
        if not SNAPPY_JAVA.exists():
            raise Missing("libsnappy-java is not installed (scripts/install-deps --test)")
        done = subprocess.run([sys.executable, "-B", __file__, stream, plain, compressed],
                              capture_output=True, text=True, check=False)
        if done.returncode == NO_JPYPE:
            raise Missing(done.stderr.strip())
        assert done.returncode == 0, done.stderr
    return make


def run_snappy_java(stream, plain, compressed):
    try:
        import jpype
    except ImportError as missing:
        print(f"python3-jpype is not installed: {missing}", file=sys.stderr)
        sys.exit(NO_JPYPE)
    # Debian's JPype has its own Java part beside the others, and does not look there.
    jpype.startJVM("-Djava.class.path=" + ":".join(str(SNAPPY_JAVA.parent / jar) for jar in
                                                   ("org.jpype.jar", SNAPPY_JAVA.name)),
                   "-Dorg.xerial.snappy.use.systemlib=true",
                   "-Djava.library.path=" + ":".join(map(str, pathlib.Path("/usr/lib").glob(
                       "*/jni"))) + ":/usr/lib/jni")
    java = jpype.JPackage("java")
    out = jpype.JClass(f"org.xerial.snappy.{stream}")(
        java.io.BufferedOutputStream(java.io.FileOutputStream(compressed)))
    with open(plain, "rb") as source:
        for piece in pieces(source):
            out.write(jpype.JArray(jpype.JByte)(piece))
    out.close()


MAKERS = {
    "gzip": tool("gzip", "-c"),
    "pigz": tool("pigz", "-c"),
    "zlib": by_zlib,
    "zip": tool("zip", "-q", "-", "-"),
    "zip-stored": by_zipfile(zipfile.ZIP_STORED),
    "zip-deflated": by_zipfile(zipfile.ZIP_DEFLATED),
    "snappy": by_snappy_java("SnappyOutputStream"),
    "snappy-framed": by_snappy_java("SnappyFramedOutputStream"),
    "hadoop-snappy": by_snappy_java("SnappyHadoopCompatibleOutputStream"),
    "zstd": tool("zstd", "-q", "-c"),
    "bzip2": tool("bzip2", "-c"),
    "gzip, gzip": lambda plain, compressed: twice(plain, compressed),
}


def twice(plain, compressed):
    inner = f"{compressed}.inner"
    make("gzip", plain, inner)
    make("gzip", inner, compressed)
    os.unlink(inner)


def make(name, plain, compressed):
    MAKERS[name](str(plain), str(compressed))


if __name__ == "__main__":
    run_snappy_java(*sys.argv[1:])
