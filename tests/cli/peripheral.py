"""An advertiser for the tests. Its settings come as JSON; it prints its address, and ends with its input."""

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
    (_, location), (battery,), (maker, description, _, long) = handles
    ble.gatts_write(location, b"\x01")
    ble.gatts_write(battery, b"\x57")
    ble.gatts_write(maker, b"Bluet works")
    ble.gatts_write(description, "Größe".encode())
    ble.gatts_write(long, bytes(settings.get("long_value", 512)))
    if "vanish_at_read" in settings:
        answer_reads(ble, maker, lambda connection: ble.gap_disconnect(connection))
    if "hang_at_read" in settings:
        answer_reads(ble, maker, lambda _: hang())


def answer_reads(ble: bluetooth.BLE, handle: int, answer: Callable[[int], object]) -> None:
    def on_event(event: int, data: tuple) -> None:
        if event == bluetooth.IRQ_GATTS_READ_REQUEST and data[1] == handle:
            answer(data[0])

    ble.irq(on_event)


def hang() -> None:
    """Until somebody kills this process."""
    print("asked", flush=True)
    time.sleep(1000)


def main() -> None:
    settings = json.loads(sys.argv[1])
    ble = bluetooth.BLE()
    ble.active(True)
    if "name" in settings:
        ble.config(gap_name=settings["name"])
    if settings.get("services"):
        register(ble, settings)
    response = settings.get("response")
    ble.gap_advertise(
        20000,
        bytes.fromhex(settings.get("data", "020106")),
        resp_data=None if response is None else bytes.fromhex(response),
        connectable=settings.get("connectable", True),
    )
    _, address = ble.config("mac")
    print(":".join(f"{octet:02X}" for octet in bytes(address)), flush=True)
    sys.stdin.read()


main()
