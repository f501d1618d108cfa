"""Our host as the tests against strangers use it: a radio, a person before it, and what it was told."""

import time

from bluet import bluetooth

TIMEOUT = 30


def wait_for(condition, seconds=TIMEOUT):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)
    return found


class Ours:
    """A radio with services, secrets in a dict, and every event kept until it is asked for."""

    def __init__(self, transport, services=(), passkey=None, **settings):
        self.ble = bluetooth.BLE(transport=transport)
        self.events, self.store, self.shown = [], {}, []
        self._passkey = passkey
        self.ble.config(**settings)
        self.ble.irq(self._irq)
        self.ble.active(True)
        self.handles = [handle for group in self.ble.gatts_register_services(services) for handle in group]

    def _irq(self, event, data):
        if event == bluetooth.IRQ_GET_SECRET:
            found = [value for (kind, _), value in self.store.items() if kind == data.sec_type]
            if data.key is not None:
                return self.store.get((data.sec_type, bytes(data.key)))
            return found[data.index] if data.index < len(found) else None
        if event == bluetooth.IRQ_SET_SECRET:
            self.store[data.sec_type, bytes(data.key)] = bytes(data.value)
            return True
        if event == bluetooth.IRQ_PASSKEY_ACTION:
            self.shown.append((data.action, data.passkey))
            answers = {
                bluetooth.PASSKEY_ACTION_NUMERIC_COMPARISON: 1,
                bluetooth.PASSKEY_ACTION_DISPLAY: self._passkey,
                bluetooth.PASSKEY_ACTION_INPUT: self._passkey,
            }
            if (answer := answers.get(data.action)) is not None:
                self.ble.gap_passkey(data.conn_handle, data.action, answer)
        self.events.append((event, tuple(bytes(v) if isinstance(v, memoryview) else v for v in data)))
        return None

    def next(self, code, fits=lambda data: True):
        """The first event of this kind that fits, taken out of those that were kept."""
        wait_for(lambda: any(event == code and fits(data) for event, data in self.events))
        place = next(i for i, (event, data) in enumerate(self.events) if event == code and fits(data))
        return self.events.pop(place)[1]

    def address(self):
        return self.ble.config("mac")[1].hex(":").upper()

    def close(self):
        self.ble.active(False)
