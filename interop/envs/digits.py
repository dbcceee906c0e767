"""Questions that a tiny model guesses at first, and learns to answer from the rewards."""

from __future__ import annotations

import asyncio

from hud.environment import Environment

env = Environment(name="digits")


@env.template()
async def largest(digits: str):
    """Right or wrong."""
    answer = yield asked(digits)
    yield 1.0 if (answer or "").strip() == max(digits) else 0.0


@env.template()
async def high(digits: str, seconds: float = 0.0):
    """The higher the digit, the better: answers of one group rarely earn the same. Grading takes `seconds`."""
    answer = yield asked(digits)
    await asyncio.sleep(seconds)
    digit = (answer or "").strip()
    yield int(digit) / 9 if digit.isdecimal() and digit in digits else 0.0


def asked(digits: str) -> str:
    return f"Which is the largest? {' '.join(digits)}"
