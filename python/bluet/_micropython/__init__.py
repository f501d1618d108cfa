"""The names of MicroPython that its applications use, for programs that run through `python -m bluet.run`.

Nothing here is visible to other programs: `install()` puts it all in place.
"""

import asyncio
import collections
import gc
import importlib
import importlib.abc
import json
import struct
import sys
import time
import traceback
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from bluet import bluetooth
from bluet._micropython import clock, containers, event_loop, machine, micropython, octets

# MicroPython's older names, all but the "u" those of CPython.
_OLDER = {
    f"u{name}": name
    for name in (
        *("array", "asyncio", "binascii", "collections", "errno", "hashlib", "heapq", "io", "json", "os", "platform"),
        *("random", "re", "select", "socket", "ssl", "struct", "sys", "time", "zlib"),
    )
}


class _OlderNames(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds `ustruct` as `struct`, when a program asks for it and has none of its own."""

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name in _OLDER else None

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        sys.modules[module.__name__] = importlib.import_module(_OLDER[module.__name__])


def _print_exception(error: BaseException, file: Any = None) -> None:
    traceback.print_exception(error, file=file or sys.stdout)


def _add(module: ModuleType, **names: object) -> None:
    for name, value in names.items():
        setattr(module, name, value)


def install() -> None:
    """Puts MicroPython's names into this process."""
    sys.modules["bluetooth"] = sys.modules["ubluetooth"] = bluetooth
    sys.modules["micropython"] = micropython
    sys.modules["machine"] = sys.modules["umachine"] = machine
    sys.meta_path.append(_OlderNames())
    _add(time, **{name: getattr(clock, name) for name in clock.__all__})
    _add(asyncio, **{name: getattr(event_loop, name) for name in event_loop.__all__})
    _add(collections, deque=containers.deque)
    _add(json, dump=octets.dump, dumps=octets.dumps)
    _add(struct, pack=octets.pack)
    _add(gc, mem_free=lambda: 1 << 30, mem_alloc=lambda: 0)
    _add(sys, print_exception=_print_exception)
    micropython.install()
