"""MicroPython's module `bluetooth`. It lives in `bluet.bluetooth`, and has another name here."""

from bluet.bluetooth import *  # noqa: F403
from bluet.bluetooth import __all__ as __all__


def __getattr__(name: str) -> object:
    message = f"module 'bluetooth' has no attribute '{name}'"
    if name in (
        "BluetoothSocket",
        "BluetoothError",
        "discover_devices",
        "lookup_name",
        "find_service",
        "RFCOMM",
        "L2CAP",
    ):
        message += f": it is PyBluez that has it, and this is bluet's module of the same name ({__file__})"
    raise AttributeError(message)
