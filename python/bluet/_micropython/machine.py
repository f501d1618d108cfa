"""The module `machine`: a board that is a process. Pins keep their value, timers run, reset restarts."""

import os
import sys
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from bluet import _bluetooth
from bluet._micropython.micropython import schedule

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = range(1, 6)

# Tells the program that it was restarted, and why.
_CAUSE = "BLUET_RESET_CAUSE"


def unique_id() -> bytes:
    """Of this machine and user: eight bytes that stay."""
    return uuid.uuid5(uuid.UUID(int=uuid.getnode()), str(os.getuid())).bytes[:8]


def freq(hz: int | None = None) -> int | None:
    return 1_000_000_000 if hz is None else None


def idle() -> None:
    time.sleep(0.001)


def lightsleep(ms: int | None = None) -> None:
    time.sleep(threading.TIMEOUT_MAX if ms is None else ms / 1_000)


def deepsleep(ms: int | None = None) -> None:
    lightsleep(ms)
    _restart(DEEPSLEEP_RESET)


def reset() -> None:
    _restart(HARD_RESET)


def soft_reset() -> None:
    _restart(SOFT_RESET)


def reset_cause() -> int:
    return int(os.environ.get(_CAUSE, PWRON_RESET))


def _restart(cause: int) -> None:
    """The program from its beginning, its links ended as at an exit."""
    _bluetooth._shut_down()  # type: ignore[attr-defined]
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ[_CAUSE] = str(cause)
    os.execv(sys.executable, sys.orig_argv)


_interrupts = threading.RLock()


def disable_irq() -> bool:
    return _interrupts.acquire()


def enable_irq(state: object = True) -> None:
    _interrupts.release()


class Pin:
    """A pin that nothing is wired to: it has the value that it was given, or its pull."""

    IN, OUT, OPEN_DRAIN, ALT, ANALOG = range(5)
    PULL_UP, PULL_DOWN = 1, 2
    IRQ_FALLING, IRQ_RISING = 1, 2

    _values: ClassVar[dict[Any, int]] = {}
    _handlers: ClassVar[dict[Any, tuple[Callable[["Pin"], object], int]]] = {}

    def __init__(self, id: Any, mode: int = -1, pull: int | None = None, *, value: Any = None, **_: Any) -> None:
        self.id = id
        self.init(mode, pull, value=value)

    def init(self, mode: int = -1, pull: int | None = None, *, value: Any = None, **_: Any) -> None:
        self._values.setdefault(self.id, 1 if pull == self.PULL_UP else 0)
        if value is not None:
            self.value(value)

    def value(self, value: Any = None) -> int | None:
        if value is None:
            return self._values[self.id]
        before, self._values[self.id] = self._values[self.id], int(bool(value))
        handler, trigger = self._handlers.get(self.id, (None, 0))
        edge = {(0, 1): self.IRQ_RISING, (1, 0): self.IRQ_FALLING}.get((before, self._values[self.id]), 0)
        if handler and trigger & edge:
            schedule(handler, self)
        return None

    __call__ = value

    def on(self) -> None:
        self.value(1)

    def off(self) -> None:
        self.value(0)

    high, low = on, off

    def toggle(self) -> None:
        self.value(not self._values[self.id])

    def irq(
        self, handler: Callable[["Pin"], object] | None = None, trigger: int = IRQ_FALLING | IRQ_RISING, **_: Any
    ) -> None:
        if handler:
            self._handlers[self.id] = (handler, trigger)
        else:
            self._handlers.pop(self.id, None)

    def __repr__(self) -> str:
        return f"Pin({self.id!r})"


class Signal:
    """A pin, inverted or not."""

    def __init__(self, pin: Pin, *_: Any, invert: bool = False) -> None:
        self._pin, self._invert = pin, invert

    def value(self, value: Any = None) -> int | None:
        if value is not None:
            return self._pin.value(bool(value) != self._invert)
        return int(bool(self._pin.value()) != self._invert)

    __call__ = value

    def on(self) -> None:
        self.value(1)

    def off(self) -> None:
        self.value(0)


class Timer:
    """Calls back once or again and again, in the main thread as schedule() does."""

    ONE_SHOT, PERIODIC = 0, 1

    def __init__(self, id: int = -1, **settings: Any) -> None:
        self._stop = threading.Event()
        if settings:
            self.init(**settings)

    def init(
        self,
        *,
        mode: int = PERIODIC,
        freq: float = -1,
        period: int = -1,
        callback: Callable[["Timer"], object] | None = None,
        **_: Any,
    ) -> None:
        self.deinit()
        seconds = 1 / freq if freq > 0 else period / 1_000
        if seconds < 0:
            raise ValueError("a timer needs period or freq")
        self._stop = stop = threading.Event()
        if callback:
            threading.Thread(target=self._run, args=(stop, seconds, mode, callback), daemon=True).start()

    def deinit(self) -> None:
        self._stop.set()

    def _run(self, stop: threading.Event, seconds: float, mode: int, callback: Callable[["Timer"], object]) -> None:
        due = time.monotonic() + seconds
        while not stop.wait(max(0.0, due - time.monotonic())):
            schedule(lambda timer: None if stop.is_set() else callback(timer), self)
            if mode == self.ONE_SHOT:
                return
            due += max(seconds, 0.001)


class ADC:
    """A converter that measures a constant voltage, different for each pin."""

    CORE_TEMP = 4

    def __init__(self, id: Any = 0, **_: Any) -> None:
        self._level = zlib.crc32(repr(id).encode()) % 32_768 + 16_384

    def read_u16(self) -> int:
        return self._level

    def read(self) -> int:
        return self._level >> 4

    def read_uv(self) -> int:
        return self._level * 3_300_000 // 65_535

    def atten(self, *_: Any) -> None:
        pass

    def width(self, *_: Any) -> None:
        pass


class PWM:
    """Keeps its settings."""

    def __init__(self, pin: Any, *, freq: int = 1_000, duty_u16: int = 0, **_: Any) -> None:
        self._freq, self._duty = freq, duty_u16

    def freq(self, value: int | None = None) -> int | None:
        if value is None:
            return self._freq
        self._freq = value
        return None

    def duty_u16(self, value: int | None = None) -> int | None:
        if value is None:
            return self._duty
        self._duty = value
        return None

    def deinit(self) -> None:
        self._duty = 0


class RTC:
    """The clock of the machine, which can be read."""

    def __init__(self, id: int = 0) -> None:
        pass

    def datetime(self, moment: Iterable[int] | None = None) -> tuple[int, ...] | None:
        if moment is not None:
            raise OSError("the clock of this machine is not the program's to set")
        now = time.time()
        parts = time.localtime(now)
        return (*parts[:3], parts.tm_wday, *parts[3:6], int(now % 1 * 1_000_000))


class WDT:
    """Restarts a program that has not fed it in time."""

    def __init__(self, id: int = 0, timeout: int = 5_000) -> None:
        self._seconds = timeout / 1_000
        self._fed = threading.Event()
        threading.Thread(target=self._watch, daemon=True).start()

    def feed(self) -> None:
        self._fed.set()

    def _watch(self) -> None:
        while self._fed.wait(self._seconds):
            self._fed.clear()
        _restart(WDT_RESET)
