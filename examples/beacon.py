"""A beacon: tells everybody around the address of a web page (Eddystone-URL), for some seconds."""

import time

import advertising
import bluetooth
from micropython import const

_EDDYSTONE = bluetooth.UUID(0xFEAA)
_FRAME_URL = const(0x10)
_POWER_AT_0_M = const(0xEE)  # -18 dBm
_HTTPS = const(0x03)

_SECONDS = const(5)


def main():
    ble = bluetooth.BLE()
    ble.active(True)
    frame = bytes((_FRAME_URL, _POWER_AT_0_M, _HTTPS)) + b"example.org"
    payload = advertising.encode(services=[_EDDYSTONE], service_data=(_EDDYSTONE, frame))
    ble.gap_advertise(100_000, payload, connectable=False)
    print("advertising for", _SECONDS, "seconds")
    time.sleep(_SECONDS)
    ble.gap_advertise(None)
    ble.active(False)
    print("done")


main()
