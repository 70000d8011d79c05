# SPDX-License-Identifier: Apache-2.0
"""Random records over few keys, random objects, faults at random: the last writer per key wins."""

import random

import pytest

import attributes
import fault_proxy
import firehose

FAULTS = (fault_proxy.throttle, fault_proxy.fail_before, fault_proxy.fail_after,
          fault_proxy.cut_before, fault_proxy.cut_after, fault_proxy.half_answer,
          fault_proxy.html_502, fault_proxy.wrong_crc32, fault_proxy.delay(0.05))
SPELLINGS = ("{}", "{}.0", "{}.00", "{}e0", "{}0e-1", "{}E+0")


def random_value(dice, depth=0):
    kind = dice.randrange(8 if depth < 3 else 6)
    if kind == 0:
        return dice.choice(("true", "false", "null"))
    if kind <= 2:
        digits = str(dice.randrange(1, 10 ** dice.randrange(1, 38)))
        return dice.choice(("", "-")) + digits + dice.choice(("", ".5", "e-20", "E+30"))[:4]
    if kind <= 5:
        letters = ("a", "ü", "\U0001f525", "\\n", "\\u00e9", "\\\"", "{", "}", "\\ud83d\\udd25")
        return '"' + "".join(dice.choices(letters, k=dice.randrange(20))) + '"'
    parts = [random_value(dice, depth + 1) for _ in range(dice.randrange(4))]
    if kind == 6:
        return "[" + ",".join(parts) + "]"
    return "{" + ",".join(f'"n{i}":{part}' for i, part in enumerate(parts)) + "}"


def random_record(dice, number, key_type):
    key = dice.randrange(1, 40)
    spelled = dice.choice(SPELLINGS).format(key) if key_type == "N" else f'"k{key}"'
    fields = [f'"id":{spelled}', f'"n":{number}', f'"v":{random_value(dice)}']
    dice.shuffle(fields)
    return ("{" + ",".join(fields) + "}").encode()


def fits(record):
    """38 significant digits are DynamoDB's limit, and the oracle must not be asked beyond it."""
    return all(len(n.as_tuple().digits) <= 38 for n in numbers_in(attributes.from_record(record)))


def numbers_in(value):
    if isinstance(value, dict):
        for name, content in value.items():
            if name == "N" and not isinstance(content, dict):
                yield content
            else:
                yield from numbers_in(content)
    elif isinstance(value, list):
        for element in value:
            yield from numbers_in(element)


@pytest.mark.parametrize("seed", range(6))
def test_the_table_equals_the_last_writer_per_key(firebridge, make_conf, s3, bucket, make_table,
                                                  dynamodb_server, seed):
    dice = random.Random(seed)
    key_type = dice.choice("SN")
    table = make_table(partition=("id", key_type))
    records = [r for n in range(1500) for r in [random_record(dice, n, key_type)] if fits(r)]
    begin, written = firehose.hours_ago(2).replace(minute=0), 0
    for minute in range(60):
        count = dice.randrange(0, 60)
        if written < len(records):
            firehose.put(s3, bucket, "p/", begin.replace(minute=minute),
                         records[written:written + count], delimiter=dice.choice((b"", b"\n")),
                         members=dice.choice((None, 1, 2)))
            written += count
    some = random.Random(seed + 1000)
    unprocessed = fault_proxy.unprocessed(lambda entry: some.random() < 0.5)
    rule = fault_proxy.randomly(seed, "BatchWriteItem", unprocessed, unprocessed, *FAULTS)
    with fault_proxy.FaultProxy(dynamodb_server.url, rule) as proxy:
        conf = make_conf(main=(f"s3://{bucket}/p/", table), dynamodb_url=proxy.url,
                         stream=f"writers = {dice.choice((1, 2, 16))}\n"
                                f"linger = {dice.choice((0, 5, 50))}ms")
        if seed % 2:  # crashed once on the way
            process = firebridge.start(conf, "run", "--once")
            process.wait_until(lambda: len(proxy.of("BatchWriteItem")) > 2)
            process.kill()
        firebridge.once(conf)
        calls = proxy.of("BatchWriteItem")
    assert any(call.fault for call in calls)
    assert all(len(call.puts()) <= 25 for call in calls)
    assert firebridge.dead_letters() == []
    table.expect(records[:written])
