"""The module `bluetooth` as MicroPython specifies it, with every constant of its documentation."""

from bluet._bluetooth import *  # noqa: F403
from bluet._bluetooth import __all__ as __all__
