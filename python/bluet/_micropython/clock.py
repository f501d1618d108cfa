"""What MicroPython's `time` has beyond CPython's: ticks that wrap, and sleeping in ms and us."""

import time

__all__ = ["sleep_ms", "sleep_us", "ticks_add", "ticks_cpu", "ticks_diff", "ticks_ms", "ticks_us"]

# As on a microcontroller with 31-bit small integers, so that a program that forgets ticks_diff() is found out.
_PERIOD = 1 << 30
_HALF = _PERIOD // 2


def ticks_ms() -> int:
    return time.monotonic_ns() // 1_000_000 % _PERIOD


def ticks_us() -> int:
    return time.monotonic_ns() // 1_000 % _PERIOD


def ticks_cpu() -> int:
    return time.monotonic_ns() % _PERIOD


def ticks_add(ticks: int, delta: int) -> int:
    if not -_HALF < delta < _HALF:
        raise OverflowError("ticks interval overflow")
    return (ticks + delta) % _PERIOD


def ticks_diff(end: int, start: int) -> int:
    return (end - start + _HALF) % _PERIOD - _HALF


def sleep_ms(ms: int) -> None:
    if ms > 0:
        time.sleep(ms / 1_000)


def sleep_us(us: int) -> None:
    if us > 0:
        time.sleep(us / 1_000_000)
