"""An environmental sensor with asyncio: temperature, humidity and pressure to read and to subscribe to."""

import asyncio
import random
import struct

import advertising
import bluetooth
from micropython import const

_IRQ_CENTRAL_CONNECT = const(1)
_IRQ_CENTRAL_DISCONNECT = const(2)
_IRQ_GATTS_READ_REQUEST = const(4)

_FLAGS = bluetooth.FLAG_READ | bluetooth.FLAG_NOTIFY
_ENVIRONMENTAL_SENSING = bluetooth.UUID(0x181A)
_PRESSURE = (bluetooth.UUID(0x2A6D), _FLAGS)
_TEMPERATURE = (bluetooth.UUID(0x2A6E), _FLAGS)
_HUMIDITY = (bluetooth.UUID(0x2A6F), _FLAGS)
_SERVICE = (_ENVIRONMENTAL_SENSING, (_TEMPERATURE, _HUMIDITY, _PRESSURE))

_APPEARANCE_THERMOMETER = const(0x0300)


class EnvironmentalSensor:
    def __init__(self, ble, name="Bluet ESS"):
        self.left = asyncio.ThreadSafeFlag()
        self._ble = ble
        self._ble.active(True)
        self._ble.irq(self._irq)
        (self._handles,) = self._ble.gatts_register_services((_SERVICE,))
        self.measure()
        self._ble.gap_advertise(100_000, advertising.encode(name, [_ENVIRONMENTAL_SENSING], _APPEARANCE_THERMOMETER))
        print("advertising as", name)

    def _irq(self, event, data):
        if event == _IRQ_CENTRAL_CONNECT:
            print("central connected")
        elif event == _IRQ_GATTS_READ_REQUEST:
            print("read: handle", data[1])
        elif event == _IRQ_CENTRAL_DISCONNECT:
            print("central disconnected")
            self.left.set()

    def measure(self):
        """In hundredths of a degree and of a per cent, and in tenths of a pascal."""
        temperature, humidity, pressure = self._handles
        self._ble.gatts_write(temperature, struct.pack("<h", 2150 + random.randint(-50, 50)), True)
        self._ble.gatts_write(humidity, struct.pack("<H", 4500 + random.randint(-200, 200)), True)
        self._ble.gatts_write(pressure, struct.pack("<I", 1_013_250 + random.randint(-500, 500)), True)


async def keep_measuring(sensor):
    while True:
        sensor.measure()
        await asyncio.sleep_ms(500)


async def main():
    ble = bluetooth.BLE()
    sensor = EnvironmentalSensor(ble)
    task = asyncio.create_task(keep_measuring(sensor))
    await sensor.left.wait()
    task.cancel()
    ble.active(False)


asyncio.run(main())
