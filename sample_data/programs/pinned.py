"""A job that could use every core and uses one: a sum over primes in a single thread."""

from __future__ import annotations

import sys
import time


def is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def main(seconds: float) -> None:
    until = time.monotonic() + seconds
    total = number = 0
    while time.monotonic() < until:
        total += number if is_prime(number) else 0
        number += 1


main(float(sys.argv[1]))
