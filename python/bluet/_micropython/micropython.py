"""The module `micropython`."""

import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")
_F = TypeVar("_F", bound=Callable[..., Any])

_scheduled: deque[tuple[Callable[[Any], object], Any]] = deque()
_running = False

# Runs what is scheduled, in the main thread, between two of its bytecodes; one that hardly anybody uses.
_SIGNAL = signal.SIGRTMIN + 7


def const(value: _T) -> _T:
    return value


def native(function: _F) -> _F:
    return function


def viper(function: _F) -> _F:
    return function


def opt_level(level: int | None = None) -> int | None:
    return 0 if level is None else None


def alloc_emergency_exception_buf(size: int) -> None:
    pass


def mem_info(verbose: object = None) -> None:
    print(f"stack: {stack_use()} frames deep, peak memory {_peak_memory()} KiB")


def qstr_info(verbose: object = None) -> None:
    print(f"interned names of this program: {len(sys.modules['__main__'].__dict__)}")


def stack_use() -> int:
    depth, frame = 0, sys._getframe()
    while frame.f_back:
        depth, frame = depth + 1, frame.f_back
    return depth


def _peak_memory() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def heap_lock() -> int:
    return 0


def heap_unlock() -> int:
    return 0


def kbd_intr(character: int) -> None:
    """Which character interrupts is the terminal's affair; -1 for none is honoured."""
    signal.signal(signal.SIGINT, signal.SIG_IGN if character < 0 else signal.default_int_handler)


def schedule(function: Callable[[Any], object], argument: Any, /) -> None:
    """Has the main thread call `function(argument)` as soon as it can."""
    _scheduled.append((function, argument))
    _wake_main_thread()


def _wake_main_thread() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, _SIGNAL)


def _run_scheduled(*_: object) -> None:
    """One after the other, never one inside another, as on MicroPython."""
    global _running
    if _running:
        return
    _running = True
    try:
        while _scheduled:
            function, argument = _scheduled.popleft()
            try:
                function(argument)
            except Exception:
                traceback.print_exc()
    finally:
        _running = False
    if _scheduled:
        _wake_main_thread()


def install() -> None:
    """Makes schedule() work; in the main thread, before the program runs."""
    assert threading.current_thread() is threading.main_thread()
    signal.signal(_SIGNAL, _run_scheduled)
