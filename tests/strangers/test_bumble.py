"""A stranger on the air, and a stranger's controller under our host: Bumble, from PyPI."""

import asyncio
import threading
import time

import pytest
from bluet import bluetooth

bumble_device = pytest.importorskip("bumble.device", reason="bumble is not installed")

from bumble import gatt  # noqa: E402
from bumble.controller import Controller  # noqa: E402
from bumble.core import AdvertisingData  # noqa: E402
from bumble.device import Device, Peer  # noqa: E402
from bumble.hci import Address, LeFeatureMask  # noqa: E402
from bumble.link import LocalLink  # noqa: E402
from bumble.transport import open_transport  # noqa: E402
from ours import TIMEOUT, Ours, free_port, wait_for  # noqa: E402

SERVICE, VALUE, NEWS = "50DB505C-8AC4-4738-8448-3B1D9CC09CC5", "50DB505D-8AC4-4738-8448-3B1D9CC09CC5", "2A37"


def address_of(ours):
    kind, octets = ours.address()
    return Address(octets, Address.RANDOM_DEVICE_ADDRESS if kind else Address.PUBLIC_DEVICE_ADDRESS)


class Stranger:
    """Runs a coroutine with a Bumble device in a thread of its own, so that both sides can wait."""

    def __init__(self, transport, play):
        self.failure = None
        self.stop = None
        self.loop = None
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._main(transport, play)), daemon=True)
        self.thread.start()
        assert self.ready.wait(TIMEOUT)

    async def _main(self, transport, play):
        self.loop = asyncio.get_running_loop()
        self.stop = asyncio.Event()
        try:
            async with await open_transport(transport) as (source, sink):
                device = Device.with_hci("Bumble", Address("F0:F1:F2:F3:F4:F5"), source, sink)
                await play(device, self)
        except Exception as error:
            self.failure = error
        finally:
            self.ready.set()

    def end(self):
        self.loop.call_soon_threadsafe(self.stop.set)
        self.join()

    def join(self):
        self.thread.join(TIMEOUT)
        assert not self.thread.is_alive()
        if self.failure:
            raise self.failure


class Served:
    """A Bumble peripheral with one service; what was written to it."""

    def __init__(self):
        self.written = []
        self.value = gatt.Characteristic(
            VALUE,
            gatt.Characteristic.Properties.READ | gatt.Characteristic.Properties.WRITE,
            gatt.Characteristic.READABLE | gatt.Characteristic.WRITEABLE,
            gatt.CharacteristicValue(read=lambda _: b"from bumble", write=lambda _, data: self.written.append(data)),
        )
        self.news = gatt.Characteristic(
            NEWS, gatt.Characteristic.Properties.NOTIFY, gatt.Characteristic.READABLE, b"\x00"
        )

    async def play(self, device, stranger):
        self.device = device
        device.add_service(gatt.Service(SERVICE, [self.value, self.news]))
        device.advertising_data = bytes(AdvertisingData([(AdvertisingData.COMPLETE_LOCAL_NAME, b"Bumble")]))
        await device.power_on()
        await device.start_advertising(auto_restart=True)
        stranger.ready.set()
        await stranger.stop.wait()

    def notify(self, stranger, value):
        asyncio.run_coroutine_threadsafe(self.device.notify_subscribers(self.news, value), stranger.loop).result(
            TIMEOUT
        )


def read_write_and_hear(ours, stranger, served):
    """Our central with a Bumble peripheral: scan to disconnection."""
    ble = ours.ble
    ble.gap_scan(0, 30000, 30000, True)
    wait_for(lambda: any(b"Bumble" in result[4] for result in ours.all(bluetooth.IRQ_SCAN_RESULT)))
    ble.gap_scan(None)
    result = next(result for result in ours.all(bluetooth.IRQ_SCAN_RESULT) if b"Bumble" in result[4])
    conn, *peer = ours.connect(*result[:2])
    assert tuple(peer) == result[:2]

    ble.gattc_exchange_mtu(conn)
    assert ours.last(bluetooth.IRQ_MTU_EXCHANGED)[1] > 23
    ble.gattc_discover_services(conn)
    assert ours.last(bluetooth.IRQ_GATTC_SERVICE_DONE) == (conn, 0)
    ((_, start, end, _),) = [s for s in ours.all(bluetooth.IRQ_GATTC_SERVICE_RESULT) if s[3] == bluetooth.UUID(SERVICE)]
    ble.gattc_discover_characteristics(conn, start, end)
    assert ours.last(bluetooth.IRQ_GATTC_CHARACTERISTIC_DONE) == (conn, 0)
    value, news = ours.all(bluetooth.IRQ_GATTC_CHARACTERISTIC_RESULT)
    assert (value[4], news[4]) == (bluetooth.UUID(VALUE), bluetooth.UUID(0x2A37))
    ble.gattc_discover_descriptors(conn, news[2], end)
    assert ours.last(bluetooth.IRQ_GATTC_DESCRIPTOR_DONE) == (conn, 0)
    (cccd,) = [d[1] for d in ours.all(bluetooth.IRQ_GATTC_DESCRIPTOR_RESULT) if d[2] == bluetooth.UUID(0x2902)]

    ble.gattc_read(conn, value[2])
    assert ours.last(bluetooth.IRQ_GATTC_READ_DONE) == (conn, value[2], 0)
    assert ours.last(bluetooth.IRQ_GATTC_READ_RESULT)[2] == b"from bumble"
    ble.gattc_write(conn, value[2], b"hello", 1)
    assert ours.last(bluetooth.IRQ_GATTC_WRITE_DONE) == (conn, value[2], 0)
    assert served.written == [b"hello"]

    ble.gattc_write(conn, cccd, b"\x01\x00", 1)
    wait_for(lambda: len(ours.all(bluetooth.IRQ_GATTC_WRITE_DONE)) == 2)
    served.notify(stranger, b"\x06\x48")
    assert ours.last(bluetooth.IRQ_GATTC_NOTIFY) == (conn, news[2], b"\x06\x48")

    assert ble.gap_disconnect(conn)
    assert ours.last(bluetooth.IRQ_PERIPHERAL_DISCONNECT)[0] == conn


@pytest.mark.stranger("Bumble", "peripheral", "scan, connect, discover, read, write, notify")
def test_our_central_and_their_peripheral(served_air):
    served = Served()
    stranger = Stranger(f"tcp-client:{served_air}", served.play)
    ours = Ours(f"tcp:{served_air}")
    read_write_and_hear(ours, stranger, served)
    ours.close()
    stranger.end()


class Visitor:
    """A Bumble central that tries what our peripheral serves."""

    def __init__(self, address):
        self.address = address
        self.heard = []
        self.seen = None

    async def play(self, device, stranger):
        stranger.ready.set()
        await device.power_on()
        connection = await device.connect(self.address, timeout=TIMEOUT)
        peer = Peer(connection)
        await peer.request_mtu(200)
        await peer.discover_services()
        await peer.discover_characteristics()
        (value,) = peer.get_characteristics_by_uuid(gatt.UUID(VALUE))
        (news,) = peer.get_characteristics_by_uuid(gatt.UUID(NEWS))
        self.seen = bytes(await value.read_value())
        await value.write_value(b"from bumble", with_response=True)
        await news.discover_descriptors()
        await news.subscribe(self.heard.append)
        while len(self.heard) < 5:
            await asyncio.sleep(0.01)
        await connection.disconnect()


def our_peripheral_is_visited(ours, transport, address):
    flags = bluetooth.FLAG_READ | bluetooth.FLAG_WRITE
    services = (
        (bluetooth.UUID(SERVICE), ((bluetooth.UUID(VALUE), flags), (bluetooth.UUID(0x2A37), bluetooth.FLAG_NOTIFY))),
    )
    ((value, news),) = ours.ble.gatts_register_services(services)
    ours.ble.gatts_write(value, b"from bluet")
    ours.ble.gap_advertise(50_000, b"\x02\x01\x06")
    visitor = Visitor(address)
    stranger = Stranger(transport, visitor.play)
    conn = ours.last(bluetooth.IRQ_CENTRAL_CONNECT)[0]
    assert ours.last(bluetooth.IRQ_GATTS_WRITE) == (conn, value)
    assert ours.ble.gatts_read(value) == b"from bumble"
    end = time.monotonic() + TIMEOUT
    while stranger.thread.is_alive() and time.monotonic() < end:
        ours.ble.gatts_write(news, b"\x06\x50", True)
        time.sleep(0.05)
    stranger.join()
    assert visitor.seen == b"from bluet"
    assert bytes(visitor.heard[0]) == b"\x06\x50"
    assert ours.last(bluetooth.IRQ_CENTRAL_DISCONNECT)[0] == conn


@pytest.mark.stranger("Bumble", "central", "connect, MTU, discover, read, write, notify")
def test_our_peripheral_and_their_central(served_air):
    ours = Ours(f"tcp:{served_air}")
    our_peripheral_is_visited(ours, f"tcp-client:{served_air}", address_of(ours))
    ours.close()


class Controllers:
    """Bumble's controllers on its own simulated link, each on a TCP port."""

    def __init__(self, count):
        self.ports = [free_port() for _ in range(count)]
        self.ready = threading.Event()
        self.loop = self.stop = None
        self.thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self.thread.start()
        assert self.ready.wait(TIMEOUT)

    async def _main(self):
        self.loop = asyncio.get_running_loop()
        self.stop = asyncio.Event()
        link = LocalLink()
        for number, port in enumerate(self.ports):
            transport = await open_transport(f"tcp-server:127.0.0.1:{port}")
            address = f"C4:F2:17:1A:1D:{number:02X}"
            controller = Controller(
                f"C{number}", transport.source, transport.sink, link, public_address=Address(address, 0)
            )
            # It would send extended reports to hosts that have asked for legacy ones.
            controller.le_features &= ~LeFeatureMask.LE_EXTENDED_ADVERTISING
            # It takes a resolving list, and resolves nothing.
            controller.le_features &= ~LeFeatureMask.LL_PRIVACY
        self.ready.set()
        await self.stop.wait()

    def end(self):
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(TIMEOUT)


@pytest.mark.stranger("Bumble", "controller", "advertise, scan, connect, read, notify")
def test_our_hosts_on_their_controllers():
    controllers = Controllers(2)
    peripheral, central = (Ours(f"tcp:127.0.0.1:{port}") for port in controllers.ports)
    for ours in peripheral, central:
        ours.ble.config(addr_mode=bluetooth.ADDR_MODE_RANDOM)  # their link knows a controller by its random address
    services = ((bluetooth.UUID(0x180D), ((bluetooth.UUID(0x2A37), bluetooth.FLAG_READ | bluetooth.FLAG_NOTIFY),)),)
    ((news,),) = peripheral.ble.gatts_register_services(services)
    peripheral.ble.gatts_write(news, b"first")
    peripheral.ble.gap_advertise(50_000, b"\x05\x09ours")

    central.ble.gap_scan(0, 30000, 30000)
    result = central.last(bluetooth.IRQ_SCAN_RESULT)
    assert result[4] == b"\x05\x09ours"
    conn = central.connect(*result[:2])[0]
    central.ble.gattc_read(conn, news)
    assert central.last(bluetooth.IRQ_GATTC_READ_RESULT)[2] == b"first"
    peripheral.ble.gatts_notify(peripheral.last(bluetooth.IRQ_CENTRAL_CONNECT)[0], news, b"second")
    assert central.last(bluetooth.IRQ_GATTC_NOTIFY) == (conn, news, b"second")
    central.ble.gap_disconnect(conn)
    peripheral.last(bluetooth.IRQ_CENTRAL_DISCONNECT)
    central.last(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    central.close()
    peripheral.close()
    controllers.end()
