"""Radios for tests: they keep what their handler was told; pairs get connected; programs run beside the test."""

import os
import subprocess
import sys
import time

from bluet import bluetooth

UUID = bluetooth.UUID

READ, WRITE, NOTIFY, INDICATE = (
    bluetooth.FLAG_READ,
    bluetooth.FLAG_WRITE,
    bluetooth.FLAG_NOTIFY,
    bluetooth.FLAG_INDICATE,
)
# A service with one of everything: readable and writable; notifying and indicating with a descriptor; plain.
VALUE, NEWS, PLAIN, LABEL = UUID(0xA001), UUID(0xA002), UUID(0xA003), UUID(0x2901)
SERVICE = UUID("12345678-1234-5678-1234-56789abcdef0")
SERVICES = (
    (
        SERVICE,
        (
            (VALUE, READ | WRITE | bluetooth.FLAG_WRITE_NO_RESPONSE),
            (NEWS, READ | NOTIFY | INDICATE, ((LABEL, READ | WRITE),)),
            (PLAIN, READ),
        ),
    ),
)


def copied(data):
    """An event's data, to be kept."""
    return tuple(bytes(value) if isinstance(value, memoryview) else value for value in data)


class Radio:
    """An active BLE object and the events that it has raised; `answers` are called with an event's data."""

    def __init__(self, ble):
        self.ble = ble
        self.events = []
        self.answers = {}
        ble.irq(self._irq)
        ble.active(True)

    def _irq(self, event, data):
        if event == bluetooth.IRQ_GET_SECRET and event not in self.answers:
            return None  # asked for at every activation
        self.events.append((event, copied(data)))
        answer = self.answers.get(event)
        return answer(data) if answer else None

    def codes(self):
        return [event for event, _ in self.events]

    def all(self, code):
        return [data for event, data in self.events if event == code]

    def last(self, code):
        return self.all(code)[-1]

    def has(self, code):
        return bool(self.all(code))

    def forget(self):
        self.events.clear()


class Pair:
    """A peripheral that serves SERVICES and a central, connected to each other on an air."""

    def __init__(self, air, services=SERVICES):
        self.air = air
        self.peripheral = Radio(air.ble())
        self.central = Radio(air.ble())
        self.handles = self.peripheral.ble.gatts_register_services(services)
        if services is SERVICES:
            ((self.value, self.news, self.label, self.plain),) = self.handles
        self.to_peripheral, self.to_central = connect(air, self.central, self.peripheral)

    def run_until(self, radio, code):
        """Lets time pass until a radio has raised such an event, and gives it."""
        assert self.air.run_until(lambda: radio.has(code), 40), f"no event {code}, only {radio.events}"
        return radio.last(code)

    def at_central(self, code):
        return self.run_until(self.central, code)

    def at_peripheral(self, code):
        return self.run_until(self.peripheral, code)


def connect(air, central, peripheral):
    """Returns the handles of the connection at both ends."""
    peripheral.ble.gap_advertise(100_000, b"\x02\x01\x06")
    central.ble.gap_connect(*peripheral.ble.config("mac"))

    def connected():
        return central.has(bluetooth.IRQ_PERIPHERAL_CONNECT) and peripheral.has(bluetooth.IRQ_CENTRAL_CONNECT)

    assert air.run_until(connected, 10)
    handles = (
        central.last(bluetooth.IRQ_PERIPHERAL_CONNECT)[0],
        peripheral.last(bluetooth.IRQ_CENTRAL_CONNECT)[0],
    )
    central.forget()
    peripheral.forget()
    return handles


def wait_for(condition, seconds=60):
    """Against the wall clock; patient, for a machine may be busy."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def python(*arguments, **settings):
    """Starts Python in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-u", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | settings,
    )
