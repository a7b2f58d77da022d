"""Decimal digits of a double by Grisu2, as rapidjson 1.1.0 finds them.

Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers",
2010) gives digits that read back as the same double, though now and then neither the fewest nor the
nearest.  TF Serving quotes values in its errors with them.
"""

from __future__ import annotations

import math
from functools import cache

_MASK = (1 << 64) - 1
_HIDDEN_BIT = 1 << 52


def shortest_digits(value: float) -> tuple[str, int]:
    """The digits of a positive finite ``value``, and the power of ten that they are times of."""
    fraction, exponent = math.frexp(value)
    significand, exponent = int(math.ldexp(fraction, 53)), exponent - 53
    if exponent < -1074:  # subnormal: stored with fewer bits
        significand >>= -1074 - exponent
        exponent = -1074
    # The ends of the interval that rounds to the value, with 64 bits each.
    upper, upper_exponent = _normalized((significand << 1) + 1, exponent - 1)
    if significand == _HIDDEN_BIT:
        lower, lower_exponent = (significand << 2) - 1, exponent - 2
    else:
        lower, lower_exponent = (significand << 1) - 1, exponent - 1
    lower <<= lower_exponent - upper_exponent
    middle, _ = _normalized(significand, exponent)

    index = math.ceil((-61 - upper_exponent) * 0.30102999566398114 + 347) // 8 + 1
    power = -348 + 8 * index
    scale, scale_exponent = _power_of_ten(power)
    middle = _product(middle, scale)
    upper = _product(upper, scale) - 1
    lower = _product(lower, scale) + 1
    return _digits(middle, upper, lower, -(upper_exponent + scale_exponent + 64), -power)


def _normalized(significand: int, exponent: int) -> tuple[int, int]:
    shift = 64 - significand.bit_length()
    return significand << shift, exponent - shift


@cache
def _power_of_ten(power: int) -> tuple[int, int]:
    """Ten to a power as 64 bits, rounded, times a power of two."""
    if power >= 0:
        numerator, denominator = 10**power, 1
    else:
        numerator, denominator = 1, 10**-power
    exponent = numerator.bit_length() - denominator.bit_length() - 64
    while True:
        up, down = max(-exponent, 0), max(exponent, 0)
        quotient = ((numerator << up + 1) // (denominator << down) + 1) >> 1
        if quotient <= _MASK:
            return _normalized(quotient, exponent)
        exponent += 1


def _product(a: int, b: int) -> int:
    return (a * b + (1 << 63)) >> 64


def _digits(middle: int, upper: int, lower: int, shift: int, power: int) -> tuple[str, int]:
    """Digits of ``upper`` until they tell the interval apart, then moved towards ``middle``."""
    one = 1 << shift
    delta = upper - lower
    distance = upper - middle
    whole, rest = upper >> shift, upper & (one - 1)
    digits = str(whole)
    for count in range(1, len(digits) + 1):
        unit = 10 ** (len(digits) - count)
        remainder = ((whole % unit) << shift) + rest
        if remainder <= delta:
            nearer = _nearer(delta, remainder, unit << shift, distance)
            return _decrement(digits[:count], nearer), power + len(digits) - count
    scaled = 1
    places = 0
    while True:
        rest *= 10
        delta *= 10
        scaled *= 10
        places += 1
        digits = (digits + str(rest >> shift)).lstrip("0")
        rest &= one - 1
        if rest < delta:
            # rapidjson's table of powers ends there.
            far = distance * scaled & _MASK if places < 9 else 0
            return _decrement(digits, _nearer(delta, rest, one, far)), power - places


def _nearer(delta: int, rest: int, unit: int, distance: int) -> int:
    """By how much the last digit is to be lowered."""
    steps = 0
    while (
        rest < distance
        and delta - rest >= unit
        and (rest + unit < distance or distance - rest > rest + unit - distance)
    ):
        rest += unit
        steps += 1
    return steps


def _decrement(digits: str, steps: int) -> str:
    return digits[:-1] + chr(ord(digits[-1]) - steps)
