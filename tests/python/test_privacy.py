"""Private addresses: made, replaced in time, and seen through by those who have bonded (Vol 3 Part C, 10.7)."""

import errno

import pytest
from bluet import bluetooth
from radios import Radio, connect
from test_pairing import Two

PUBLIC, STATIC, RPA, NRPA = range(4)
MINUTE = 60


class Bonded(Two):
    """Two that have bonded in some address mode each, and are not connected any more."""

    def __init__(self, air, central=PUBLIC, peripheral=RPA, rpa_timeout=900):
        stores = {}, {}
        super().__init__(air, {"bond": True, "addr_mode": central}, {"bond": True, "addr_mode": peripheral}, stores)
        assert self.pair() == (1, 0, 1, 16)
        self.disconnect()
        (self.of_peripheral,) = self.central.ble.gap_bonds()
        (self.of_central,) = self.peripheral.ble.gap_bonds()
        for radio in self.central, self.peripheral:
            radio.ble.config(rpa_timeout=rpa_timeout)
            radio.forget()

    def restart(self, radio):
        radio.ble.active(False)
        self.air.run(0.1)
        radio.ble.active(True)
        radio.forget()


def heard(air, scanner, seconds=1.0):
    """The addresses that a scan reports."""
    scanner.forget()
    scanner.ble.gap_scan(round(seconds * 1000), 30_000, 30_000)
    assert air.run_until(lambda: scanner.has(bluetooth.IRQ_SCAN_DONE))
    return {data[:2] for data in scanner.all(bluetooth.IRQ_SCAN_RESULT)}


def is_resolvable(address):
    return address[0] == 1 and address[1][0] >> 6 == 1


def test_settings(air):
    ble = air.ble()
    assert ble.config("rpa_timeout") == 900
    for seconds in 1, 3600:
        ble.config(rpa_timeout=seconds)
        assert ble.config("rpa_timeout") == seconds
    for seconds in 0, 3601, -1, 1 << 40:
        with pytest.raises(OSError) as raised:
            ble.config(rpa_timeout=seconds)
        assert raised.value.errno == errno.EINVAL
    ble.config(addr_mode=RPA)
    ble.active(True)
    assert is_resolvable(ble.config("mac"))
    ble.config(addr_mode=PUBLIC)
    assert ble.config("mac")[0] == 0
    ble.config(addr_mode=RPA, rpa_timeout=1)
    assert is_resolvable(ble.config("mac"))


@pytest.mark.parametrize(("mode", "bits"), [(RPA, 1), (NRPA, 0)])
@pytest.mark.parametrize("seconds", [None, 1, 3600])
def test_private_addresses_are_replaced_in_time(air, mode, bits, seconds):
    """To the millisecond, at rest and while everything runs; the application hears nothing of it."""
    radio = Radio(air.ble())
    other = Radio(air.ble())
    radio.ble.config(addr_mode=mode)
    began = air.now
    if seconds:
        radio.ble.config(rpa_timeout=seconds)
    period = seconds or 15 * MINUTE
    seen = [radio.ble.config("mac")]
    for turn in range(1, 5):
        if turn == 2:
            radio.ble.gap_advertise(1_000_000, b"\x02\x01\x06")
        if turn == 3:
            radio.ble.gap_scan(0, 1_000_000, 10_000, True)
        air.run(began + turn * period - 0.002 - air.now)
        assert radio.ble.config("mac") == seen[-1]
        air.run(0.01)
        seen.append(radio.ble.config("mac"))
        assert seen[-1][1][0] >> 6 == bits
    assert len(set(seen)) == 5
    assert heard(air, other, 2) == {seen[-1]} or seconds == 1
    assert set(radio.codes()) <= {bluetooth.IRQ_SCAN_RESULT}


def test_a_connection_outlives_addresses(air):
    """Made under one, kept under the next, and while another is being made."""
    central, peripheral = Radio(air.ble()), Radio(air.ble())
    for radio in central, peripheral:
        radio.ble.config(addr_mode=RPA, rpa_timeout=1)
    connect(air, central, peripheral)
    nobody = (0, b"\x01\x02\x03\x04\x05\x06")
    central.forget()
    began = air.now
    central.ble.gap_connect(*nobody, 3500)
    assert air.run_until(lambda: central.has(bluetooth.IRQ_PERIPHERAL_DISCONNECT))
    assert air.now - began == pytest.approx(3.5, abs=0.05)
    assert central.events == [(bluetooth.IRQ_PERIPHERAL_DISCONNECT, (0xFFFF, 0xFF, bytes(6)))]
    central.ble.gap_connect(*nobody, 60_000)
    air.run(2.5)
    central.ble.gap_connect(None)
    assert air.run_until(lambda: len(central.events) == 2)
    # One that comes while addresses change is found all the same.
    third = Radio(air.ble())
    central.ble.gap_connect(*third.ble.config("mac"), 60_000)
    air.run(2.5)
    third.ble.gap_advertise(50_000, b"\x02\x01\x06")
    assert air.run_until(lambda: central.has(bluetooth.IRQ_PERIPHERAL_CONNECT), 10)
    assert central.last(bluetooth.IRQ_PERIPHERAL_CONNECT)[1:] == third.ble.config("mac")
    assert not peripheral.has(bluetooth.IRQ_CENTRAL_DISCONNECT)


@pytest.mark.parametrize("central", [PUBLIC, STATIC, RPA])
@pytest.mark.parametrize("peripheral", [PUBLIC, STATIC, RPA])
def test_who_has_bonded_is_known(air, central, peripheral):
    """By the identity: in scans, on connecting, as either role, after a restart; and the kept key serves."""
    two = Bonded(air, central, peripheral, rpa_timeout=3)
    stranger = Radio(air.ble())
    assert two.of_peripheral[0] == int(peripheral == STATIC)
    for attempt in range(3):
        if attempt == 1:
            air.run(10)
        if attempt == 2:
            two.restart(two.central)
            two.restart(two.peripheral)
        two.peripheral.ble.gap_advertise(50_000, b"\x02\x01\x06")
        on_air = two.peripheral.ble.config("mac")
        assert (on_air == two.of_peripheral) == (peripheral != RPA)
        assert heard(air, two.central) == {two.of_peripheral}
        assert two.of_peripheral not in heard(air, stranger) or peripheral != RPA
        two.central.forget()
        two.central.ble.gap_connect(*two.of_peripheral)
        conn = two.at_central(bluetooth.IRQ_PERIPHERAL_CONNECT)[0]
        assert two.central.last(bluetooth.IRQ_PERIPHERAL_CONNECT)[1:] == two.of_peripheral
        other = two.at_peripheral(bluetooth.IRQ_CENTRAL_CONNECT)
        assert other[1:] == two.of_central
        for address in two.of_peripheral, on_air:
            with pytest.raises(OSError) as raised:
                two.central.ble.gap_connect(*address)
            assert raised.value.errno == errno.EISCONN
        two.to_peripheral, two.to_central = conn, other[0]
        assert two.pair() == (1, 0, 1, 16)
        assert not two.central.has(bluetooth.IRQ_SET_SECRET)
        two.disconnect()
        assert two.central.last(bluetooth.IRQ_PERIPHERAL_DISCONNECT)[1:] == two.of_peripheral
        assert two.peripheral.last(bluetooth.IRQ_CENTRAL_DISCONNECT)[1:] == two.of_central
        two.peripheral.forget()


@pytest.mark.parametrize("by_peripheral", [False, True])
@pytest.mark.parametrize("legacy", [False, True])
def test_pairing_proves_the_addresses_on_the_air(air, by_peripheral, legacy):
    """Both under private addresses, which have changed since the radios were made; protected."""
    settings = {"bond": True, "mitm": True, "io": 4, "addr_mode": RPA, "legacy": legacy, "rpa_timeout": 2}
    two = Two(air, settings, settings, ({}, {}))
    air.run(5)
    assert two.pair(by_peripheral) == (1, 1, 1, 16)
    # And again, over the bond, with addresses that the controllers have made.
    two.disconnect()
    two.central.ble.config(key_size=16)
    (identity,) = two.central.ble.gap_bonds()
    two.peripheral.ble.gap_advertise(50_000, b"\x02\x01\x06")
    two.central.forget()
    two.peripheral.forget()
    two.central.ble.gap_connect(*identity)
    two.to_peripheral = two.at_central(bluetooth.IRQ_PERIPHERAL_CONNECT)[0]
    two.to_central = two.at_peripheral(bluetooth.IRQ_CENTRAL_CONNECT)[0]
    two.people[0].store.clear()  # the central has lost its key, and pairs anew
    assert two.pair() == (1, 1, 1, 16)
    assert two.central.ble.gap_bonds() == [identity]
    assert len(two.peripheral.ble.gap_bonds()) == 1


def test_directed_to_a_private_peer(air):
    """Named by one of its private addresses; it finds itself meant, and others do not see who is."""
    two = Bonded(air, RPA, RPA)
    two.peripheral.ble.gap_advertise(50_000, peer=two.of_central)
    assert heard(air, two.central) == {two.of_peripheral}
    assert heard(air, Radio(air.ble())) == set()
    two.central.ble.gap_connect(*two.of_peripheral)
    assert two.at_central(bluetooth.IRQ_PERIPHERAL_CONNECT)[1:] == two.of_peripheral
    assert two.at_peripheral(bluetooth.IRQ_CENTRAL_CONNECT)[1:] == two.of_central


def test_the_accept_list_holds_identities(air):
    two = Bonded(air, RPA, RPA)
    two.peripheral.ble.gap_accept_list([two.of_central], connect_requests=True)
    two.central.ble.gap_accept_list([two.of_peripheral], scan=True)
    two.peripheral.ble.gap_advertise(50_000, b"\x02\x01\x06")
    stranger = Radio(air.ble())
    stranger.ble.gap_advertise(50_000, b"\x02\x01\x06")
    assert heard(air, two.central) == {two.of_peripheral}
    stranger.ble.gap_advertise(None)
    stranger.ble.gap_connect(*two.peripheral.ble.config("mac"), 1000)
    assert air.run_until(lambda: stranger.has(bluetooth.IRQ_PERIPHERAL_DISCONNECT), 10)
    assert not stranger.has(bluetooth.IRQ_PERIPHERAL_CONNECT)
    two.central.ble.gap_connect_listed(2000)
    assert two.at_central(bluetooth.IRQ_PERIPHERAL_CONNECT)[1:] == two.of_peripheral


def test_the_identity_key_is_kept(air):
    """Random without a store; with one the same after a restart, together with the static address."""
    strangers = [Radio(air.ble()) for _ in range(2)]
    for stranger in strangers:
        stranger.ble.config(addr_mode=STATIC)
    assert strangers[0].ble.config("mac") != strangers[1].ble.config("mac")
    two = Bonded(air, STATIC, RPA)
    before = two.central.ble.config("mac")
    again = Radio.__new__(Radio)  # another process, with the secrets of the first
    again.ble, again.events, again.answers = air.ble(), [], two.central.answers
    again.ble.config(addr_mode=STATIC)
    again.ble.irq(again._irq)
    two.central.ble.active(False)
    again.ble.active(True)
    assert again.ble.config("mac") == before
    again.ble.gap_advertise(50_000, b"\x02\x01\x06")
    again.forget()
    assert heard(air, two.peripheral) == {two.of_central}
    again.ble.gap_advertise(None)
    again.ble.config(addr_mode=RPA)
    again.ble.gap_advertise(50_000, b"\x02\x01\x06")
    assert is_resolvable(again.ble.config("mac"))
    assert heard(air, two.peripheral) == {two.of_central}


def test_a_deleted_bond_is_a_stranger(air):
    two = Bonded(air, PUBLIC, RPA)
    two.peripheral.ble.gap_advertise(50_000, b"\x02\x01\x06")
    assert heard(air, two.central) == {two.of_peripheral}
    assert two.central.ble.gap_unpair(*two.of_peripheral)
    assert heard(air, two.central) == {two.peripheral.ble.config("mac")}
    two.central.forget()
    two.central.ble.gap_connect(*two.of_peripheral, 1000)
    assert two.at_central(bluetooth.IRQ_PERIPHERAL_DISCONNECT) == (0xFFFF, 0xFF, bytes(6))


def test_bonding_while_everything_runs(air):
    """The controller's list is changed in a pause that nobody notices."""
    two = Two(air, {"bond": True}, {"bond": True, "addr_mode": RPA}, ({}, {}))
    third = Radio(air.ble())
    third.ble.gap_advertise(50_000, b"\x02\x01\x06")
    two.central.ble.gap_scan(0, 30_000, 30_000)
    two.peripheral.ble.gap_advertise(50_000, b"\x02\x01\x06")
    two.central.ble.gap_pair(two.to_peripheral)
    assert two.at_central(bluetooth.IRQ_ENCRYPTION_UPDATE)[1:] == (1, 0, 1, 16)
    air.run(1)
    two.central.forget()
    air.run(1)
    (identity,) = two.central.ble.gap_bonds()
    results = {data[:2] for data in two.central.all(bluetooth.IRQ_SCAN_RESULT)}
    assert results == {third.ble.config("mac"), identity}
    assert not two.central.has(bluetooth.IRQ_SCAN_DONE)
