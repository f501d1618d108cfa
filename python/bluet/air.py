"""An air in virtual time: any number of radios in this process, as fast as the CPU allows, the same for a seed."""

import os
import random
from collections.abc import Callable
from os import PathLike
from types import TracebackType
from typing import Self

from bluet._bluetooth import BLE, VirtualAir

_MICROSECONDS = 1_000_000
# The longest stretch between two looks at the condition of run_until().
_STRETCH_US = 10_000


class Air:
    """A virtual radio with its own clock.

    Time passes only in `run()` and `run_until()`, and while a method of a radio waits for its controller. Handlers are
    called in the thread that lets time pass. One thread at a time may use an air and its radios.

    `seed` decides everything that is drawn by chance; `loss` is the probability that a packet is lost. `capture` names
    a pcapng file for all that passes: the HCI of each radio, and the air itself.
    """

    def __init__(self, seed: int = 0, loss: float = 0.0, capture: str | os.PathLike[str] | None = None) -> None:
        self._air = VirtualAir(seed & 0xFFFF_FFFF_FFFF_FFFF, loss)
        self.seed = seed
        self.drawn: dict[str, float] = {}
        self._random = random.Random(seed)
        if capture is not None:
            self._air.capture(capture)

    def ble(self, *, store: str | bytes | PathLike[str] | PathLike[bytes] | None = None) -> BLE:
        """A further radio on this air; `store` is the file that keeps the secrets of its pairings."""
        return self._air.ble(store)

    @property
    def now(self) -> float:
        """Seconds since the air began, exact to the microsecond."""
        return self._air.now() / _MICROSECONDS

    def run(self, seconds: float) -> None:
        """Lets so much time pass."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self._air.run(self._air.now() + round(seconds * _MICROSECONDS))

    def run_until(self, condition: Callable[[], object], timeout: float = 60.0) -> bool:
        """Lets time pass until `condition()` is true, for `timeout` seconds at most; returns whether it is.

        The condition is asked at once, after every event, and every 10 ms.
        """
        end = self._air.now() + round(timeout * _MICROSECONDS)
        while not condition():
            now = self._air.now()
            if now >= end:
                return False
            self._air.run(min(end, now + _STRETCH_US), True)
        return True

    def set_loss(self, loss: float) -> None:
        """The probability that a packet is lost, from now on."""
        self._air.set_loss(loss)

    def control(self, command: str) -> str:
        """Does what a command of `bluet air control` says, such as `fault drop packet=l2cap cid=6 opcode=4 nth=3`.

        Returns its answer; radios are numbered from 1 in the order in which they were made. ValueError says what is
        wrong with it.
        """
        return self._air.control(command)

    def fault(self, action: str, **members: object) -> int:
        """Makes a rule of what is to go wrong, and returns its number, for `count` and `remove` of `control()`.

        `action` is lose, drop, withhold, corrupt, cut or cut-after; the members are those of the command, `sender` and
        `receiver` for `from` and `to`, `seconds` for `for`.
        """
        names = {"sender": "from", "receiver": "to", "seconds": "for"}
        words = [f"{names.get(name, name)}={value}" for name, value in members.items()]
        return int(self.control(" ".join(["fault", action, *words])).split()[1])

    def draw(self, name: str, low: float, high: float) -> float:
        """A number between the two, decided by the seed; kept in `drawn` under that name."""
        self.drawn[name] = self._random.uniform(low, high)
        return self.drawn[name]

    def close(self) -> None:
        """Ends every radio on this air; they are inactive for good."""
        self._air.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
