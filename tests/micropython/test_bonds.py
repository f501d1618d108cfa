"""Bonds outlive the process: the program keeps secrets in a file, as MicroPython's users do, and is started anew."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from conftest import HERE, finish

PROGRAM = Path(os.environ.get("BLUET_BUILD", HERE.parents[1] / "build")) / "bluet"

# What MicroPython's documentation has programs do about secrets: each is kept under its type and its key.
KEEPER = """
import binascii, bluetooth, json, sys, time
PATH = "{path}"
try:
    with open(PATH) as file:
        secrets = [[kind, binascii.unhexlify(key), binascii.unhexlify(value)] for kind, key, value in json.load(file)]
except OSError:
    secrets = []
def keep():
    with open(PATH, "w") as file:
        json.dump([[kind, binascii.hexlify(key).decode(), binascii.hexlify(value).decode()]
            for kind, key, value in secrets], file)
def set_secret(kind, key, value):
    for secret in secrets:
        if secret[0] == kind and secret[1] == key:
            secrets.remove(secret)
            break
    else:
        if value is None:
            return False
    if value is not None:
        secrets.append([kind, key, value])
    keep()
    return True
def get_secret(kind, index, key):
    for secret in secrets:
        if secret[0] == kind and (key is None or secret[1] == key):
            if key is not None or index == 0:
                return secret[2]
            index -= 1
    return None
ble = bluetooth.BLE()
events = []
def irq(event, data):
    if event == 29:
        kind, index, key = data
        return get_secret(kind, index, None if key is None else bytes(key))
    if event == 30:
        kind, key, value = data
        return set_secret(kind, bytes(key), None if value is None else bytes(value))
    if event == 4:
        return 0
    events.append((event, tuple(bytes(part) if isinstance(part, memoryview) else part for part in data)))
def wait(code, seconds=30):
    until = time.ticks_add(time.ticks_ms(), seconds * 1000)
    while time.ticks_diff(until, time.ticks_ms()) > 0:
        for event in events:
            if event[0] == code:
                events.remove(event)
                return event[1]
        time.sleep_ms(5)
    raise RuntimeError("no event %d, but %s" % (code, events))
ble.irq(irq)
ble.config(bond=True, le_secure={secure}, io=3)
ble.active(True)
"""

PERIPHERAL = """
READ, READ_ENCRYPTED = 0x0002, 0x0200
((handle,),) = ble.gatts_register_services(
    ((bluetooth.UUID(0xA000), ((bluetooth.UUID(0xA001), READ | READ_ENCRYPTED),)),))
ble.gatts_write(handle, b"for friends")
ble.gap_advertise(20_000, b"\\x02\\x01\\x06\\x06\\x09bonds")
print("advertising", handle)
wait(1)
_, encrypted, _, bonded, _ = wait(28)
print("encrypted", bool(encrypted), "bonded", bool(bonded))
wait(2)
ble.active(False)
"""

CENTRAL = """
ble.gap_scan(0, 30_000, 30_000)
while True:
    kind, address, _, _, data = wait(5)
    if bytes(data).endswith(b"bonds"):
        break
ble.gap_scan(None)
ble.gap_connect(kind, address)
connection = wait(7)[0]
def read():
    ble.gattc_read(connection, {handle})
    status = wait(16)[2]
    return wait(15)[2] if status == 0 else status
print("before", read())
ble.gap_pair(connection)
_, encrypted, _, bonded, _ = wait(28)
print("encrypted", bool(encrypted), "bonded", bool(bonded))
print("after", read())
ble.gap_disconnect(connection)
wait(8)
ble.active(False)
"""

INSUFFICIENT_AUTHENTICATION, INSUFFICIENT_ENCRYPTION = 5, 15


@pytest.fixture
def places(own_air):
    """An air at which two places have addresses of their own, as boards have: how to attach to them."""
    places = [f"unix:{own_air}/peripheral", f"unix:{own_air}/central"]
    words = [word for i, place in enumerate(places) for word in ("--listen", f"{place},address=C0:FF:EE:00:00:0{i}")]
    air = subprocess.Popen([PROGRAM, "air", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    missing = set(places)
    while missing:
        line = air.stdout.readline()
        assert line, "the air has ended"
        missing = {place for place in missing if place not in line}
    yield [{"BLUET_TRANSPORT": place} for place in places]
    air.terminate()
    air.communicate()


def meet(sides, places, files, secure):
    """Both programs, from start to end. How the central's reading was refused before the link was encrypted."""
    begin = [KEEPER.format(path=path, secure=secure) for path in files]
    peripheral = sides[0].start("-c", begin[0] + PERIPHERAL, environment=places[0])
    first = peripheral.stdout.readline().split()
    assert first[:1] == ["advertising"], peripheral.communicate()[0]
    central = sides[1].start("-c", begin[1] + CENTRAL.format(handle=first[1]), environment=places[1])
    before, encrypted, after = finish(central)
    assert encrypted == "encrypted True bonded True"
    assert finish(peripheral) == ["encrypted True bonded True"]
    assert after == "after b'for friends'"
    return int(before.split()[1])


@pytest.mark.parametrize("secure", [True, False], ids=["secure-connections", "legacy"])
@pytest.mark.parametrize("sides", ["micropython-micropython", "micropython-cpython", "cpython-micropython"])
def test_a_bond_outlives_the_process(sides, secure, on_micropython, on_cpython, places, tmp_path):
    known = {"micropython": on_micropython, "cpython": on_cpython}
    both = [known[side] for side in sides.split("-")]
    files = [tmp_path / "peripheral.json", tmp_path / "central.json"]
    assert meet(both, places, files, secure) == INSUFFICIENT_AUTHENTICATION
    bonds = [json.loads(path.read_text()) for path in files]
    assert all(bonds)
    # There is a key, so what lacks is encryption; and no pairing has made another.
    assert meet(both, places, files, secure) == INSUFFICIENT_ENCRYPTION
    assert [json.loads(path.read_text()) for path in files] == bonds
    # Without the file it is a stranger once more.
    for path in files:
        path.unlink()
    assert meet(both, places, files, secure) == INSUFFICIENT_AUTHENTICATION
    assert all(json.loads(path.read_text()) != bond for path, bond in zip(files, bonds, strict=True))
