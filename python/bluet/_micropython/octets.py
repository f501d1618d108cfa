"""Where MicroPython takes octets for text: what `struct` packs joins with str, and `json` writes bytes as strings."""

import json
import struct
from collections.abc import Callable
from typing import IO, Any

__all__ = ["dump", "dumps", "pack"]

_pack, _dump, _dumps = struct.pack, json.dump, json.dumps


class _Octets(bytes):
    """MicroPython adds the UTF-8 of a string to bytes."""

    __slots__ = ()

    def __add__(self, other: Any) -> bytes:
        return bytes.__add__(self, other.encode() if isinstance(other, str) else other)


def pack(format: str | bytes, /, *values: Any) -> bytes:
    return _Octets(_pack(format, *values))


def _text(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return value.decode()
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def dump(value: Any, stream: IO[str], *, default: Callable[[Any], Any] = _text, **settings: Any) -> None:
    _dump(value, stream, default=default, **settings)


def dumps(value: Any, *, default: Callable[[Any], Any] = _text, **settings: Any) -> str:
    return _dumps(value, default=default, **settings)
