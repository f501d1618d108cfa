"""Pairing and bonding with a stranger on the air: Bumble, from PyPI, in either role."""

import asyncio
import threading
import time

import pytest
from bluet import bluetooth

pytest.importorskip("bumble.pairing", reason="bumble is not installed")

from bumble.core import AdvertisingData
from bumble.device import Device
from bumble.hci import Address
from bumble.keys import MemoryKeyStore
from bumble.pairing import OobContext, OobLegacyContext, OobSharedData, PairingConfig, PairingDelegate
from bumble.transport import open_transport
from ours import PASSKEY, TIMEOUT, Ours, wait_for
from test_bumble import address_of

THEIR_ADDRESS = "F0:F1:F2:F3:F4:F5"

NO_IO = PairingDelegate.IoCapability.NO_OUTPUT_NO_INPUT
KEYBOARD = PairingDelegate.IoCapability.KEYBOARD_INPUT_ONLY
DISPLAY = PairingDelegate.IoCapability.DISPLAY_OUTPUT_ONLY
YES_NO = PairingDelegate.IoCapability.DISPLAY_OUTPUT_AND_YES_NO_INPUT


class Person(PairingDelegate):
    """Sits before Bumble."""

    compared = None

    async def compare_numbers(self, number, digits):
        self.compared = number
        return True

    async def get_number(self):
        return PASSKEY

    async def generate_passkey(self):
        return PASSKEY


class Stranger:
    """A Bumble device in a thread of its own."""

    def __init__(self, transport, io, secure, mitm, oob=None):
        self.person = Person(io)
        self.config = PairingConfig(sc=secure, mitm=mitm, bonding=True, delegate=self.person, oob=oob)
        self.failure = None
        self.connection = None
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._main(transport)), daemon=True)
        self.thread.start()
        assert self.ready.wait(TIMEOUT)
        if self.failure:
            raise self.failure

    def make_device(self, source, sink):
        device = Device.with_hci("Bumble", Address(THEIR_ADDRESS), source, sink)
        device.keystore = MemoryKeyStore()
        return device

    async def _main(self, transport):
        self.loop = asyncio.get_running_loop()
        self.stop = asyncio.Event()
        try:
            async with await open_transport(transport) as (source, sink):
                self.device = self.make_device(source, sink)
                self.device.pairing_config_factory = lambda _: self.config
                self.device.on("connection", self._connected)
                await self.device.power_on()
                self.ready.set()
                await self.stop.wait()
        except Exception as error:  # told to the test
            self.failure = error
            self.ready.set()

    def _connected(self, connection):
        self.connection = connection
        connection.on("security_request", lambda _: asyncio.create_task(connection.pair()))

    def do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(TIMEOUT)

    def advertise(self):
        self.device.advertising_data = bytes(AdvertisingData([(AdvertisingData.COMPLETE_LOCAL_NAME, b"Bumble")]))
        self.do(self.device.start_advertising())

    def put_keys_right(self):
        """After Legacy Pairing, a Bumble peripheral has the key that it gave in the place of the one that it got."""

        async def swap():
            for name, keys in await self.device.keystore.get_all():
                keys.ltk_central, keys.ltk_peripheral = keys.ltk_peripheral, keys.ltk_central
                await self.device.keystore.update(name, keys)

        self.do(swap())

    def end(self):
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(TIMEOUT)
        assert not self.thread.is_alive()
        if self.failure:
            raise self.failure


MODELS = {
    # name: (our io, theirs, protected)
    "just works": (3, NO_IO, False),
    "we type": (2, DISPLAY, True),
    "they type": (0, KEYBOARD, True),
    "comparison": (1, YES_NO, True),
}


def both(air, model, secure):
    our_io, their_io, protected = MODELS[model]
    ours = Ours(f"tcp:{air}", bond=True, mitm=protected, io=our_io, le_secure=secure)
    return ours, Stranger(f"tcp-client:{air}", their_io, secure, protected), int(protected)


CASES = [(model, secure) for model in MODELS for secure in (False, True) if secure or model != "comparison"]


@pytest.mark.stranger("Bumble", "peripheral", "pairing and bonding, all models")
@pytest.mark.parametrize(("model", "secure"), CASES)
def test_our_central_pairs_and_comes_back(served_air, model, secure):
    ours, stranger, protected = both(served_air, model, secure)
    for attempt in range(2):
        if attempt and not secure:
            stranger.put_keys_right()
        stranger.advertise()
        conn = ours.connect(1, bytes.fromhex(THEIR_ADDRESS.replace(":", "")))[0]
        ours.ble.gap_pair(conn)
        assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, 1, protected, 1, 16)
        wait_for(lambda: stranger.connection and stranger.connection.is_encrypted)
        assert ours.compared == stranger.person.compared
        wait_for(lambda: len(ours.store) == 3 and stranger.device.keystore.all_keys)
        ours.ble.gap_disconnect(conn)
        ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
        time.sleep(0.2)
    assert len([event for event, _ in ours.events if event == bluetooth.IRQ_PASSKEY_ACTION]) == protected
    ours.ble.active(False)
    stranger.end()


@pytest.mark.stranger("Bumble", "central", "pairing and bonding, all models")
@pytest.mark.parametrize(("model", "secure"), CASES)
def test_their_central_pairs_and_comes_back(served_air, model, secure):
    ours, stranger, protected = both(served_air, model, secure)
    for attempt in range(2):
        ours.ble.gap_advertise(50_000, b"\x02\x01\x06")
        connection = stranger.do(stranger.device.connect(address_of(ours), timeout=TIMEOUT))
        conn = ours.next(bluetooth.IRQ_CENTRAL_CONNECT)[0]
        stranger.do(connection.encrypt() if attempt else connection.pair())
        assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, 1, protected, 1, 16)
        wait_for(lambda: len(ours.store) == 3)
        stranger.do(connection.disconnect())
        ours.next(bluetooth.IRQ_CENTRAL_DISCONNECT)
    assert len([event for event, _ in ours.events if event == bluetooth.IRQ_PASSKEY_ACTION]) == protected
    ours.ble.active(False)
    stranger.end()


@pytest.mark.stranger("Bumble", "central and peripheral", "pairing out of band")
@pytest.mark.parametrize("we_are_central", [True, False])
@pytest.mark.parametrize("kind", ["we know", "they know", "both know", "legacy"])
def test_out_of_band(served_air, kind, we_are_central):
    """With nothing to show or type on either side, and yet protected."""
    secure = kind != "legacy"
    ours = Ours(f"tcp:{served_air}", bond=True, mitm=True, io=3, le_secure=secure)
    theirs, of_theirs = OobContext(), (1, bytes.fromhex(THEIR_ADDRESS.replace(":", "")))
    key = OobLegacyContext()
    told = OobSharedData(*ours.ble.gap_oob()) if kind in ("they know", "both know") else None
    oob = PairingConfig.OobConfig(theirs, told, None) if secure else PairingConfig.OobConfig(None, None, key)
    if not secure:
        ours.ble.gap_oob(*of_theirs, key.tk)
    elif kind != "they know":
        ours.ble.gap_oob(*of_theirs, theirs.share().c, theirs.share().r)
    stranger = Stranger(f"tcp-client:{served_air}", NO_IO, secure, True, oob)
    if we_are_central:
        stranger.advertise()
        conn = ours.connect(*of_theirs)[0]
        ours.ble.gap_pair(conn)
    else:
        ours.ble.gap_advertise(50_000, b"\x02\x01\x06")
        connection = stranger.do(stranger.device.connect(address_of(ours), timeout=TIMEOUT))
        conn = ours.next(bluetooth.IRQ_CENTRAL_CONNECT)[0]
        stranger.do(connection.pair())
    assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, 1, 1, 1, 16)
    wait_for(lambda: stranger.connection and stranger.connection.is_encrypted)
    ours.ble.active(False)
    stranger.end()


@pytest.mark.stranger("Bumble", "central", "Security Request")
def test_our_security_request_is_heeded(served_air):
    """Our peripheral asks; their central pairs."""
    ours, stranger, _ = both(served_air, "comparison", True)
    ours.ble.gap_advertise(50_000, b"\x02\x01\x06")
    connection = stranger.do(stranger.device.connect(address_of(ours), timeout=TIMEOUT))
    conn = ours.next(bluetooth.IRQ_CENTRAL_CONNECT)[0]
    ours.ble.gap_pair(conn)
    assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, 1, 1, 1, 16)
    assert ours.compared == stranger.person.compared is not None
    stranger.do(connection.disconnect())
    ours.ble.active(False)
    stranger.end()
