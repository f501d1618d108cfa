"""Bluetooth Low Energy for CPython: MicroPython's `bluetooth` module, and what goes beyond it.

`from bluet import bluetooth` is the specification's module; `import bluetooth` gives the same one, unless another
package of that name stands before it. `bluet.Air` is an air in virtual time, for tests and simulations in one process;
`python -m bluet.run app.py` runs an application that was written for MicroPython.
"""

import importlib.util
import sys
import warnings
from pathlib import Path

from bluet._bluetooth import explain
from bluet.air import Air

__all__ = ["Air", "explain"]


def _other_bluetooth() -> str | None:
    """Where the top-level `bluetooth` comes from, if it is not ours: PyBluez has that name too."""
    if "bluetooth" in sys.modules:
        origin = getattr(sys.modules["bluetooth"], "__file__", None)
    else:
        spec = importlib.util.find_spec("bluetooth")
        origin = spec.origin if spec else None
    ours = Path(__file__).resolve().parent
    if origin is None or Path(origin).resolve().parent in (ours, ours.parent / "bluetooth"):
        return None
    return origin


def _warn_of_other_bluetooth() -> None:
    origin = _other_bluetooth()
    if origin:
        warnings.warn(
            f"`import bluetooth` gives another package, {origin} (PyBluez?): use `from bluet import bluetooth`",
            RuntimeWarning,
            stacklevel=3,
        )


_warn_of_other_bluetooth()
