"""Our host as the tests against strangers use it: a radio, a person before it, and what it was told."""

import os
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

from bluet import bluetooth

BUILD = Path(os.environ.get("BLUET_BUILD", Path(__file__).resolve().parents[2] / "build"))
PROGRAM = BUILD / "bluet"
# Seconds after which something counts as not having happened: nothing takes that long but on a busy machine.
TIMEOUT = 45
PASSKEY = 135790
# Seconds that a private address lasts while others connect to it.
LASTING = 900


def wait_for(condition, seconds=TIMEOUT, but=lambda: "nothing"):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"waited for it in vain; what happened: {but()}"
        time.sleep(0.01)
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@contextmanager
def air_at(*options, ready):
    """An air with a process of its own, which is given once it is ready; it has to end well."""
    server = subprocess.Popen([PROGRAM, "air", *options], stdout=subprocess.DEVNULL)
    try:
        wait_for(ready)
        yield server
    finally:
        server.terminate()
        assert server.wait(TIMEOUT) == 0


class Ours:
    """A radio with services, secrets in a dict, and every event kept until it is asked for."""

    def __init__(self, transport, store=None, services=(), patience=TIMEOUT, **settings):
        self.ble = bluetooth.BLE(transport=transport)
        self.events, self.shown, self.patience = [], [], patience
        self.store = {} if store is None else store
        if settings:
            self.ble.config(**settings)
        self.ble.irq(self._irq)
        self.ble.active(True)
        if services:
            self.handles = [handle for group in self.ble.gatts_register_services(services) for handle in group]

    def _irq(self, event, data):
        if event == bluetooth.IRQ_GET_SECRET:
            found = [value for (kind, _), value in self.store.items() if kind == data.sec_type]
            if data.key is not None:
                return self.store.get((data.sec_type, bytes(data.key)))
            return found[data.index] if data.index < len(found) else None
        if event == bluetooth.IRQ_SET_SECRET:
            key = data.sec_type, bytes(data.key)
            if data.value is None:
                return self.store.pop(key, None) is not None
            self.store[key] = bytes(data.value)
            return True
        if event == bluetooth.IRQ_PASSKEY_ACTION:
            self.shown.append((data.action, data.passkey))
            compared = data.action == bluetooth.PASSKEY_ACTION_NUMERIC_COMPARISON
            self.ble.gap_passkey(data.conn_handle, data.action, 1 if compared else PASSKEY)
        self.events.append((event, tuple(bytes(v) if isinstance(v, memoryview) else v for v in data)))
        return None

    @property
    def compared(self):
        """The number that was compared last, or None."""
        numbers = [number for action, number in self.shown if action == bluetooth.PASSKEY_ACTION_NUMERIC_COMPARISON]
        return numbers[-1] if numbers else None

    def next(self, code, fits=lambda data: True):
        """The first event of this kind that fits, taken out of those that were kept."""
        wait_for(
            lambda: any(event == code and fits(data) for event, data in self.events), self.patience, lambda: self.events
        )
        place = next(i for i, (event, data) in enumerate(self.events) if event == code and fits(data))
        return self.events.pop(place)[1]

    def last(self, code):
        """The last event of this kind, which stays."""
        wait_for(lambda: self.all(code), self.patience, lambda: self.events)
        return self.all(code)[-1]

    def connect(self, kind, octets, *interval):
        """Handle and address of the one who was asked for: some advertise once a second only, and machines are busy."""
        self.ble.gap_connect(kind, octets, TIMEOUT * 1000, *interval)
        return self.next(bluetooth.IRQ_PERIPHERAL_CONNECT)

    def all(self, code):
        return [data for event, data in self.events if event == code]

    def address(self):
        """Its kind, and its octets as people write them."""
        kind, octets = self.ble.config("mac")
        return kind, octets.hex(":").upper()

    def close(self):
        self.ble.active(False)
