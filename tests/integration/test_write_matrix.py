# SPDX-License-Identifier: Apache-2.0
"""
Each write mode under each fault: the table equals the oracle that applies the records one by one.
A row is a function here and a line in ROWS, a column a line in FAULTS; the whole is printed.
"""

import contextlib
import random
import threading
import time

import pytest

import adding
import fault_proxy
import firehose
import write_oracle

KEYS, OBJECTS, RECORDS = 30, 3, 60
SEED = 20261126

# --- Rows -----------------------------------------------------------------------------------------


def plain(dice, n):
    return {"id": f"k{dice.randrange(KEYS)}", "n": n, "text": "é" * dice.randrange(20)}


def versioned(dice, n):
    return {**plain(dice, n), "version": dice.choice((n, dice.randrange(300), 1.5 * n // 1))}


def partial(dice, n):
    names = dice.sample(("a", "b", "c", "d"), dice.randrange(4))
    values = {name: dice.choice((None, n, f"v{n}", [n], {"x": n})) for name in names}
    return {"id": f"k{dice.randrange(KEYS)}", **values}


def mixed(dice, n):
    op = dice.choice(("put", "delete", "insert", "update", "newer"))
    return {**(versioned(dice, n) if op == "newer" else plain(dice, n)), "op": op}


OPERATIONS = "put: put, delete: delete, insert: insert, newer: newer, update: update"
VERSION = "version_attribute = version"
ADD = ["write = add", "item.id = {id}", "add.count = 1", "add.sum = {n}", "decoders = 2"]
MIXED = ["write = {op}", f"write.map = {OPERATIONS}", VERSION]

# The mode's name, what its records are, its lines of the conf, whether the table holds items before.
ROWS = {
    "put": (plain, ["write = put"], False),
    "delete": (plain, ["write = delete"], True),
    "insert": (plain, ["write = insert"], False),
    "newer": (versioned, ["write = newer", VERSION], False),
    "update": (partial, ["write = update"], True),
    "add": (plain, ADD, False),
    "mixed": (mixed, MIXED, True),
}


class Row:
    """One mode's stream: its objects, its table, and what that must hold in the end."""

    def __init__(self, name, s3, bucket, table):
        make, self.lines, is_filled = ROWS[name]
        dice = random.Random(f"{SEED}{name}")
        self.name, self.table = name, table
        self.source = f"s3://{bucket}/{name}/"
        self.oracle = write_oracle.Oracle()
        self.before = [{"id": f"k{i}", "a": "before", "z": i} for i in range(KEYS + 5)]
        if is_filled:
            self.oracle.apply_all(self.before, "put")
            self.fill()
        else:
            self.before = []
        begin = firehose.hours_ago(2)
        for n in range(OBJECTS):
            records = [make(dice, RECORDS * n + i) for i in range(RECORDS)]
            firehose.put(s3, bucket, f"{name}/", begin.replace(minute=n), records)
            self.oracle.apply_all(records, None if name == "mixed" else name)

    def fill(self):
        for record in self.before:
            self.table.dynamodb.put_item(TableName=self.table.name, Item={
                "id": {"S": record["id"]}, "a": {"S": "before"}, "z": {"N": str(record["z"])}})

    def differences(self):
        found = {key: item for key, item in self.table.by_key().items()
                 if not adding.is_marker(item)}
        return write_oracle.differences(found, self.oracle.items)


@pytest.fixture
def rows(s3, bucket, make_table):
    return [Row(name, s3, bucket, make_table()) for name in ROWS]


# --- Columns --------------------------------------------------------------------------------------

some = random.Random(SEED)


class Heals:
    """A rule: every call that writes fails so until `seconds` have passed since the first did."""

    def __init__(self, fault, seconds):
        self.fault, self.seconds, self.since = fault, seconds, None

    def __call__(self, call):
        if call.operation not in fault_proxy.WRITES:
            return None
        self.since = self.since or time.monotonic()
        return self.fault if time.monotonic() - self.since < self.seconds else None


class Recreated:
    """A rule: the first write finds its table deleted; it is made again a while later."""

    def __init__(self, rows, seconds):
        self.rows, self.seconds = rows, seconds
        self._lock = threading.Lock()
        self.gone = False

    def __call__(self, call):
        if call.operation not in fault_proxy.WRITES:
            return None
        with self._lock:
            if not self.gone:
                self.gone = True
                for row in self.rows:
                    row.table.dynamodb.delete_table(TableName=row.table.name)
                threading.Timer(self.seconds, self.recreate).start()
        return None

    def recreate(self):
        """... and filled before anything else is written to it."""
        with self._lock:
            for row in self.rows:
                row.table.create()
                row.fill()


def share(fault, **options):
    return lambda _: fault_proxy.Share(SEED, fault, **options)


# The fault, the rule for it, and whether the daemon must live through it: `run --once` gives up
# what a person must mend.
FAULTS = {
    "none": (lambda _: None, False),
    "unprocessed items": (share(fault_proxy.partly(lambda _: some.random() < 0.6), share=0.5, most=25),
                          False),
    "throttling": (share(fault_proxy.throttle, most=25), False),
    "500 after the write": (share(fault_proxy.fail_after), False),
    "time-out after the write": (share(fault_proxy.silent_after(1.5), most=2), False),
    "reset before the write": (share(fault_proxy.cut_before), False),
    "reset after the write": (share(fault_proxy.cut_after), False),
    "half an answer": (share(fault_proxy.half_answer), False),
    "wrong crc32": (share(fault_proxy.wrong_crc32), False),
    "another table's answer": (share(fault_proxy.of_another_table), False),
    "10 s of nothing": (share(fault_proxy.silent(10), share=1, most=1), False),
    "ExpiredTokenException": (
        share(fault_proxy.dynamodb_error(400, "ExpiredTokenException")), False),
    "AccessDenied that heals": (
        lambda _: Heals(fault_proxy.dynamodb_error(400, "AccessDeniedException"), 3), True),
    "table made again": (lambda rows: Recreated(rows, 2), True),
}

CELLS = {}


def run_once(firebridge, conf):
    firebridge.once(conf)


def live_until_equal(firebridge, conf, rows):
    process = firebridge.start(conf, "run")

    def is_equal():
        with contextlib.suppress(Exception):  # a table may be missing meanwhile
            return not any(row.differences() for row in rows)
        return False
    process.wait_until(is_equal, timeout_s=90)
    process.terminate()
    assert process.wait().code == 0
    return process


@pytest.mark.parametrize("fault", FAULTS)
def test_every_mode_under(fault, firebridge, make_conf, rows, dynamodb_server):
    make_rule, lives = FAULTS[fault]
    with fault_proxy.FaultProxy(dynamodb_server.url, make_rule(rows)) as proxy:
        conf = make_conf(dynamodb_url=proxy.url, patience="60s",
                         stream="writers = 2\nmax_dead_letters = 1 in 10",
                         **{row.name: (row.source, row.table, *row.lines) for row in rows})
        conf = conf.replace("[aws]", "[aws]\nrequest_timeout = 1s")
        if lives:
            process = live_until_equal(firebridge, conf, rows)
            assert "it is tried again" in process.log
        else:
            run_once(firebridge, conf)
        met = sum(1 for call in proxy.calls if call.fault)
        assert fault in ("none", "table made again") or met > 0
    for row in rows:
        CELLS[fault, row.name] = row.differences()
        assert not row.oracle.refused
        assert not firebridge.dead_letters(row.name)
    wrong = {row.name: CELLS[fault, row.name] for row in rows if CELLS[fault, row.name]}
    assert not wrong


def test_the_whole_matrix_was_run(figures):
    if len(CELLS) < len(ROWS) * len(FAULTS):
        pytest.skip("some of the faults were not run")
    width = max(map(len, FAULTS))
    lines = [" " * width + "".join(f"  {name:>6}" for name in ROWS)]
    for fault in FAULTS:
        lines.append(f"{fault:<{width}}" + "".join(
            f"  {'wrong' if CELLS[fault, name] else 'equal':>6}" for name in ROWS))
    figures("\n".join(lines))
