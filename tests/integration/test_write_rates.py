# SPDX-License-Identifier: Apache-2.0
"""
What writing costs and how fast it goes: keys that are hot, a key that is throttled, a table that
takes so much and no more. All is measured in the proxy. The short runs are for every day; those
marked soak take as long as the figures of docs/operations.md did.
"""

import bisect
import collections
import hashlib
import itertools
import json
import random
import threading
import time

import pytest

import fault_proxy
import firehose
import write_oracle

SEED = 20261126

pytestmark = pytest.mark.alone


class Feed:
    """Puts an object a second, of so many records, as Firehose would with a busy stream."""

    def __init__(self, s3, bucket, seconds, make):
        self.s3, self.bucket, self.seconds, self.make = s3, bucket, seconds, make
        self.records = []
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        begun = time.monotonic()
        for second in range(self.seconds):
            records = self.make(second)
            firehose.put(self.s3, self.bucket, "k/", firehose.now(), records)
            self.records += records
            time.sleep(max(0, begun + second + 1 - time.monotonic()))

    def start(self):
        self.thread.start()
        return self


def written(call):
    """How many items a BatchWriteItem wrote; each is below 1 KB, and so costs a unit."""
    return len(call.operations()) if call.status == 200 and not call.fault else 0


# --- Hot keys -------------------------------------------------------------------------------------


def zipf(keys, exponent, dice):
    """Ranks of a Zipf distribution, one after the other."""
    weights = list(itertools.accumulate(1 / rank ** exponent for rank in range(1, keys + 1)))
    while True:
        yield bisect.bisect(weights, dice.random() * weights[-1])


@pytest.mark.parametrize("seconds", [12, pytest.param(50, marks=pytest.mark.soak)])
def test_coalescing_hot_keys_saves_most_write_units(seconds, firebridge, make_conf, s3, bucket,
                                                    table, dynamodb_server, figures):
    ranks = zipf(10_000, 1.1, random.Random(SEED))
    feed = Feed(s3, bucket, seconds, lambda second: [
        {"id": f"k{next(ranks)}", "n": second * 2000 + n} for n in range(2000)]).start()
    with fault_proxy.FaultProxy(dynamodb_server.url) as proxy:
        # At most 4 MiB a lane.
        conf = make_conf(dynamodb_url=proxy.url, stream="writers = 16\nmax_in_flight = 64MiB",
                         main=(f"s3://{bucket}/k/", table, "coalesce_for = 5s"))
        process = firebridge.start(conf, "run")
        feed.thread.join()
        oracle = write_oracle.Oracle().apply_all(feed.records, "put")
        process.wait_until(lambda: table.count() == len(oracle.items) and
                           not write_oracle.differences(table.by_key(), oracle.items),
                           timeout_s=60)
        process.terminate()
        assert process.wait().code == 0
        units = sum(map(written, proxy.of("BatchWriteItem")))
    share = units / len(feed.records)
    figures(f"{len(feed.records)} records, {units} write units: {share:.1%}")
    assert share <= 0.40
    assert f"{len(feed.records) - units} coalesced" in process.log


# --- One throttled key ----------------------------------------------------------------------------

HOT = "hot"


def is_hot(entry):
    return entry["PutRequest"]["Item"]["id"]["S"] == HOT


class HotKey:
    """
    A rule: a call takes 150 ms, and from the second `begins` for `seconds` one key is throttled.
    `others` counts what was written of other keys in each second.
    """

    def __init__(self, begins, seconds):
        self.begins, self.seconds = begins, seconds
        self.begun = None
        self.others = collections.Counter()
        self.throttled = 0
        self._lock = threading.Lock()

    def __call__(self, call):
        if call.operation != "BatchWriteItem":
            return None
        with self._lock:
            self.begun = self.begun or time.monotonic()
            second = int(time.monotonic() - self.begun)
            items = call.puts()
            others = sum(item["id"]["S"] != HOT for item in items)
            self.others[second] += others
            if not self.begins <= second < self.begins + self.seconds or others == len(items):
                return fault_proxy.delay(0.15)
            self.throttled += 1
        refuse = fault_proxy.unprocessed(lambda entry: not is_hot(entry))
        return fault_proxy.delay(0.15, refuse if others else fault_proxy.throttle)


@pytest.mark.parametrize("seconds", [6, pytest.param(60, marks=pytest.mark.soak)])
def test_one_throttled_key_does_not_slow_the_others(seconds, firebridge, make_conf, s3, bucket,
                                                   table, dynamodb_server, figures):
    settle = max(6, seconds // 4)
    dice = random.Random(SEED)
    per_object, objects = 1000, seconds + 2 * settle
    begin = firehose.hours_ago(3)
    for n in range(objects):
        records = [{"id": HOT if dice.random() < 0.01 else f"k{n}-{i}", "n": n * per_object + i}
                   for i in range(per_object)]
        firehose.put(s3, bucket, "k/", begin.replace(minute=n % 60, second=n // 60), records)
    rule = HotKey(settle, seconds)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        conf = make_conf(dynamodb_url=proxy.url, stream="writers = 4\nmax_in_flight = 2MiB",
                         main=(f"s3://{bucket}/k/", table))
        process = firebridge.start(conf, "run")
        process.wait_until(
            lambda: rule.begun and time.monotonic() - rule.begun > seconds + 2 * settle,
            timeout_s=seconds + 60)
        process.kill()
    around = [rule.others[second] for second in (*range(3, settle),
                                                 *range(seconds + settle, seconds + 2 * settle))]
    usual = sum(around) / len(around)
    during = sum(rule.others[settle + n] for n in range(seconds)) / seconds
    figures(f"others: {usual:.0f} items a second, {during:.0f} while one key is "
            f"throttled ({rule.throttled} calls, {seconds} s)")
    assert rule.throttled > 1  # how often it is tried is drawn: full jitter
    assert during >= 0.9 * usual


def test_the_key_that_holds_everything_is_named_by_its_hash(firebridge, make_conf, s3, bucket,
                                                           table, dynamodb_server):
    """SHA-256 of the key, as `printf hot | sha256sum` has it."""
    firehose.put(s3, bucket, "k/", firehose.hours_ago(1),
                 [{"id": HOT, "n": n, "x": "x" * 300} for n in range(4000)])
    rule = HotKey(0, 10**6)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        conf = make_conf(dynamodb_url=proxy.url, stream="writers = 4\nmax_in_flight = 1MiB",
                         main=(f"s3://{bucket}/k/", table))
        process = firebridge.start(conf, "run")
        process.wait_until(lambda: "the hash of the key is" in process.log, timeout_s=40)
        process.kill()
    assert hashlib.sha256(HOT.encode()).hexdigest()[:16] in process.log


# --- A table that takes so much -------------------------------------------------------------------


def rate_of(events, begin, end):
    return sum(units for at, units in events if begin <= at < end) / (end - begin)


@pytest.fixture
def machine_units(firebridge, make_conf, s3, bucket, table, dynamodb_server):
    """How many units a second the servers of this machine take, when nothing bounds them."""
    firehose.put(s3, bucket, "fast/", firehose.hours_ago(1), [{"id": f"f{n}"} for n in range(4000)])
    rule = fault_proxy.TableOf(10**6)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        firebridge.once(make_conf(dynamodb_url=proxy.url, fast=(f"s3://{bucket}/fast/", table)))
    return rate_of(rule.taken, rule.taken[0][0], rule.taken[-1][0])


@pytest.mark.parametrize("seconds, most, share", [
    (12, 400, 0.80),
    pytest.param(60, 1000, 0.85, marks=pytest.mark.soak),
])
def test_a_stream_settles_below_what_the_table_takes(seconds, most, share, firebridge, make_conf,
                                                    s3, bucket, table, dynamodb_server, figures,
                                                    machine_units):
    """
    The table is to be what holds it up, not a slow machine. In the first half minute lanes that
    fell too far when they began may still hold up the others: the short run allows for that.
    """
    settle, per_object, units = 10, 4000, min(most, int(machine_units / 2))
    begin = firehose.hours_ago(3)
    for n in range((seconds + settle) * units * 11 // 10 // per_object + 4):
        firehose.put(s3, bucket, "k/", begin.replace(minute=n % 60, second=n // 60),
                     [{"id": f"k{n}-{i}"} for i in range(per_object)])
    rule = fault_proxy.TableOf(units)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        conf = make_conf(dynamodb_url=proxy.url, main=(f"s3://{bucket}/k/", table))
        process = firebridge.start(conf, "run")
        process.wait_until(lambda: rule.taken and
                           time.monotonic() - rule.taken[0][0] > settle + seconds, timeout_s=180)
        process.kill()
    begun = rule.taken[0][0] + settle
    taken = rate_of(rule.taken, begun, begun + seconds)
    throttled = rate_of(rule.throttled, begun, begun + seconds)
    figures(f"{taken:.0f} of {units} units a second are used, {throttled / (taken + throttled):.1%}"
            f" of the items are throttled (without a bound: {machine_units:.0f} units a second)")
    assert share * units <= taken <= 1.005 * units
    assert throttled / (taken + throttled) < 0.05


def test_max_write_units_bounds_what_is_consumed(firebridge, make_conf, s3, bucket, table,
                                                dynamodb_server):
    firehose.put(s3, bucket, "k/", firehose.hours_ago(1), [{"id": f"k{i}"} for i in range(3000)])
    rule = fault_proxy.TableOf(10**6)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        firebridge.once(make_conf(dynamodb_url=proxy.url, stream="max_write_units = 500",
                                  main=(f"s3://{bucket}/k/", table)))
    assert table.count() == 3000
    first, last = rule.taken[0][0], rule.taken[-1][0]
    assert 5 <= last - first <= 9
    for second in range(int(last - first)):
        assert rate_of(rule.taken, first + second, first + second + 1) <= 600
    assert all(json.loads(call.body)["ReturnConsumedCapacity"] == "TOTAL"
               for call in proxy.of("BatchWriteItem"))
