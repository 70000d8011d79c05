# SPDX-License-Identifier: Apache-2.0
"""Dead letters as a test finds them, wherever the stream keeps them."""

import base64
import gzip
import json


class Files:
    """In the state folder."""

    name = "files"
    conf = ""

    def __init__(self, firebridge):
        self.folder = firebridge.state / "dead-letters" / "main"

    def names(self):
        return sorted(path.name for path in self.folder.glob("dead-letters-*"))

    def remove(self, name):
        (self.folder / name).unlink()

    def lines(self):
        return [line for name in self.names()
                for line in (self.folder / name).read_text().splitlines() if line.strip()]


class Bucket:
    """Under a prefix of the bucket that the records come from."""

    name = "s3"

    def __init__(self, s3, bucket):
        self.s3, self.bucket = s3, bucket
        self.conf = f"dead_letters = s3://{bucket}/dead/"

    def names(self):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket,
                                                                  Prefix="dead/main/")
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def remove(self, name):
        self.s3.delete_object(Bucket=self.bucket, Key=name)

    def lines(self):
        bodies = [self.s3.get_object(Bucket=self.bucket, Key=name)["Body"].read()
                  for name in self.names()]
        return [line for body in bodies for line in gzip.decompress(body).decode().splitlines()]


def parsed(store):
    return [json.loads(line) for line in store.lines()]


def text_of(letter):
    return base64.b64decode(letter["bytes"])


def texts(store):
    return sorted(text_of(letter) for letter in parsed(store))
