"""Two programs for test_asyncio.py, side by side on MicroPython or CPython: asyncio_programs.py peripheral|central

The handler only wakes tasks, each by a ThreadSafeFlag, and answers what wants an answer; the tasks do the rest.
"""

import asyncio
import sys

import bluetooth
from micropython import const

CENTRAL_CONNECT, CENTRAL_DISCONNECT, GATTS_WRITE, READ_REQUEST, SCAN_RESULT, SCAN_DONE = range(1, 7)
PERIPHERAL_CONNECT, PERIPHERAL_DISCONNECT, SERVICE_RESULT, SERVICE_DONE = range(7, 11)
CHARACTERISTIC_RESULT, CHARACTERISTIC_DONE, DESCRIPTOR_RESULT, DESCRIPTOR_DONE = range(11, 15)
READ_RESULT, READ_DONE, WRITE_DONE, NOTIFY, INDICATE, INDICATE_DONE, MTU_EXCHANGED = range(15, 22)
L2CAP_ACCEPT, L2CAP_CONNECT, L2CAP_DISCONNECT, L2CAP_RECV, L2CAP_SEND_READY = range(22, 27)
ENCRYPTION_UPDATE, GET_SECRET, SET_SECRET = 28, 29, 30

PSM = const(0x81)
SDU = const(300)
AMOUNT = const(5000)
SERVICE = bluetooth.UUID("6b1f0001-5c7a-4c3e-9d55-0d1c6b7e2a10")
VALUE = bluetooth.UUID("6b1f0002-5c7a-4c3e-9d55-0d1c6b7e2a10")
SECRET = bluetooth.UUID(0x2A19)

ble = bluetooth.BLE()
came = {}  # by code: what has come, not yet taken
flags = {}
secrets = {}
answers = []


def irq(event, data):
    if event == READ_REQUEST:
        answers.append(event)
        return 0x80 if len(answers) == 1 else 0
    if event == GET_SECRET:
        kind, index, key = data
        if key is not None:
            return secrets.get((kind, bytes(key)))
        of_kind = [secrets[name] for name in secrets if name[0] == kind]
        return of_kind[index] if index < len(of_kind) else None
    if event == SET_SECRET:
        kind, key, value = data
        if value is None:
            return secrets.pop((kind, bytes(key)), None) is not None
        secrets[kind, bytes(key)] = bytes(value)
        return True
    parts = [bytes(part) if isinstance(part, memoryview) else part for part in data]
    if event in (SERVICE_RESULT, CHARACTERISTIC_RESULT, DESCRIPTOR_RESULT):
        parts[-1] = bluetooth.UUID(data[-1])
    came.setdefault(event, []).append(parts)
    if event in flags:
        flags[event].set()
    return None


async def next_of(event):
    flags.setdefault(event, asyncio.ThreadSafeFlag())
    while not came.get(event):
        await flags[event].wait()
    return came[event].pop(0)


async def results(result, done, start, *arguments):
    start(*arguments)
    assert (await next_of(done))[-1] == 0
    return came.pop(result, [])


# ---- Peripheral ----


async def send(link, cid, octets):
    """In pieces as long as the peer takes, as views of one buffer."""
    view = memoryview(octets)
    for begin in range(0, len(octets), SDU):
        if not ble.l2cap_send(link, cid, view[begin : begin + SDU]):
            await next_of(L2CAP_SEND_READY)


async def peripheral():
    properties = bluetooth.FLAG_READ | bluetooth.FLAG_WRITE | bluetooth.FLAG_NOTIFY | bluetooth.FLAG_INDICATE
    # Flags beyond 16 bits are the program's own affair.
    ((value, secret),) = ble.gatts_register_services(
        ((SERVICE, ((VALUE, properties | 0x10000), (SECRET, bluetooth.FLAG_READ | 0x0200))),)
    )
    ble.gatts_write(value, "text")
    ble.gatts_write(secret, b"secret")
    ble.l2cap_listen(PSM, SDU)
    ble.gap_advertise(
        20_000, adv_data=bytearray(b"\x02\x01\x06"), resp_data=bytearray(b"\x05\x09here"), connectable=True
    )
    link, _, _ = await next_of(CENTRAL_CONNECT)

    await next_of(GATTS_WRITE)
    print("written", ble.gatts_read(value))
    ble.gatts_write(value, b"pushed", True)
    await next_of(GATTS_WRITE)
    ble.gatts_indicate(link, value, None)
    print("confirmed", (await next_of(INDICATE_DONE))[2])

    _, cid, _, _, _ = await next_of(L2CAP_CONNECT)
    await send(link, cid, bytes(range(250)) * (AMOUNT // 250))
    await next_of(L2CAP_DISCONNECT)
    while not (await next_of(ENCRYPTION_UPDATE))[1]:
        pass
    await next_of(CENTRAL_DISCONNECT)
    print("bonds", len([name for name in secrets if name[0] in (1, 2)]) > 0)


# ---- Central ----


async def find():
    """Scans without an end, and ends it."""
    ble.gap_scan(0, 30_000, 30_000, True)
    while True:
        kind, address, _, _, data = await next_of(SCAN_RESULT)
        if data == b"\x05\x09here":
            break
    ble.gap_scan(None)
    await next_of(SCAN_DONE)
    return kind, address


async def receive(link, cid):
    """Into a buffer shorter than what comes."""
    buffer, got = bytearray(77), b""
    while len(got) < AMOUNT:
        await next_of(L2CAP_RECV)
        while ble.l2cap_recvinto(link, cid, None):
            got += bytes(buffer[: ble.l2cap_recvinto(link, cid, buffer)])
    return got == bytes(range(250)) * (AMOUNT // 250)


async def central():
    ble.gap_connect(*await find(), None, None, None)
    link, _, _ = await next_of(PERIPHERAL_CONNECT)
    ble.gattc_exchange_mtu(link)
    print("mtu", (await next_of(MTU_EXCHANGED))[1])
    ((_, start, end, _),) = await results(SERVICE_RESULT, SERVICE_DONE, ble.gattc_discover_services, link, SERVICE)
    characteristics = (CHARACTERISTIC_RESULT, CHARACTERISTIC_DONE, ble.gattc_discover_characteristics, link, start, end)
    ((_, last, value, _, _),) = await results(*characteristics, VALUE)
    print("all", [part[4] for part in await results(*characteristics, None)] == [VALUE, SECRET])
    ((_, _, secret, _, _),) = await results(*characteristics, SECRET)
    descriptors = await results(DESCRIPTOR_RESULT, DESCRIPTOR_DONE, ble.gattc_discover_descriptors, link, value, last)
    ((_, configuration, _),) = [part for part in descriptors if part[2] == bluetooth.UUID(0x2902)]

    ble.gattc_read(link, value)
    print("refused", (await next_of(READ_DONE))[2])
    ble.gattc_read(link, value)
    await next_of(READ_DONE)
    print("read", came.pop(READ_RESULT)[-1][2])
    for code, setting, text in ((NOTIFY, b"\x01\x00", "first"), (INDICATE, b"\x02\x00", memoryview(b"second"))):
        ble.gattc_write(link, configuration, setting, 1)
        await next_of(WRITE_DONE)
        ble.gattc_write(link, value, text, True)
        await next_of(WRITE_DONE)
        print("came", (await next_of(code))[2])

    ble.l2cap_connect(link, PSM, SDU)
    _, cid, _, _, _ = await next_of(L2CAP_CONNECT)
    print("received", await receive(link, cid))
    ble.l2cap_disconnect(link, cid)
    await next_of(L2CAP_DISCONNECT)

    ble.gattc_read(link, secret)
    print("refused", (await next_of(READ_DONE))[2])
    ble.gap_pair(link)
    while not (state := await next_of(ENCRYPTION_UPDATE))[1]:
        pass
    print("paired", *[int(part) for part in state[1:]])
    came.pop(READ_RESULT, None)
    ble.gattc_read(link, secret)
    await next_of(READ_DONE)
    print("read", came.pop(READ_RESULT)[-1][2])
    ble.gap_disconnect(link)
    await next_of(PERIPHERAL_DISCONNECT)
    print("bonds", len([name for name in secrets if name[0] in (1, 2)]) > 0)


ble.irq(irq)
ble.config(bond=True, le_secure=True, mtu=200)
ble.active(True)
asyncio.run(peripheral() if sys.argv[1] == "peripheral" else central())
ble.active(False)
