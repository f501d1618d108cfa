"""The Nordic UART service, the central's end: finds one by its name, sends it some lines, and shows what it answers."""

import sys
import time

import advertising
import bluetooth
from micropython import const

_IRQ_SCAN_RESULT = const(5)
_IRQ_SCAN_DONE = const(6)
_IRQ_PERIPHERAL_CONNECT = const(7)
_IRQ_PERIPHERAL_DISCONNECT = const(8)
_IRQ_GATTC_CHARACTERISTIC_RESULT = const(11)
_IRQ_GATTC_CHARACTERISTIC_DONE = const(12)
_IRQ_GATTC_NOTIFY = const(18)

_TX = bluetooth.UUID("6E400003-B5A3-F393-E0A9-E50E24DCCA9E")
_RX = bluetooth.UUID("6E400002-B5A3-F393-E0A9-E50E24DCCA9E")

_LINES = ("hello", "how are you?", "this line is longer than one notification can be")


class UartCentral:
    def __init__(self, ble, name="Bluet UART"):
        self.finished = False
        self.connection = None
        self._ble = ble
        self._name = name
        self._peer = self._rx = None
        self._received = b""
        self._ble.active(True)
        self._ble.irq(self._irq)
        # An active scan: the name comes in the scan response.
        self._ble.gap_scan(10_000, 30_000, 30_000, True)

    def _irq(self, event, data):
        if event == _IRQ_SCAN_RESULT:
            addr_type, addr, _, _, adv_data = data
            if self._peer is None and advertising.name(adv_data) == self._name:
                self._peer = (addr_type, bytes(addr))
                print("found", self._name, advertising.address(addr))
                self._ble.gap_scan(None)
        elif event == _IRQ_SCAN_DONE:
            if self._peer:
                self._ble.gap_connect(*self._peer)
            else:
                print(self._name, "not found")
                self.finished = True
        elif event == _IRQ_PERIPHERAL_CONNECT:
            conn_handle, _, _ = data
            print("connected")
            self._ble.gattc_discover_characteristics(conn_handle, 1, 0xFFFF)
        elif event == _IRQ_PERIPHERAL_DISCONNECT:
            print("disconnected")
            self.finished = True
        elif event == _IRQ_GATTC_CHARACTERISTIC_RESULT:
            conn_handle, _, value_handle, _, uuid = data
            if uuid == _RX:
                self._rx = value_handle
            elif uuid == _TX:
                # Its configuration follows the value of every characteristic that notifies.
                self._ble.gattc_write(conn_handle, value_handle + 1, b"\x01\x00", 1)
        elif event == _IRQ_GATTC_CHARACTERISTIC_DONE:
            conn_handle, _ = data
            self.connection = conn_handle
        elif event == _IRQ_GATTC_NOTIFY:
            self._received += bytes(data[2])

    def send(self, line):
        print("sent", line)
        data = line.encode() + b"\n"
        for start in range(0, len(data), 20):
            self._ble.gattc_write(self.connection, self._rx, data[start : start + 20], 1)

    def receive(self):
        """The next line, or None if it takes too long."""
        start = time.ticks_ms()
        while b"\n" not in self._received:
            if self.finished or time.ticks_diff(time.ticks_ms(), start) > 5_000:
                return None
            time.sleep_ms(20)
        line, self._received = self._received.split(b"\n", 1)
        return line.decode()


def main():
    ble = bluetooth.BLE()
    central = UartCentral(ble)
    while central.connection is None and not central.finished:
        time.sleep_ms(50)

    answers = 0
    for line in _LINES if central.connection is not None else ():
        central.send(line)
        answer = central.receive()
        print("received", answer)
        answers += answer == line.upper()

    if central.connection is not None:
        ble.gap_disconnect(central.connection)
        while not central.finished:
            time.sleep_ms(50)
    ble.active(False)
    return answers == len(_LINES)


sys.exit(0 if main() else 1)
