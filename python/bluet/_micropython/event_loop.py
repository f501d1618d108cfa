"""What MicroPython's `asyncio` has beyond CPython's: times in ms, and flags that a handler may set."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

__all__ = ["Event", "ThreadSafeFlag", "sleep_ms", "wait_for_ms"]

_T = TypeVar("_T")
_Event = asyncio.Event


async def sleep_ms(ms: int) -> None:
    await asyncio.sleep(max(ms, 0) / 1_000)


async def wait_for_ms(awaitable: Awaitable[_T], timeout: int | None) -> _T:
    return await asyncio.wait_for(awaitable, None if timeout is None else timeout / 1_000)


class ThreadSafeFlag:
    """Set from anywhere, a handler for instance; one task waits for it, which clears it."""

    def __init__(self) -> None:
        self._is_set = False
        self._waiter: asyncio.Future[None] | None = None

    def set(self) -> None:
        self._is_set = True
        waiter = self._waiter
        if waiter:
            waiter.get_loop().call_soon_threadsafe(_finish, waiter)

    def clear(self) -> None:
        self._is_set = False

    async def wait(self) -> None:
        """Without a lock, which a signal handler could find taken: the waiter is there before the flag is read."""
        try:
            while True:
                waiter = self._waiter = asyncio.get_running_loop().create_future()
                if self._is_set:
                    self._is_set = False
                    return
                await waiter
        finally:
            self._waiter = None


def _finish(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


class Event(_Event):
    """On MicroPython a handler may set an ordinary Event too; here a handler runs in another thread."""

    _home: asyncio.AbstractEventLoop | None = None

    async def wait(self) -> bool:  # type: ignore[override]
        self._home = asyncio.get_running_loop()
        return await super().wait()

    def set(self) -> None:
        if self._home is None or self._home.is_closed():
            super().set()
        else:
            self._home.call_soon_threadsafe(super().set)
