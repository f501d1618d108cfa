"""An observer: listens for some seconds, and tells what advertises here: address, strength, name, services, URL."""

import time

import advertising
import bluetooth
from micropython import const

_IRQ_SCAN_RESULT = const(5)
_IRQ_SCAN_DONE = const(6)

_EDDYSTONE = bluetooth.UUID(0xFEAA)
_FRAME_URL = const(0x10)
_SCHEMES = ("http://www.", "https://www.", "http://", "https://")

_SECONDS = const(3)


def url(adv_data):
    frame = advertising.service_data(adv_data, _EDDYSTONE)
    if frame and len(frame) > 3 and frame[0] == _FRAME_URL and frame[2] < len(_SCHEMES):
        return _SCHEMES[frame[2]] + frame[3:].decode()
    return None


class Observer:
    def __init__(self, ble):
        self.finished = False
        self.seen = {}
        self._ble = ble
        self._ble.active(True)
        self._ble.irq(self._irq)
        self._ble.gap_scan(_SECONDS * 1_000, 30_000, 30_000, True)

    def _irq(self, event, data):
        if event == _IRQ_SCAN_RESULT:
            addr_type, addr, adv_type, rssi, adv_data = data
            # A device says one thing in its advertisement, and may say more in its scan response.
            said = self.seen.setdefault((addr_type, bytes(addr)), set())
            if adv_type not in said:
                said.add(adv_type)
                self._show(advertising.address(addr), rssi, bytes(adv_data))
        elif event == _IRQ_SCAN_DONE:
            self.finished = True

    def _show(self, address, rssi, adv_data):
        words = [word for word in (advertising.name(adv_data), url(adv_data)) if word]
        words += [str(uuid) for uuid in advertising.services(adv_data)]
        if words:
            print(address, rssi, "dBm", *words)


def main():
    ble = bluetooth.BLE()
    observer = Observer(ble)
    while not observer.finished:
        time.sleep_ms(50)
    ble.active(False)
    print("seen", len(observer.seen))


main()
