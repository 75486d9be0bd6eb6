"""Waiting for something to become true, never by a fixed sleep."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

INTERVAL_S = 0.02


def eventually(check: Callable[[], T], timeout_s: float, what: str) -> T:
    """The first true value of `check`. AssertionError with the last value after `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s} s: {what}; last value: {value!r}")
        time.sleep(INTERVAL_S)
