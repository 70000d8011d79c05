# SPDX-License-Identifier: Apache-2.0
"""
Two and three records of one key, in every mode and every mixture of modes, in one object and over
two: the table equals the oracle that applies them one by one, whatever was there before.
"""

import itertools
import random
import re

import pytest

import firehose
import write_oracle
from test_write_matrix import MIXED

MODES = ("put", "delete", "insert", "newer", "update")
SEED = 7


def records_of(sequence, key, dice):
    """A record of every mode, with versions that rise, fall and tie, and attributes that overlap."""
    for n, mode in enumerate(sequence):
        record = {"id": key, "op": mode, "version": dice.choice((1, 2, 2.0, 10, 10, 9)), "n": n}
        for name in dice.sample(("a", "b", "c"), 2):
            record[name] = dice.choice((f"{key}{n}", n, None))
        yield record


def sequences():
    for length in (2, 3):
        yield from itertools.product(MODES, repeat=length)


@pytest.mark.parametrize("conf", ["", "coalesce_for = 1s", "coalesce = 50 items",
                                  "linger = 0s\nwriters = 1"])
def test_the_order_of_one_keys_records_counts(conf, firebridge, make_conf, s3, bucket, make_table):
    dice = random.Random(SEED)
    table = make_table()
    oracle = write_oracle.Oracle()
    objects = ([], [], [])
    for number, sequence in enumerate(sequences()):
        for cut in range(1, len(sequence) + 1):
            for is_there in (False, True):
                key = f"{number}-{cut}-{is_there}"
                records = list(records_of(sequence, key, dice))
                objects[0].extend([{"id": key, "op": "put", "version": 2, "a": "before"}]
                                  if is_there else [])
                objects[1].extend(records[:cut])
                objects[2].extend(records[cut:])
    begin = firehose.hours_ago(2)
    for n, records in enumerate(objects):
        dice.shuffle(records) if n == 0 else None
        firehose.put(s3, bucket, "k/", begin.replace(minute=n), records)
        oracle.apply_all(records)
    conf_text = make_conf(main=(f"s3://{bucket}/k/", table, *MIXED, *conf.split("\n")))
    firebridge.once(conf_text)
    assert len(oracle.items) > 200
    assert not write_oracle.differences(table.by_key(), oracle.items)
    assert not firebridge.dead_letters() and not oracle.refused


def test_a_stored_version_of_another_type_is_a_dead_letter(firebridge, make_conf, s3, bucket,
                                                          table):
    """... and never silently stale, be it the only record of its key or folded with others."""
    oracle = write_oracle.Oracle()
    records = [{"id": "a", "version": "text"}, {"id": "b", "version": 5}, {"id": "c", "version": 5}]
    firehose.put(s3, bucket, "k/", firehose.hours_ago(2), records)
    oracle.apply_all(records, "newer")
    more = [{"id": "a", "version": 1}, {"id": "a", "version": 2}, {"id": "b", "version": "6"},
            {"id": "c", "version": 4}, {"id": "d", "version": 1}]
    firehose.put(s3, bucket, "k/", firehose.hours_ago(1), more)
    oracle.apply_all(more, "newer")
    result = firebridge.once(make_conf(main=(
        f"s3://{bucket}/k/", table, "write = newer", "version_attribute = version")))
    assert not write_oracle.differences(table.by_key(), oracle.items)
    assert len(oracle.refused) == 3 == len(firebridge.dead_letters())
    assert "of another type than N" in result.stderr and "of another type than S" in result.stderr
    # c's older one, whether it came before c's newer one went out or behind it.
    assert re.search("1 left as the table has them|1 coalesced", result.stderr)


@pytest.mark.parametrize("version", [None, True, [1], {"x": 1}, "absent"])
def test_a_record_without_a_version_is_a_dead_letter(version, firebridge, make_conf, s3, bucket,
                                                    table):
    record = {"id": "a", **({} if version == "absent" else {"version": version})}
    firehose.put(s3, bucket, "k/", firehose.hours_ago(1), [record, {"id": "b", "version": 1}])
    firebridge.once(make_conf(main=(
        f"s3://{bucket}/k/", table, "write = newer", "version_attribute = version")))
    letter, = firebridge.dead_letters()
    assert '"reason":"version"' in letter and '"operation":"newer"' in letter
    assert set(table.by_key()) == {("b",)}


def test_an_insert_that_partiql_cannot_say_goes_out_as_a_put_with_a_condition(
        firebridge, make_conf, s3, bucket, table):
    """Names with quotes, and more of them than a statement holds."""
    oracle = write_oracle.Oracle()
    records = [{"id": "quote", "it's": 1}, {"id": "double", 'a"b': 2}, {"id": "slash", "a\\b": 3},
               {"id": "accent", "é": 4}, {"id": "odd", "a.b c-d:e#?": [None, {"x'": ""}]},
               {"id": "wide", **{f"attribute-number-{n}": n for n in range(600)}},
               {"id": "deep", "x": [[[[{"y": None}]]]], "empty": "", "bool": False}]
    records += [{**record, "again": True} for record in records]
    firehose.put(s3, bucket, "k/", firehose.hours_ago(2), records)
    firehose.put(s3, bucket, "k/", firehose.hours_ago(1), records[::-1])
    oracle.apply_all(records + records[::-1], "insert")
    result = firebridge.once(make_conf(main=(f"s3://{bucket}/k/", table, "write = insert")))
    assert not write_oracle.differences(table.by_key(), oracle.items)
    assert not firebridge.dead_letters()
    assert "left as the table has them" in result.stderr or "coalesced" in result.stderr


def test_one_refused_record_of_a_fold_leaves_the_others_written(firebridge, make_conf, s3, bucket,
                                                               make_table):
    """What each fits an item and together does not is refused by DynamoDB alone."""
    for mode in ("insert", "update", "put"):
        table = make_table()
        big = "x" * 380_000
        records = [{"id": "k", "a": big}, {"id": "k", "b": big}, {"id": "k", "c": 1}]
        oracle = write_oracle.Oracle()
        firehose.put(s3, bucket, f"{mode}/", firehose.hours_ago(1), records)
        if mode == "update":
            oracle.apply_all([records[0], records[2]], mode)
        else:
            oracle.apply_all(records, mode)
        firebridge.once(make_conf(**{mode: (f"s3://{bucket}/{mode}/", table, f"write = {mode}")}))
        assert not write_oracle.differences(table.by_key(), oracle.items), mode
        assert len(firebridge.dead_letters(mode)) == (mode == "update")


def test_updates_of_nothing_but_nulls_fold_as_if_one_by_one(firebridge, make_conf, s3, bucket,
                                                            make_table):
    kinds = (("update", None), ("update", 1), ("update", ...), ("insert", 2), ("put", 3),
             ("delete", 4))
    table, oracle, records = make_table(), write_oracle.Oracle(), []
    for length in (2, 3):
        for number, sequence in enumerate(itertools.product(kinds, repeat=length)):
            for op, value in sequence:
                record = {"id": f"{length}-{number}", "a": value}
                if value is ...:
                    del record["a"]
                records.append({**record, "op": op})
                oracle.apply(record, op)
    firehose.put(s3, bucket, "n/", firehose.hours_ago(1), records)
    conf = make_conf(main=(f"s3://{bucket}/n/", table, "write = {op}",
                           "write.map = update: update, insert: insert, put: put, delete: delete",
                           "drop = op", "coalesce_for = 1s"))
    firebridge.once(conf)
    assert not write_oracle.differences(table.by_key(), oracle.items)
