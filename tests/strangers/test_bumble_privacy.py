"""Private addresses between us and a stranger on the air: Bumble, from PyPI, in either role."""

import secrets
import time

import pytest
from bluet import bluetooth

pytest.importorskip("bumble.pairing", reason="bumble is not installed")

from bumble.device import Device, DeviceConfiguration
from bumble.hci import Address, OwnAddressType
from bumble.keys import MemoryKeyStore
from ours import LASTING, TIMEOUT, Ours, wait_for
from test_bumble import Controllers, address_of
from test_bumble_pairing import KEYBOARD, NO_IO, THEIR_ADDRESS, Stranger

PUBLIC, STATIC, RPA = range(3)


class PrivateStranger(Stranger):
    """A Bumble device that shows private addresses only; its keys outlive it."""

    def __init__(self, transport, keys, irk, offload=False, io=NO_IO, secure=True):
        self.keys, self.irk, self.offload = keys, irk, offload
        super().__init__(transport, io, secure, io != NO_IO)

    def make_device(self, source, sink):
        configuration = DeviceConfiguration(
            name="Bumble",
            address=Address(THEIR_ADDRESS),
            irk=self.irk,
            le_privacy_enabled=True,
            le_rpa_timeout=0,  # replacing one it sets the old one again
            address_resolution_offload=self.offload,
        )
        device = Device.from_config_with_hci(configuration, source, sink)
        device.keystore = self.keys
        return device


class Both:
    """Ours and theirs; each can be started again with what it has kept."""

    def __init__(self, air, mode, secure=True, offload=False, protected=False):
        self.air, self.secure, self.offload, self.protected = air, secure, offload, protected
        self.keys, self.irk, self.store = MemoryKeyStore(), secrets.token_bytes(16), {}
        self.settings = {"addr_mode": mode, "bond": True, "le_secure": secure, "rpa_timeout": 1}
        if protected:
            self.settings |= {"mitm": True, "io": 0}
        self.start_ours()
        self.start_theirs()

    def start_ours(self):
        self.ours = Ours(f"tcp:{self.air}", self.store, **self.settings)

    def start_theirs(self):
        io = KEYBOARD if self.protected else NO_IO
        self.theirs = PrivateStranger(f"tcp-client:{self.air}", self.keys, self.irk, self.offload, io, self.secure)

    def expect_encrypted(self, conn):
        assert self.ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, 1, int(self.protected), 1, 16)
        wait_for(lambda: self.theirs.connection and self.theirs.connection.is_encrypted)
        wait_for(lambda: len(self.store) == 3 and self.keys.all_keys)


def address_heard(ours):
    """Of the one who advertises."""
    ours.ble.gap_scan(0, 30_000, 30_000)
    address = ours.next(bluetooth.IRQ_SCAN_RESULT)[:2]
    ours.ble.gap_scan(None)
    ours.next(bluetooth.IRQ_SCAN_DONE)
    ours.events.clear()
    return address


@pytest.mark.stranger("Bumble", "peripheral", "private addresses, pairing, return")
@pytest.mark.parametrize("mode", [PUBLIC, STATIC, RPA])
@pytest.mark.parametrize(("secure", "protected"), [(False, False), (True, False), (True, True)])
def test_their_peripheral_is_known(served_air, mode, secure, protected):
    """It pairs under one private address, and comes back under another."""
    both = Both(served_air, mode, secure, protected=protected)
    seen = set()
    for attempt in range(2):
        both.theirs.advertise()
        address = address_heard(both.ours)
        seen.add(both.theirs.device.random_address)
        if attempt:
            assert [address] == both.ours.ble.gap_bonds()
        else:
            assert address == (1, bytes(reversed(bytes(both.theirs.device.random_address))))
        event = both.ours.connect(*address)
        assert event[1:] == address
        if secure or not attempt:  # their legacy peripheral looks for another key than the one it gave
            both.ours.ble.gap_pair(event[0])
            both.expect_encrypted(event[0])
        both.ours.ble.gap_disconnect(event[0])
        both.ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
        both.theirs.end()
        if not attempt:
            both.start_theirs()
    both.ours.ble.active(False)
    assert len(seen) == 2


@pytest.mark.stranger("Bumble", "central", "private addresses, pairing, return")
@pytest.mark.parametrize("offload", [False, True])
@pytest.mark.parametrize(("secure", "protected"), [(False, False), (True, False), (True, True)])
def test_our_peripheral_is_known(served_air, offload, secure, protected):
    """Their central resolves our addresses, which change meanwhile, and we resolve its."""
    both = Both(served_air, RPA, secure, offload, protected)
    seen = set()
    for attempt in range(2):
        both.ours.ble.gap_advertise(50_000, b"\x02\x01\x06")
        time.sleep(1.2)
        both.ours.ble.config(rpa_timeout=LASTING)
        seen.add(both.ours.ble.config("mac"))
        target = address_of(both.ours)
        if attempt:
            ((_, target),) = both.theirs.do(both.keys.get_resolving_keys())
        own = OwnAddressType.RANDOM
        connection = both.theirs.do(both.theirs.device.connect(target, own_address_type=own, timeout=TIMEOUT))
        conn, *peer = both.ours.next(bluetooth.IRQ_CENTRAL_CONNECT)
        if attempt:
            assert [tuple(peer)] == both.ours.ble.gap_bonds()
        both.theirs.do(connection.encrypt() if attempt else connection.pair())
        both.expect_encrypted(conn)
        both.theirs.do(connection.disconnect())
        both.ours.next(bluetooth.IRQ_CENTRAL_DISCONNECT)
        both.theirs.end()
        both.ours.ble.active(False)
        if not attempt:
            both.start_ours()
            both.start_theirs()
    assert len(seen) == 2


@pytest.mark.stranger("Bumble", "controller", "private addresses, replaced")
def test_our_addresses_on_their_controllers():
    """Replaced while we advertise and scan; the bond is known under each."""
    controllers = Controllers(2)
    settings = {"addr_mode": RPA, "bond": True, "rpa_timeout": 1}
    central, peripheral = (Ours(f"tcp:127.0.0.1:{port}", **settings) for port in controllers.ports)
    seen = set()
    for attempt in range(2):
        peripheral.ble.gap_advertise(50_000, b"\x02\x01\x06")
        time.sleep(1.2)
        peripheral.ble.config(rpa_timeout=LASTING)
        seen.add(peripheral.ble.config("mac"))
        address = address_heard(central)
        assert [address] == (central.ble.gap_bonds() if attempt else list(seen))
        conn, *peer = central.connect(*address)
        assert tuple(peer) == address
        central.ble.gap_pair(conn)
        assert central.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, 1, 0, 1, 16)
        peripheral.next(bluetooth.IRQ_CENTRAL_CONNECT)
        wait_for(lambda: len(central.store) == len(peripheral.store) == 3)
        central.ble.gap_disconnect(conn)
        central.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
        peripheral.next(bluetooth.IRQ_CENTRAL_DISCONNECT)
        peripheral.ble.config(rpa_timeout=1)
    assert len(seen) == 2
    central.ble.active(False)
    peripheral.ble.active(False)
    controllers.end()
