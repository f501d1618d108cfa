"""An advertiser for the tests. Its settings come as JSON; it prints its address, and what its user would see.

Its input is what the user types; it ends with it.
"""

import json
import sys
import time
from collections.abc import Callable

import bluetooth

READ, WRITE, NOTIFY = bluetooth.FLAG_READ, bluetooth.FLAG_WRITE, bluetooth.FLAG_NOTIFY
READ_ENCRYPTED = bluetooth.FLAG_READ_ENCRYPTED


def register(ble: bluetooth.BLE, settings: dict) -> None:
    """A heart-rate sensor with a battery, and a service that no list names."""
    unnamed = "0badcafe-0000-4000-8000-00805f9b0001"
    handles = ble.gatts_register_services(
        (
            (
                bluetooth.UUID(0x180D),
                (
                    (bluetooth.UUID(0x2A37), NOTIFY),
                    (bluetooth.UUID(0x2A38), READ),
                ),
            ),
            (bluetooth.UUID(0x180F), ((bluetooth.UUID(0x2A19), READ | NOTIFY),), (0,)),
            (
                bluetooth.UUID(unnamed),
                (
                    (bluetooth.UUID(0x2A29), READ, ((bluetooth.UUID(0x2901), READ),)),
                    (bluetooth.UUID(0x2A24), READ | READ_ENCRYPTED),
                    (bluetooth.UUID(0x2A3D), READ | WRITE),
                ),
            ),
        )
    )
    (_, location), (battery,), (maker, description, secret, long) = handles
    ble.gatts_write(location, b"\x01")
    ble.gatts_write(battery, b"\x57")
    ble.gatts_write(maker, b"Bluet works")
    ble.gatts_write(description, "Größe".encode())
    ble.gatts_write(long, bytes(settings.get("long_value", 512)))
    ble.gatts_write(secret, b"for friends")
    if "vanish_at_read" in settings:
        answer_reads(ble, maker, lambda connection: ble.gap_disconnect(connection))
    if "hang_at_read" in settings:
        answer_reads(ble, maker, lambda _: hang())


def answer_reads(ble: bluetooth.BLE, handle: int, answer: Callable[[int], object]) -> None:
    def on_event(event: int, data: tuple) -> None:
        if event == bluetooth.IRQ_GATTS_READ_REQUEST and data[1] == handle:
            answer(data[0])

    ble.irq(on_event)


class Person:
    """Before the peripheral: shows and types what pairing asks for."""

    def __init__(self, ble: bluetooth.BLE, settings: dict) -> None:
        self.ble = ble
        self.asked: tuple[int, int] | None = None
        self.agrees = settings.get("agrees", True)
        self.tells_who = settings.get("tells_who", False)
        self.vanishes = settings.get("vanishes_when_asked", False)
        ble.irq(self.on_event)

    def on_event(self, event: int, data: tuple) -> None:
        if event == bluetooth.IRQ_CENTRAL_CONNECT and self.tells_who:
            print("visited by", data[1], bytes(data[2]).hex(), flush=True)
        if event == bluetooth.IRQ_ENCRYPTION_UPDATE:
            print("encrypted", *data[1:], flush=True)
        if event == bluetooth.IRQ_CENTRAL_DISCONNECT:
            self.ble.gap_advertise(20000)
        if event != bluetooth.IRQ_PASSKEY_ACTION:
            return
        connection, action, number = data
        if self.vanishes:
            self.ble.gap_disconnect(connection)
        elif action == bluetooth.PASSKEY_ACTION_INPUT:
            self.asked = connection, action
        elif action == bluetooth.PASSKEY_ACTION_DISPLAY:
            print("shows 314159", flush=True)
            self.ble.gap_passkey(connection, action, 314159)
        else:
            print("shows", f"{number:06}", flush=True)
            self.ble.gap_passkey(connection, action, int(self.agrees))

    def types(self, number: int) -> None:
        assert self.asked
        connection, action = self.asked
        self.ble.gap_passkey(connection, action, number)


def hang() -> None:
    """Until somebody kills this process."""
    print("asked", flush=True)
    time.sleep(1000)


def main() -> None:
    settings = json.loads(sys.argv[1])
    ble = bluetooth.BLE(store=settings.get("store"))
    ble.config(**settings.get("security", {"bond": False}))
    ble.active(True)
    if "name" in settings:
        ble.config(gap_name=settings["name"])
    if settings.get("services"):
        register(ble, settings)
    person = Person(ble, settings) if "security" in settings else None
    response = settings.get("response")
    ble.gap_advertise(
        20000,
        bytes.fromhex(settings.get("data", "020106")),
        resp_data=None if response is None else bytes.fromhex(response),
        connectable=settings.get("connectable", True),
    )
    _, address = ble.config("mac")
    print(":".join(f"{octet:02X}" for octet in bytes(address)), flush=True)
    for line in sys.stdin:
        assert person
        person.types(int(line))


main()
