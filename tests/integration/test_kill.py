# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments: however often, the table is what the last writers of each key left."""

import os
import random
import time

import pytest

import firehose

KILLS = int(os.environ.get("FIREBRIDGE_KILLS", "50"))
SEED = int(os.environ.get("FIREBRIDGE_SEED", "1"))
OBJECTS, RECORDS_EACH, KEYS = 20, 5000, 3000
TIME_LIMIT_S = 170


def make_objects(dice):
    """100,000 records; `n` tells each write of a key from every other."""
    return [[b'{"id":"k%d","n":%d}' % (dice.randrange(KEYS), number * RECORDS_EACH + i)
             for i in range(RECORDS_EACH)] for number in range(OBJECTS)]


def run_killing(firebridge, conf, dice, kills_left):
    """Runs until the work is done; returns how often it was killed on the way."""
    kills = 0
    while True:
        process = firebridge.start(conf, "run", "--once")
        if kills < kills_left:
            # Often too early for anything, sometimes late enough for a checkpoint.
            deadline = time.monotonic() + dice.choice((0.1, 0.6, 1.2, 2.0)) * dice.random()
            while time.monotonic() < deadline and process.alive():
                time.sleep(0.005)
            if process.alive():
                process.kill()
                kills += 1
                continue
        result = process.wait()
        assert result.code == 0, str(result)
        return kills


@pytest.mark.slow
def test_the_table_equals_the_last_writers_after_every_crash(firebridge, make_conf, s3, bucket,
                                                            make_table):
    dice = random.Random(SEED)
    kills, started = 0, time.monotonic()
    objects = make_objects(dice)
    begin = firehose.hours_ago(OBJECTS)
    for n, records in enumerate(objects):
        firehose.put(s3, bucket, "k/", begin.replace(minute=n), records,
                     members=dice.choice((None, 1, 3)))
    flat = [record for records in objects for record in records]
    rounds = 0
    while kills < KILLS:
        table = make_table()
        # A round of its own: the stream's name makes its checkpoint new.
        conf = make_conf(**{f"round{rounds}": (f"s3://{bucket}/k/", table)})
        kills += run_killing(firebridge, conf, dice, KILLS - kills)
        table.expect(flat)
        rounds += 1
        print(f"round {rounds}: {kills} kills so far, {time.monotonic() - started:.0f} s")
        assert time.monotonic() - started < TIME_LIMIT_S, f"only {kills} kills (seed {SEED})"
