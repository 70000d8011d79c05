# SPDX-License-Identifier: Apache-2.0
"""Exact sums against Python's decimal, which is told DynamoDB's limits."""

import decimal
import os
import random
import subprocess

from built import BUILD

SEED = int(os.environ.get("FIREBRIDGE_SEED", "1"))
LINES = 20000
EXACT = decimal.Context(prec=600, Emin=-10000, Emax=10000,
                        traps=[decimal.Inexact, decimal.InvalidOperation])


def held(number):
    """What DynamoDB holds of it; None when it cannot."""
    digits = number.as_tuple().digits
    text = "".join(map(str, digits)).strip("0")
    if text and (len(text) > 38 or not -130 <= number.adjusted() <= 125):
        return None
    return number


def expected(words):
    total = decimal.Decimal(0)
    for word in words:
        total = EXACT.add(total, EXACT.create_decimal(word))
        if held(total) is None:
            return None
    return total


def a_number(dice):
    count = dice.choice((1, 1, 2, 3, 5, 17, 37, 38))
    digits = "".join(dice.choice("0123456789999") for _ in range(count)).lstrip("0") or "0"
    sign = dice.choice(("", "", "-"))
    kind = dice.randrange(4)
    if kind == 0:
        return sign + digits
    if kind == 1:
        point = dice.randrange(len(digits) + 1)
        return f"{sign}{digits[:point].lstrip('0') or '0'}.{digits[point:]}0"
    low, high = -130 - len(digits) + 1, 125 - len(digits) + 1
    spread = dice.choice((3, 20, 300))
    return f"{sign}{digits}e{max(low, min(high, dice.randint(-spread, spread)))}"


def test_sums_are_those_of_another_decimal_arithmetic():
    dice = random.Random(SEED)
    lines = [[a_number(dice) for _ in range(dice.choice((1, 2, 2, 2, 3, 10, 40)))]
             for _ in range(LINES)]
    # What goes and comes again, to zero and over the limits at both ends.
    lines += [["9" * 38, "1"], ["9" * 38, "1", "1"], ["9.9e125", "9e125"], ["-9.9e125", "-9e125"],
              ["1e-130", "-1e-130"], ["1e-130", "9e-130"], ["1e125", "1e-130"], ["0e999", "-0"],
              ["9" * 38 + "e88", "1e88"], ["1e37", "1", "1e-1"], ["0.1"] * 10]
    answer = subprocess.run([BUILD / "tests/bench/decimal_tool"], check=True, text=True,
                            input="".join(" ".join(line) + "\n" for line in lines),
                            capture_output=True).stdout.splitlines()
    assert len(answer) == len(lines)
    refused = 0
    for line, got in zip(lines, answer):
        sum_of_it = None if got == "-" else EXACT.create_decimal(got)
        assert sum_of_it == expected(line), (line, f"seed {SEED}")
        refused += got == "-"
    assert LINES / 50 < refused < LINES * 2 / 3
