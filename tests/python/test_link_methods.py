"""What can be asked of a connection, the accept list and directed advertising: methods that MicroPython has not."""

import errno

import pytest
from bluet import bluetooth, explain
from radios import Pair, Radio

SHORT, LONG = 15_000, 100_000


@pytest.fixture
def pair(air):
    return Pair(air)


@pytest.fixture
def radios(air):
    return [Radio(air.ble()) for _ in range(3)]


def address(radio):
    return tuple(map(copied, radio.ble.config("mac")))


def copied(value):
    return value if isinstance(value, int) else bytes(value)


def test_central_updates(pair):
    pair.central.ble.gap_update(pair.to_peripheral, SHORT, SHORT, 3, 2000)
    assert pair.at_central(bluetooth.IRQ_CONNECTION_UPDATE) == (pair.to_peripheral, 12, 3, 200, 0)
    assert pair.at_peripheral(bluetooth.IRQ_CONNECTION_UPDATE) == (pair.to_central, 12, 3, 200, 0)


def test_peripheral_asks_for_an_update(pair):
    pair.peripheral.ble.gap_update(pair.to_central, min_conn_interval_us=LONG, max_conn_interval_us=LONG)
    assert pair.at_peripheral(bluetooth.IRQ_CONNECTION_UPDATE)[1:3] == (80, 0)
    assert pair.at_central(bluetooth.IRQ_CONNECTION_UPDATE)[1:3] == (80, 0)


@pytest.mark.parametrize(
    "arguments", [{"min_conn_interval_us": 5000}, {"latency": 500}, {"supervision_timeout_ms": 50}, {"latency": -1}]
)
def test_update_out_of_range(pair, arguments):
    with pytest.raises((OSError, ValueError, OverflowError)):
        pair.central.ble.gap_update(pair.to_peripheral, **arguments)


def test_phy(pair):
    assert pair.central.ble.gap_phy(pair.to_peripheral) == (1, 1)
    pair.central.ble.gap_phy(pair.to_peripheral, 2)
    assert pair.air.run_until(lambda: pair.central.ble.gap_phy(pair.to_peripheral) == (2, 2), 5)
    assert pair.peripheral.ble.gap_phy(pair.to_central) == (2, 2)
    pair.central.ble.gap_phy(pair.to_peripheral, 1, 0)
    assert pair.air.run_until(lambda: pair.central.ble.gap_phy(pair.to_peripheral)[0] == 1, 5)
    with pytest.raises(OSError) as raised:
        pair.central.ble.gap_phy(pair.to_peripheral, 8)
    assert raised.value.errno == errno.EINVAL


def test_data_length(pair):
    pair.air.run(1)
    assert pair.central.ble.gap_data_length(pair.to_peripheral) == 251
    pair.central.ble.gap_data_length(pair.to_peripheral, 100)
    assert pair.air.run_until(lambda: pair.central.ble.gap_data_length(pair.to_peripheral) == 100, 5)
    with pytest.raises(OSError):
        pair.central.ble.gap_data_length(pair.to_peripheral, 26)


def test_rssi(pair):
    assert -127 < pair.central.ble.gap_rssi(pair.to_peripheral) <= 20


def test_rssi_in_a_handler(pair):
    heard = []
    pair.peripheral.answers[bluetooth.IRQ_CONNECTION_UPDATE] = lambda data: heard.append(
        pair.peripheral.ble.gap_rssi(pair.to_central)
    )
    pair.central.ble.gap_update(pair.to_peripheral, SHORT, SHORT)
    pair.at_peripheral(bluetooth.IRQ_CONNECTION_UPDATE)
    assert heard == [None]
    pair.central.ble.gap_update(pair.to_peripheral, LONG, LONG)
    assert pair.air.run_until(lambda: len(heard) == 2, 5)
    assert isinstance(heard[1], int)


def test_no_such_connection(pair):
    ble = pair.central.ble
    for ask in (ble.gap_rssi, ble.gap_phy, ble.gap_data_length, ble.gap_update):
        with pytest.raises(OSError) as raised:
            ask(999)
        assert raised.value.errno == errno.ENOTCONN


def test_reason_of_a_disconnection(pair):
    assert pair.central.ble.gap_disconnect_reason(pair.to_peripheral) is None
    pair.peripheral.ble.gap_disconnect(pair.to_central)
    pair.at_central(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    reason = pair.central.ble.gap_disconnect_reason(pair.to_peripheral)
    assert reason == 0x13
    assert explain("hci", reason)[0]
    assert pair.peripheral.ble.gap_disconnect_reason(pair.to_central) == 0x16


def test_scan_of_the_accept_list(air, radios):
    scanner, known, unknown = radios
    for radio in known, unknown:
        radio.ble.gap_advertise(50_000, b"\x02\x01\x06")
    scanner.ble.gap_accept_list([address(known)], scan=True)
    scanner.ble.gap_scan(2000, 30000, 30000)
    with pytest.raises(OSError) as raised:
        scanner.ble.gap_accept_list([])
    assert raised.value.errno == errno.EBUSY
    assert air.run_until(lambda: scanner.has(bluetooth.IRQ_SCAN_DONE), 5)
    assert {data[:2] for data in scanner.all(bluetooth.IRQ_SCAN_RESULT)} == {address(known)}
    scanner.forget()
    scanner.ble.gap_accept_list([])
    scanner.ble.gap_scan(2000, 30000, 30000)
    assert air.run_until(lambda: scanner.has(bluetooth.IRQ_SCAN_DONE), 5)
    assert len({data[:2] for data in scanner.all(bluetooth.IRQ_SCAN_RESULT)}) == 2


def test_connection_to_one_of_the_accept_list(air, radios):
    central, known, unknown = radios
    unknown.ble.gap_advertise(20_000)
    known.ble.gap_advertise(200_000)
    central.ble.gap_accept_list([address(known)])
    central.ble.gap_connect_listed(5000, SHORT, SHORT)
    assert air.run_until(lambda: central.has(bluetooth.IRQ_PERIPHERAL_CONNECT), 6)
    assert central.last(bluetooth.IRQ_PERIPHERAL_CONNECT)[1:] == address(known)
    assert not unknown.has(bluetooth.IRQ_CENTRAL_CONNECT)


def test_nobody_of_the_accept_list_is_there(air, radios):
    central, known, unknown = radios
    unknown.ble.gap_advertise(20_000)
    central.ble.gap_accept_list([address(known)])
    central.ble.gap_connect_listed(500)
    assert air.run_until(lambda: central.has(bluetooth.IRQ_PERIPHERAL_DISCONNECT), 5)


def test_advertising_to_the_accept_list(air, radios):
    peripheral, known, unknown = radios
    peripheral.ble.gap_accept_list([address(known)], connect_requests=True)
    peripheral.ble.gap_advertise(50_000)
    unknown.ble.gap_connect(*address(peripheral), 1000)
    assert air.run_until(lambda: unknown.has(bluetooth.IRQ_PERIPHERAL_DISCONNECT), 5)
    known.ble.gap_connect(*address(peripheral), 1000)
    assert air.run_until(lambda: peripheral.has(bluetooth.IRQ_CENTRAL_CONNECT), 5)
    assert peripheral.last(bluetooth.IRQ_CENTRAL_CONNECT)[1:] == address(known)


@pytest.mark.parametrize("interval_us", [0, 50_000])
def test_directed_advertising(air, radios, interval_us):
    peripheral, known, unknown = radios
    peripheral.ble.gap_advertise(interval_us, peer=address(known))
    unknown.ble.gap_connect(*address(peripheral), 500)
    assert air.run_until(lambda: unknown.has(bluetooth.IRQ_PERIPHERAL_DISCONNECT), 5)
    known.ble.gap_connect(*address(peripheral), 1000)
    assert air.run_until(lambda: peripheral.has(bluetooth.IRQ_CENTRAL_CONNECT), 5)


def test_fast_directed_advertising_ends_by_itself(air, radios):
    peripheral, known, _ = radios
    peripheral.ble.gap_advertise(0, peer=address(known))
    air.run(2)
    known.ble.gap_connect(*address(peripheral), 500)
    assert air.run_until(lambda: known.has(bluetooth.IRQ_PERIPHERAL_DISCONNECT), 5)
    peripheral.ble.gap_advertise(50_000)
    known.ble.gap_connect(*address(peripheral), 1000)
    assert air.run_until(lambda: peripheral.has(bluetooth.IRQ_CENTRAL_CONNECT), 5)


@pytest.mark.parametrize("peer", [(0,), (7, b"123456"), (0, b"12345"), 5, (0, b"123456", 1)])
def test_what_is_no_address(air, radios, peer):
    ble = radios[0].ble
    with pytest.raises((OSError, ValueError, TypeError)):
        ble.gap_accept_list([peer])
    with pytest.raises((OSError, ValueError, TypeError)):
        ble.gap_advertise(50_000, peer=peer)
