"""Somebody else's host, Bumble from PyPI, uses all that the sensor on bare metal offers."""

import asyncio
import os
import socket
import subprocess

import pytest
from conftest import ROOT, board

pytest.importorskip("bumble.device", reason="bumble is not installed")

from bumble.att import ATT_Error
from bumble.core import UUID, AdvertisingData
from bumble.device import Device, Peer
from bumble.hci import Address
from bumble.keys import MemoryKeyStore
from bumble.l2cap import LeCreditBasedChannelSpec
from bumble.pairing import PairingConfig, PairingDelegate
from bumble.transport import open_transport

PROGRAM = os.path.join(os.environ.get("BLUET_BUILD", ROOT / "build"), "bluet")
NAME = "Bluet heart"
NORDIC = "6E40000{}-B5A3-F393-E0A9-E50E24DCCA9E"
PSM = 0x80
SECONDS = 150
INSUFFICIENT_AUTHENTICATION, INSUFFICIENT_ENCRYPTION = 5, 15


@pytest.fixture(params=["", ",uart=115200"], ids=["fast", "115200"])
def places(request, own_air):
    """An air with a place for the board, whose line may be slow, and one for Bumble."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    near, far = f"unix:{own_air}/board", f"tcp:127.0.0.1:{port}"
    command = [PROGRAM, "air", "--listen", near + request.param, "--listen", far]
    air = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    missing = {"board", str(port)}
    while missing:
        line = air.stdout.readline()
        assert line, "the air has ended"
        missing = {word for word in missing if word not in line}
    yield own_air / "board", f"tcp-client:127.0.0.1:{port}"
    air.terminate()
    air.communicate()


async def found(device):
    """Where the sensor is, by its name."""
    address = asyncio.get_running_loop().create_future()

    def heard(advertisement):
        name = advertisement.data.get(AdvertisingData.COMPLETE_LOCAL_NAME)
        if name == NAME and not address.done():
            address.set_result(advertisement.address)

    device.on("advertisement", heard)
    await device.start_scanning()
    result = await address
    await device.stop_scanning()
    return result


async def refused(characteristic):
    try:
        await characteristic.read_value()
    except ATT_Error as error:
        return error.error_code
    return None


async def echo(send, take, data, most):
    """What goes out in pieces comes back."""
    back = bytearray()
    take(back.extend)
    for start in range(0, len(data), most):
        await send(data[start : start + most])
        while len(back) < min(len(data), start + most):
            await asyncio.sleep(0.005)
    assert bytes(back) == data


async def use(connection):
    """Everything, once. The pairing comes between two looks at the battery."""
    peer = Peer(connection)
    await peer.request_mtu(100)
    await peer.discover_services()
    await peer.discover_characteristics()

    def one(uuid):
        (characteristic,) = peer.get_characteristics_by_uuid(uuid)
        return characteristic

    location, battery = one(UUID.from_16_bits(0x2A38)), one(UUID.from_16_bits(0x2A19))
    assert bytes(await location.read_value()) == b"\x02"
    assert await refused(battery) == INSUFFICIENT_AUTHENTICATION
    await connection.pair()
    assert bytes(await battery.read_value()) == b"\x57"

    beats = []
    rate = one(UUID.from_16_bits(0x2A37))
    await rate.discover_descriptors()
    await rate.subscribe(lambda value: beats.append(bytes(value)[1]))
    while len(beats) < 3:
        await asyncio.sleep(0.01)
    assert [beat - beats[0] for beat in beats[:3]] == [0, 1, 2]

    outgoing, incoming = one(UUID(NORDIC.format(2))), one(UUID(NORDIC.format(3)))
    await incoming.discover_descriptors()
    subscribers = []
    await incoming.subscribe(lambda value: [subscriber(bytes(value)) for subscriber in subscribers])
    data = bytes(range(256))
    await echo(lambda part: outgoing.write_value(part, with_response=True), subscribers.append, data, 90)

    channel = await connection.create_l2cap_channel(LeCreditBasedChannelSpec(psm=PSM, mtu=256))

    async def send(part):
        channel.write(part)
        await channel.drain()

    await echo(send, lambda sink: setattr(channel, "sink", sink), 4 * data, 200)
    await channel.disconnect()


async def visit(transport):
    async with await open_transport(transport) as (source, sink):
        device = Device.with_hci("Bumble", Address("F0:F1:F2:F3:F4:F5"), source, sink)
        device.keystore = MemoryKeyStore()
        person = PairingDelegate(PairingDelegate.IoCapability.NO_OUTPUT_NO_INPUT)
        device.pairing_config_factory = lambda _: PairingConfig(sc=True, mitm=False, bonding=True, delegate=person)
        await device.power_on()
        connection = await device.connect(await found(device))
        await use(connection)
        await connection.disconnect()

        again = await device.connect(await found(device))
        peer = Peer(again)
        await peer.discover_services()
        await peer.discover_characteristics()
        (battery,) = peer.get_characteristics_by_uuid(UUID.from_16_bits(0x2A19))
        assert await refused(battery) == INSUFFICIENT_ENCRYPTION
        await again.encrypt()
        assert bytes(await battery.read_value()) == b"\x57"
        await again.disconnect()


def test_bumble_visits(places, firmware):
    near, transport = places
    with board(firmware, near):
        asyncio.run(asyncio.wait_for(visit(transport), SECONDS))
