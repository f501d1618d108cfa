"""What MicroPython's `collections` has beyond CPython's: a deque that may refuse to overflow."""

import collections
from collections.abc import Iterable
from typing import Any

__all__ = ["deque"]


class deque(collections.deque[Any]):
    """With bit 0 of `flags`, a full one raises IndexError where others drop an element at the far end."""

    def __init__(self, iterable: Iterable[Any] = (), maxlen: int | None = None, flags: int = 0) -> None:
        super().__init__(iterable, maxlen)
        self._strict = bool(flags & 1)

    def _check_room(self) -> None:
        if self._strict and len(self) == self.maxlen:
            raise IndexError("full")

    def append(self, item: Any) -> None:
        self._check_room()
        super().append(item)

    def appendleft(self, item: Any) -> None:
        self._check_room()
        super().appendleft(item)
