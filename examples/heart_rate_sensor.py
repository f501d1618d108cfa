"""A heart-rate sensor: advertises, lets a central connect, and notifies it of a heart rate until it leaves."""

import random
import struct
import time

import advertising
import bluetooth
from micropython import const

_IRQ_CENTRAL_CONNECT = const(1)
_IRQ_CENTRAL_DISCONNECT = const(2)

_APPEARANCE_HEART_RATE_SENSOR = const(0x0340)

_SERVICE_UUID = bluetooth.UUID(0x180D)
_MEASUREMENT = (bluetooth.UUID(0x2A37), bluetooth.FLAG_NOTIFY)
_LOCATION = (bluetooth.UUID(0x2A38), bluetooth.FLAG_READ)
_SERVICE = (_SERVICE_UUID, (_MEASUREMENT, _LOCATION))

_CHEST = b"\x01"


class HeartRateSensor:
    def __init__(self, ble, name="Bluet HR"):
        self.finished = False
        self._ble = ble
        self._ble.active(True)
        self._ble.config(gap_name=name)
        self._ble.irq(self._irq)
        ((self._measurement, location),) = self._ble.gatts_register_services((_SERVICE,))
        self._ble.gatts_write(location, _CHEST)
        payload = advertising.encode(name, [_SERVICE_UUID], _APPEARANCE_HEART_RATE_SENSOR)
        self._ble.gap_advertise(100_000, payload)
        print("advertising as", name)

    def _irq(self, event, data):
        if event == _IRQ_CENTRAL_CONNECT:
            _, _, addr = data
            print("central connected:", advertising.address(addr))
        elif event == _IRQ_CENTRAL_DISCONNECT:
            _, _, addr = data
            print("central disconnected:", advertising.address(addr))
            self.finished = True

    def measure(self, rate):
        """The new rate goes to whoever has subscribed."""
        self._ble.gatts_write(self._measurement, struct.pack("<BB", 0, rate), True)


def main():
    ble = bluetooth.BLE()
    sensor = HeartRateSensor(ble)
    rate = 65
    while not sensor.finished:
        rate = min(max(rate + random.randint(-3, 3), 50), 180)
        sensor.measure(rate)
        time.sleep_ms(250)
    ble.active(False)


main()
