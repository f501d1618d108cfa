"""The Nordic UART service, the peripheral's end: answers each line in capitals, until the central leaves."""

import time

import advertising
import bluetooth
from micropython import const

_IRQ_CENTRAL_CONNECT = const(1)
_IRQ_CENTRAL_DISCONNECT = const(2)
_IRQ_GATTS_WRITE = const(3)

_UART_UUID = bluetooth.UUID("6E400001-B5A3-F393-E0A9-E50E24DCCA9E")
_TX = (bluetooth.UUID("6E400003-B5A3-F393-E0A9-E50E24DCCA9E"), bluetooth.FLAG_READ | bluetooth.FLAG_NOTIFY)
_RX = (
    bluetooth.UUID("6E400002-B5A3-F393-E0A9-E50E24DCCA9E"),
    bluetooth.FLAG_WRITE | bluetooth.FLAG_WRITE_NO_RESPONSE,
)
_SERVICE = (_UART_UUID, (_TX, _RX))


class Uart:
    def __init__(self, ble, name="Bluet UART"):
        self.finished = False
        self._ble = ble
        self._received = b""
        self._ble.active(True)
        self._ble.irq(self._irq)
        ((self._tx, self._rx),) = self._ble.gatts_register_services((_SERVICE,))
        # Writes that come before the last one was read are joined, up to this size.
        self._ble.gatts_set_buffer(self._rx, 200, True)
        # The 128-bit UUID fills the advertisement; the name goes into the scan response.
        self._ble.gap_advertise(
            100_000, advertising.encode(services=[_UART_UUID]), resp_data=advertising.field(0x09, name.encode())
        )
        print("advertising as", name)

    def _irq(self, event, data):
        if event == _IRQ_CENTRAL_CONNECT:
            print("central connected")
        elif event == _IRQ_CENTRAL_DISCONNECT:
            print("central disconnected")
            self.finished = True
        elif event == _IRQ_GATTS_WRITE:
            conn_handle, value_handle = data
            if value_handle == self._rx:
                self._received += self._ble.gatts_read(self._rx)
                self._answer(conn_handle)

    def _answer(self, conn_handle):
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            print("received", line.decode())
            self._send(conn_handle, line.upper() + b"\n")

    def _send(self, conn_handle, data):
        """In pieces that fit into the smallest MTU."""
        for start in range(0, len(data), 20):
            self._ble.gatts_notify(conn_handle, self._tx, data[start : start + 20])


def main():
    ble = bluetooth.BLE()
    uart = Uart(ble)
    while not uart.finished:
        time.sleep_ms(50)
    ble.active(False)


main()
