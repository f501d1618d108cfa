"""Channels with a stranger: Bumble's host at the other end, both ways of flow control, and either side asking."""

import asyncio
import time

import pytest
from bluet import bluetooth

pytest.importorskip("bumble.device", reason="bumble is not installed")

from bumble.l2cap import LeCreditBasedChannelSpec
from ours import TIMEOUT, Ours, wait_for
from test_bumble import Stranger, address_of

PSM, OUR_MTU = 0x80, 512
TOTAL = 20_000


def stream(salt):
    return bytes((salt + i * 31 + (i >> 8) * 7) & 0xFF for i in range(TOTAL))


async def exchange(channel, heard):
    """Sends its own stream, and keeps what comes, until all of it is there."""
    channel.sink = heard.extend
    data = stream(2)
    for start in range(0, TOTAL, channel.peer_mtu):
        channel.write(data[start : start + channel.peer_mtu])
    while len(heard) < TOTAL:
        await asyncio.sleep(0.01)
    await channel.drain()


class Echo:
    """Our end of a channel: sends a stream, reads what comes."""

    def __init__(self, ours, conn, cid, peer_mtu):
        self.ours, self.conn, self.cid = ours, conn, cid
        self.sdu = min(peer_mtu, 2 * OUR_MTU)
        self.heard = bytearray()

    def run(self):
        wait_for(self.read)  # Bumble listens to a channel once it sends itself
        data = stream(1)
        sent, ready = 0, 0
        end = time.monotonic() + 4 * TIMEOUT
        while (sent < TOTAL or len(self.heard) < TOTAL) and time.monotonic() < end:
            readies = len(self.ours.all(bluetooth.IRQ_L2CAP_SEND_READY))
            if sent < TOTAL and readies == ready:
                sdu = data[sent : sent + self.sdu]
                sent += len(sdu)
                ready += not self.ours.ble.l2cap_send(self.conn, self.cid, sdu)
            self.read()
            time.sleep(0.001)
        assert bytes(self.heard) == stream(2)

    def read(self):
        buffer = bytearray(self.ours.ble.l2cap_recvinto(self.conn, self.cid, None))
        self.heard += buffer[: self.ours.ble.l2cap_recvinto(self.conn, self.cid, buffer)]
        return bool(self.heard)


class Listener:
    """A Bumble peripheral that listens for channels."""

    def __init__(self):
        self.heard = bytearray()

    async def play(self, device, stranger):
        await device.power_on()
        done = asyncio.Event()

        def on_channel(channel):
            async def serve():
                await exchange(channel, self.heard)
                done.set()

            self.task = asyncio.ensure_future(serve())

        device.create_l2cap_server(LeCreditBasedChannelSpec(psm=PSM, mtu=1000, mps=200, max_credits=20), on_channel)
        await device.start_advertising(auto_restart=True)
        self.address = device.random_address
        stranger.ready.set()
        await stranger.stop.wait()
        assert done.is_set()


@pytest.mark.stranger("Bumble", "peripheral", "L2CAP channel")
def test_we_connect(served_air):
    listener = Listener()
    stranger = Stranger(f"tcp-client:{served_air}", listener.play)
    ours = Ours(f"tcp:{served_air}")
    ble = ours.ble
    conn = ours.connect(1, bytes(reversed(bytes(listener.address))))[0]
    ble.l2cap_connect(conn, 0x81, OUR_MTU)  # there nobody listens
    assert ours.last(bluetooth.IRQ_L2CAP_DISCONNECT)[2:] == (0x81, 2)
    ble.l2cap_connect(conn, PSM, OUR_MTU)
    _, cid, psm, our_mtu, peer_mtu = ours.last(bluetooth.IRQ_L2CAP_CONNECT)
    assert (psm, our_mtu, peer_mtu) == (PSM, OUR_MTU, 1000)
    Echo(ours, conn, cid, peer_mtu).run()
    wait_for(lambda: len(listener.heard) == TOTAL)
    assert bytes(listener.heard) == stream(1)
    ble.l2cap_disconnect(conn, cid)
    wait_for(lambda: ours.all(bluetooth.IRQ_L2CAP_DISCONNECT)[-1] == (conn, cid, PSM, 0))
    ble.gap_disconnect(conn)
    ours.last(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    stranger.end()
    ours.close()


class Caller:
    """A Bumble central that makes channels, by one way or the other."""

    def __init__(self, address, enhanced):
        self.address, self.enhanced = address, enhanced
        self.heard = bytearray()

    async def play(self, device, stranger):
        stranger.ready.set()
        await device.power_on()
        connection = await device.connect(self.address, timeout=TIMEOUT)
        spec = LeCreditBasedChannelSpec(psm=PSM, mtu=300, mps=100, max_credits=10)
        if self.enhanced:
            manager = device.l2cap_channel_manager
            channels = await manager.create_enhanced_credit_based_channels(connection, spec, 3)
            for channel in channels[1:]:
                await channel.disconnect()
            channel = channels[0]
        else:
            channel = await connection.create_l2cap_channel(spec)
        assert channel.peer_mtu == OUR_MTU
        await exchange(channel, self.heard)
        await stranger.stop.wait()
        await channel.disconnect()
        await connection.disconnect()


@pytest.mark.stranger("Bumble", "central", "L2CAP channels, plain and enhanced")
@pytest.mark.parametrize("enhanced", [False, True])
def test_they_connect(served_air, enhanced):
    ours = Ours(f"tcp:{served_air}")
    ours.ble.l2cap_listen(PSM, OUR_MTU)
    ours.ble.gap_advertise(50_000, b"\x02\x01\x06")
    caller = Caller(address_of(ours), enhanced)
    stranger = Stranger(f"tcp-client:{served_air}", caller.play)
    count = 3 if enhanced else 1
    wait_for(lambda: len(ours.all(bluetooth.IRQ_L2CAP_CONNECT)) == count)
    conn, cid, psm, our_mtu, peer_mtu = ours.all(bluetooth.IRQ_L2CAP_CONNECT)[0]
    assert (psm, our_mtu, peer_mtu) == (PSM, OUR_MTU, 300)
    Echo(ours, conn, cid, peer_mtu).run()
    wait_for(lambda: len(caller.heard) == TOTAL)
    assert bytes(caller.heard) == stream(1)
    stranger.end()
    wait_for(lambda: len(ours.all(bluetooth.IRQ_L2CAP_DISCONNECT)) == count)
    assert all(data[3] == 0 for data in ours.all(bluetooth.IRQ_L2CAP_DISCONNECT))
    ours.last(bluetooth.IRQ_CENTRAL_DISCONNECT)
    ours.close()
