"""Reads an environmental sensor, with asyncio: a method begins something, `await` waits for the event that ends it."""

import asyncio
import struct
import sys

import advertising
import bluetooth
from micropython import const

_IRQ_SCAN_RESULT = const(5)
_IRQ_SCAN_DONE = const(6)
_IRQ_PERIPHERAL_CONNECT = const(7)
_IRQ_PERIPHERAL_DISCONNECT = const(8)
_IRQ_GATTC_CHARACTERISTIC_RESULT = const(11)
_IRQ_GATTC_CHARACTERISTIC_DONE = const(12)
_IRQ_GATTC_READ_RESULT = const(15)
_IRQ_GATTC_READ_DONE = const(16)

_ENVIRONMENTAL_SENSING = bluetooth.UUID(0x181A)

# What to show: the name, the format, the divisor, and the unit.
_QUANTITIES = (
    (bluetooth.UUID(0x2A6E), "temperature", "<h", 100, "C"),
    (bluetooth.UUID(0x2A6F), "humidity", "<H", 100, "%"),
    (bluetooth.UUID(0x2A6D), "pressure", "<I", 1000, "hPa"),
)


class Reader:
    def __init__(self, ble):
        self._ble = ble
        self._event = asyncio.ThreadSafeFlag()
        self._peer = self._connection = self._value = None
        self._handles = {}
        self._ble.active(True)
        self._ble.irq(self._irq)

    def _irq(self, event, data):
        if event == _IRQ_SCAN_RESULT:
            addr_type, addr, _, _, adv_data = data
            if self._peer is None and _ENVIRONMENTAL_SENSING in advertising.services(adv_data):
                print("found", advertising.name(adv_data), advertising.address(addr))
                self._peer = (addr_type, bytes(addr))
                self._ble.gap_scan(None)
        elif event == _IRQ_PERIPHERAL_CONNECT:
            self._connection = data[0]
            self._event.set()
        elif event == _IRQ_PERIPHERAL_DISCONNECT:
            self._connection = None
            self._event.set()
        elif event == _IRQ_GATTC_CHARACTERISTIC_RESULT:
            _, _, value_handle, _, uuid = data
            self._handles[bluetooth.UUID(uuid)] = value_handle
        elif event == _IRQ_GATTC_READ_RESULT:
            self._value = bytes(data[2])
        elif event in (_IRQ_SCAN_DONE, _IRQ_GATTC_CHARACTERISTIC_DONE, _IRQ_GATTC_READ_DONE):
            self._event.set()

    async def connect(self):
        """Returns whether there is a sensor to read."""
        self._ble.gap_scan(10_000, 30_000, 30_000)
        await self._event.wait()
        if self._peer is None:
            return False
        self._ble.gap_connect(*self._peer)
        await self._event.wait()
        if self._connection is None:
            return False
        print("connected")
        self._ble.gattc_discover_characteristics(self._connection, 1, 0xFFFF)
        await self._event.wait()
        return True

    async def read(self, uuid):
        self._value = None
        self._ble.gattc_read(self._connection, self._handles[uuid])
        await self._event.wait()
        return self._value

    async def disconnect(self):
        self._ble.gap_disconnect(self._connection)
        await self._event.wait()
        print("disconnected")


async def main():
    ble = bluetooth.BLE()
    reader = Reader(ble)
    if not await reader.connect():
        print("no sensor found")
        return False
    for uuid, name, form, divisor, unit in _QUANTITIES:
        value = await reader.read(uuid)
        print(name, struct.unpack(form, value)[0] / divisor, unit)
    await reader.disconnect()
    ble.active(False)
    return True


sys.exit(0 if asyncio.run(main()) else 1)
