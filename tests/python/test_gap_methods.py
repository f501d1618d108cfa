"""Advertising, scanning, connecting and disconnecting, on an air in virtual time."""

import errno

import pytest
from bluet import bluetooth
from radios import Pair, Radio, connect

CENTRAL_CONNECT, CENTRAL_DISCONNECT = bluetooth.IRQ_CENTRAL_CONNECT, bluetooth.IRQ_CENTRAL_DISCONNECT
PERIPHERAL_CONNECT, PERIPHERAL_DISCONNECT = bluetooth.IRQ_PERIPHERAL_CONNECT, bluetooth.IRQ_PERIPHERAL_DISCONNECT
SCAN_RESULT, SCAN_DONE = bluetooth.IRQ_SCAN_RESULT, bluetooth.IRQ_SCAN_DONE
FAILED = (0xFFFF, 0xFF, bytes(6))


def results(air, scanner, seconds=1.0, active=False):
    """Scans all the time for so long."""
    scanner.forget()
    scanner.ble.gap_scan(round(seconds * 1000), 30_000, 30_000, active)
    assert air.run_until(lambda: scanner.has(SCAN_DONE), seconds + 1)
    return scanner.all(SCAN_RESULT)


def test_scan_sees_advertising(air):
    advertiser, scanner = Radio(air.ble()), Radio(air.ble())
    advertiser.ble.gap_advertise(100_000, b"\x02\x01\x06", resp_data=b"\x03\x09hi")
    seen = results(air, scanner)
    # Every report is raised, none filtered.
    assert 7 <= len(seen) <= 11
    assert {(addr_type, addr) for addr_type, addr, *_ in seen} == {advertiser.ble.config("mac")}
    assert {(adv_type, data) for _, _, adv_type, _, data in seen} == {(0, b"\x02\x01\x06")}
    assert all(-127 < rssi < 20 for _, _, _, rssi, _ in seen)
    assert advertiser.events == []


def test_active_scan_brings_scan_responses(air):
    advertiser, scanner = Radio(air.ble()), Radio(air.ble())
    advertiser.ble.gap_advertise(100_000, b"\x02\x01\x06", resp_data=b"\x03\x09hi")
    seen = results(air, scanner, active=True)
    assert {(adv_type, data) for _, _, adv_type, _, data in seen} == {(0, b"\x02\x01\x06"), (4, b"\x03\x09hi")}


@pytest.mark.parametrize("response", [None, b"\x03\x09hi"])
def test_not_connectable_is_scannable(air, response):
    advertiser, scanner = Radio(air.ble()), Radio(air.ble())
    advertiser.ble.gap_advertise(100_000, b"\x02\x01\x06", resp_data=response, connectable=False)
    assert {adv_type for _, _, adv_type, _, _ in results(air, scanner)} == {2}


def test_advertising_data_is_kept_and_replaced(air):
    advertiser, scanner = Radio(air.ble()), Radio(air.ble())

    def data():
        return {(adv_type, data) for _, _, adv_type, _, data in results(air, scanner, active=True)}

    advertiser.ble.gap_advertise(50_000, b"one", resp_data=b"two")
    assert data() == {(0, b"one"), (4, b"two")}
    advertiser.ble.gap_advertise(None)
    assert data() == set()
    advertiser.ble.gap_advertise(50_000)
    assert data() == {(0, b"one"), (4, b"two")}
    advertiser.ble.gap_advertise(50_000, b"three")
    assert data() == {(0, b"three"), (4, b"two")}
    advertiser.ble.gap_advertise(50_000, b"", resp_data=b"")
    assert data() == {(0, b""), (4, b"")}


def test_scan_ends(air):
    scanner = Radio(air.ble())
    scanner.ble.gap_scan(None)
    assert scanner.events == []
    started = air.now
    scanner.ble.gap_scan(500)
    with pytest.raises(OSError) as caught:
        scanner.ble.gap_scan(500)
    assert caught.value.errno == errno.EALREADY
    assert air.run_until(lambda: scanner.has(SCAN_DONE), 2)
    assert 0.5 <= air.now - started < 0.6
    assert scanner.events == [(SCAN_DONE, ())]
    # Without an argument it scans until stopped.
    scanner.forget()
    scanner.ble.gap_scan()
    air.run(30)
    assert scanner.events == []
    scanner.ble.gap_scan(None)
    air.run(0.1)
    assert scanner.events == [(SCAN_DONE, ())]


def test_connect_and_disconnect(air):
    peripheral, central = Radio(air.ble()), Radio(air.ble())
    peripheral.ble.gap_advertise(100_000, b"")
    address = peripheral.ble.config("mac")
    central.ble.gap_connect(*address)
    air.run(1)
    # Nothing but the connect event, on either side.
    ((code, (to_peripheral, *peer)),) = central.events
    assert (code, *peer) == (PERIPHERAL_CONNECT, *address)
    ((code, (to_central, *peer)),) = peripheral.events
    assert (code, *peer) == (CENTRAL_CONNECT, *central.ble.config("mac"))

    central.forget()
    peripheral.forget()
    assert central.ble.gap_disconnect(to_peripheral) is True
    air.run(1)
    assert central.events == [(PERIPHERAL_DISCONNECT, (to_peripheral, *address))]
    assert peripheral.events == [(CENTRAL_DISCONNECT, (to_central, *central.ble.config("mac")))]
    assert central.ble.gap_disconnect(to_peripheral) is False


def test_peripheral_disconnects(air):
    pair = Pair(air)
    assert pair.peripheral.ble.gap_disconnect(pair.to_central) is True
    pair.at_central(PERIPHERAL_DISCONNECT)
    pair.at_peripheral(CENTRAL_DISCONNECT)


def test_disconnecting_from_who_has_gone(air):
    """The controller may know before its host does: then there is no such connection, and nothing to raise."""
    pair = Pair(air)
    air.control("reset 2")  # which it does not tell
    assert pair.central.ble.gap_disconnect(pair.to_peripheral) is False


def test_connection_ends_advertising(air):
    pair = Pair(air)
    assert results(air, Radio(air.ble())) == []
    pair.peripheral.ble.gap_advertise(100_000)
    assert results(air, Radio(air.ble())) != []


def test_connect_times_out(air):
    central = Radio(air.ble())
    started = air.now
    central.ble.gap_connect(0, b"\1\2\3\4\5\6", 700)
    assert air.run_until(lambda: central.events, 5)
    assert 0.7 <= air.now - started < 0.8
    assert central.events == [(PERIPHERAL_DISCONNECT, FAILED)]
    started = air.now
    central.ble.gap_connect(0, b"\1\2\3\4\5\6")
    assert air.run_until(lambda: len(central.events) == 2, 5)
    assert 2.0 <= air.now - started < 2.1


def test_connect_is_cancelled(air):
    central = Radio(air.ble())
    central.ble.gap_connect(0, b"\1\2\3\4\5\6", 5_000)
    central.ble.gap_connect(None)
    air.run(0.1)
    assert central.events == [(PERIPHERAL_DISCONNECT, FAILED)]
    with pytest.raises(OSError) as caught:
        central.ble.gap_connect(None)
    assert caught.value.errno == errno.EALREADY
    # And it can be done again.
    peripheral = Radio(air.ble())
    connect(air, central, peripheral)


def test_connect_ends_a_scan(air):
    central = Radio(air.ble())
    central.ble.gap_scan(0)
    central.ble.gap_connect(0, b"\1\2\3\4\5\6", 100)
    air.run(1)
    assert central.events == [(SCAN_DONE, ()), (PERIPHERAL_DISCONNECT, FAILED)]


@pytest.mark.parametrize(
    ("arguments", "least", "most"),
    [((), 30, 50), ((None, 7_500, 7_500), 7.5, 7.5), ((None, 100_000, 200_000), 100, 200)],
)
def test_connection_interval(air, arguments, least, most):
    """Measured by what a round trip takes: a read costs two connection events at least."""
    peripheral, central = Radio(air.ble()), Radio(air.ble())
    peripheral.ble.gap_advertise(100_000, b"")
    central.ble.gap_connect(*peripheral.ble.config("mac"), *arguments)
    assert air.run_until(lambda: central.has(PERIPHERAL_CONNECT), 5)
    conn = central.last(PERIPHERAL_CONNECT)[0]
    air.run(1)
    started = air.now
    for count in range(1, 11):
        central.ble.gattc_read(conn, 3)
        assert air.run_until(lambda: len(central.all(bluetooth.IRQ_GATTC_READ_DONE)) == count, 5)  # noqa: B023
    interval = (air.now - started) * 1000 / 10
    assert 0.9 * least <= interval <= 2 * most


def test_supervision_timeout(air):
    pair = Pair(air)
    reasons = {}
    pair.central.answers[PERIPHERAL_DISCONNECT] = lambda data: reasons.update(central=data.reason)
    pair.peripheral.answers[CENTRAL_DISCONNECT] = lambda data: reasons.update(peripheral=data.reason)
    air.run(1)
    started = air.now
    air.set_loss(1.0)
    pair.at_central(PERIPHERAL_DISCONNECT)
    pair.at_peripheral(CENTRAL_DISCONNECT)
    assert 4.5 < air.now - started < 6.5
    assert reasons == {"central": 0x08, "peripheral": 0x08}


def test_all_roles_at_once(air):
    """Central, peripheral, broadcaster and observer, in one radio."""
    radio, below, above = Radio(air.ble()), Radio(air.ble()), Radio(air.ble())
    connect(air, radio, below)
    connect(air, above, radio)
    radio.ble.gap_advertise(50_000, b"abc", connectable=False)
    below.ble.gap_advertise(50_000, b"xyz", connectable=False)
    assert {data for *_, data in results(air, radio)} == {b"xyz"}
    assert {data for *_, data in results(air, above)} == {b"abc", b"xyz"}


def test_deactivation_ends_everything(air):
    pair = Pair(air)
    pair.central.ble.gap_scan(0)
    address = pair.peripheral.ble.config("mac")
    assert pair.central.ble.active(False) is False
    assert (PERIPHERAL_DISCONNECT, (pair.to_peripheral, *address)) in pair.central.events
    pair.at_peripheral(CENTRAL_DISCONNECT)
    # Services are forgotten too.
    pair.peripheral.ble.active(False)
    assert pair.peripheral.ble.gatts_read(pair.value) == b""
    pair.peripheral.ble.active(True)
    assert pair.peripheral.ble.gatts_read(pair.value) == b""
    pair.central.ble.active(True)
    pair.central.forget()
    pair.peripheral.forget()
    connect(air, pair.central, pair.peripheral)


def test_address_modes(air):
    scanner = Radio(air.ble())
    for mode, addr_type, top_bits in ((0, 0, None), (1, 1, 3), (3, 1, 0)):
        radio = Radio(air.ble())
        radio.ble.config(addr_mode=mode)
        assert radio.ble.config("addr_mode") == mode
        address = radio.ble.config("mac")
        assert address[0] == addr_type
        assert top_bits is None or address[1][0] >> 6 == top_bits
        radio.ble.gap_advertise(50_000, b"", connectable=False)
        assert {(addr_type, addr) for addr_type, addr, *_ in results(air, scanner, 0.5)} == {address}
        with pytest.raises(OSError) as caught:
            radio.ble.config(addr_mode=1)
        assert caught.value.errno == errno.EBUSY
        radio.ble.active(False)
