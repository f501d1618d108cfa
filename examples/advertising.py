"""Advertising data, built and taken apart (Supplement to the Core Specification, Part A)."""

import struct

import bluetooth
from micropython import const

_FLAGS = const(0x01)
_SHORT_NAME = const(0x08)
_COMPLETE_NAME = const(0x09)
_APPEARANCE = const(0x19)

# UUID size in bytes: the types of an incomplete and of a complete list, and of service data.
_SERVICE_TYPES = {2: (0x02, 0x03, 0x16), 4: (0x04, 0x05, 0x20), 16: (0x06, 0x07, 0x21)}


def field(kind, value):
    return bytes((len(value) + 1, kind)) + value


def encode(name=None, services=(), appearance=None, service_data=None):
    """The payload of an advertisement; `service_data` is a pair of a UUID and bytes."""
    # General discoverable, no BR/EDR.
    payload = field(_FLAGS, b"\x06")
    for uuid in services:
        raw = bytes(uuid)
        payload += field(_SERVICE_TYPES[len(raw)][1], raw)
    if appearance is not None:
        payload += field(_APPEARANCE, struct.pack("<H", appearance))
    if service_data is not None:
        raw = bytes(service_data[0])
        payload += field(_SERVICE_TYPES[len(raw)][2], raw + service_data[1])
    if name is not None:
        payload += field(_COMPLETE_NAME, name.encode())
    if len(payload) > 31:
        raise ValueError("more than fits into an advertisement")
    return payload


def fields(payload):
    """The pairs of type and value in a payload, up to the first that is cut short."""
    payload = bytes(payload)
    found = []
    while len(payload) > 1 and 0 < payload[0] < len(payload):
        found.append((payload[1], payload[2 : payload[0] + 1]))
        payload = payload[payload[0] + 1 :]
    return found


def name(payload):
    for kind, value in fields(payload):
        if kind in (_SHORT_NAME, _COMPLETE_NAME):
            return value.decode()
    return None


def services(payload):
    found = []
    for kind, value in fields(payload):
        for size, types in _SERVICE_TYPES.items():
            if kind in types[:2]:
                found += [bluetooth.UUID(value[i : i + size]) for i in range(0, len(value) - size + 1, size)]
    return found


def service_data(payload, uuid):
    """What the payload says for a service, or None."""
    raw = bytes(uuid)
    for kind, value in fields(payload):
        if kind == _SERVICE_TYPES[len(raw)][2] and value[: len(raw)] == raw:
            return value[len(raw) :]
    return None


def address(addr):
    """An address for people to read."""
    return ":".join("%02X" % byte for byte in addr)
