"""Strangers that come and are cut off, a hundred times, at every stage of what they do: the air stays as it was."""

import asyncio
from pathlib import Path

import pytest
from bluet import bluetooth
from ours import Ours, air_at, can_connect, free_port, wait_for

pytest.importorskip("bumble.device", reason="bumble is not installed")

from bumble.device import ConnectionParametersPreferences, Device, Peer
from bumble.hci import HCI_LE_1M_PHY, Address
from bumble.transport import open_transport
from test_bumble import address_of

COUNT, WARM = 100, 20
SLACK = 128  # kB: what a library may keep of its own
INTERVAL, TIMEOUT = 7.5, 100
FAST = {HCI_LE_1M_PHY: ConnectionParametersPreferences(INTERVAL, INTERVAL, supervision_timeout=TIMEOUT)}
MOMENTS = ("opened", "started", "advertising", "scanning", "connecting", "connected", "discovering", "reading")


class Air:
    """A process that serves an air, looked at from outside."""

    def __init__(self, process, address):
        self.address, self._folder = address, Path(f"/proc/{process.pid}")

    def memory(self):
        status = dict(line.split(":", 1) for line in (self._folder / "status").read_text().splitlines())
        return int(status["VmRSS"].split()[0])

    def descriptors(self):
        return len(list((self._folder / "fd").iterdir()))

    def threads(self):
        return len(list((self._folder / "task").iterdir()))


@pytest.fixture
def air():
    port = free_port()
    with air_at("--tcp", f"127.0.0.1:{port}", ready=lambda: can_connect(port)) as process:
        yield Air(process, f"127.0.0.1:{port}")


async def comes_and_is_cut(transport, target, moment):
    """Goes as far as that moment; then its socket is closed without a word."""
    under_way = None
    async with await open_transport(transport) as (source, sink):
        device = Device.with_hci("Bumble", Address("F0:F1:F2:F3:F4:F5"), source, sink)
        if moment == "opened":
            return
        await device.power_on()
        if moment == "advertising":
            await device.start_advertising()
        elif moment == "scanning":
            await device.start_scanning()
        elif moment == "connecting":
            under_way = asyncio.ensure_future(device.connect(target, connection_parameters_preferences=FAST))
            await asyncio.sleep(0.02)
        elif moment != "started":
            peer = Peer(await device.connect(target, connection_parameters_preferences=FAST))
            if moment == "discovering":
                under_way = asyncio.ensure_future(peer.discover_services())
                await asyncio.sleep(0.02)
            elif moment == "reading":
                await peer.discover_services()
                under_way = asyncio.ensure_future(peer.discover_characteristics())
    if under_way:
        under_way.cancel()


@pytest.mark.stranger("Bumble", "central and peripheral", "100 times cut off")
def test_the_air_stays_as_small_as_it_was(air):
    ours = Ours(f"tcp:{air.address}")
    target = address_of(ours)
    before = air.descriptors(), air.threads()
    linked = 0
    for number in range(WARM + COUNT):
        if number == WARM:
            wait_for(lambda: (air.descriptors(), air.threads()) == before)
            memory = air.memory()
        ours.ble.gap_advertise(20_000, b"\x02\x01\x06")
        asyncio.run(comes_and_is_cut(f"tcp-client:{air.address}", target, MOMENTS[number % len(MOMENTS)]))
        came = len(ours.all(bluetooth.IRQ_CENTRAL_CONNECT))
        wait_for(lambda came=came: len(ours.all(bluetooth.IRQ_CENTRAL_DISCONNECT)) >= came)
        linked = max(linked, came)
    assert linked >= (WARM + COUNT) // len(MOMENTS) * 3
    wait_for(lambda: (air.descriptors(), air.threads()) == before)
    assert air.memory() <= memory + SLACK
    ours.close()
