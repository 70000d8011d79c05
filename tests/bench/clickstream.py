# SPDX-License-Identifier: Apache-2.0
"""The object that is measured: `clickstream.py COUNT FILE` writes so many records, gzipped."""
import gzip
import json
import os
import random
import sys


def records(count):
    """Records as a web shop's tracker writes them; the same for the same count."""
    rng = random.Random(20261122)
    pages = ["/", "/search", "/cart", "/checkout"] + [f"/product/{i}" for i in range(400)]
    agents = ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36",
              "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Mobile Safari/604.1"]
    for number in range(count):
        yield json.dumps({
            "event_id": f"{rng.getrandbits(64):016x}{number:012x}",
            "event_type": rng.choice(("view", "view", "view", "add_to_cart", "purchase")),
            "user_id": rng.randrange(200000), "session": f"s-{rng.getrandbits(40):010x}",
            "ts": 1795341600000 + number * 7, "page": rng.choice(pages),
            "referrer": None if rng.random() < .5 else "https://www.example.com/campaign",
            "userAgent": rng.choice(agents), "ip": f"10.{rng.randrange(256)}.{rng.randrange(256)}.7",
            "product": {"id": f"p-{rng.randrange(5000)}", "price": round(rng.random() * 200, 2),
                        "tags": ["sale", "new"][:rng.randrange(3)]},
            "consent": rng.random() < .8}, separators=(",", ":")) + "\n"


def write(path, count):
    """The bytes that it is uncompressed."""
    plain = 0
    with gzip.open(path, "wt", compresslevel=6) as out:
        for record in records(count):
            plain += len(record)
            out.write(record)
    return plain


if __name__ == "__main__":
    write(sys.argv[2] + ".new", int(sys.argv[1]))
    os.rename(sys.argv[2] + ".new", sys.argv[2])
