"""Methods called from handlers: all of them, at any depth, without waiting; and the order of what they cause."""

import errno

from bluet import bluetooth
from radios import SERVICES, UUID, Pair, Radio, connect

NOTIFIED, SCAN_RESULT, SCAN_DONE = bluetooth.IRQ_GATTC_NOTIFY, bluetooth.IRQ_SCAN_RESULT, bluetooth.IRQ_SCAN_DONE


def called(function, *arguments, **keywords):
    """What a call gives: its result, or the name of the errno."""
    try:
        return function(*arguments, **keywords)
    except OSError as error:
        return errno.errorcode[error.errno]


def inside(pair, function):
    """Calls it in a handler of the central's."""
    results = []
    pair.central.answers[NOTIFIED] = lambda data: results.append(function())
    pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, b"x")
    assert pair.air.run_until(lambda: results, 5)
    del pair.central.answers[NOTIFIED]
    return results[0]


def test_every_method(air):
    pair = Pair(air)
    ble, conn = pair.central.ble, pair.to_peripheral

    def everything():
        return [
            called(ble.active),
            called(ble.active, True),
            called(ble.config, "mac")[0],
            called(ble.config, gap_name="inside", mtu=200),
            called(ble.gap_advertise, 100_000, b"abc"),
            called(ble.gap_advertise, None),
            called(ble.gap_scan, 1000),
            called(ble.gap_scan, None),
            called(ble.gap_scan, None),
            called(ble.gap_connect, 0, b"\1\2\3\4\5\6", 500),
            called(ble.gap_connect, 0, b"\1\2\3\4\5\6", 500),
            called(ble.gap_connect, None),
            called(ble.gap_disconnect, 999),
            called(ble.gatts_register_services, ()),
            called(ble.gatts_read, 1),
            called(ble.gatts_write, 999, b""),
            called(ble.gatts_notify, 999, 1, b""),
            called(ble.gatts_indicate, 999, 1, b""),
            called(ble.gatts_set_buffer, 999, 10),
            called(ble.gattc_discover_services, conn),
            called(ble.gattc_discover_characteristics, conn, 1, 0xFFFF),
            called(ble.gattc_discover_descriptors, conn, 1, 0xFFFF),
            called(ble.gattc_read, conn, pair.value),
            called(ble.gattc_write, conn, pair.value, b"y", 1),
            called(ble.gattc_exchange_mtu, conn),
            called(ble.hci_cmd, 4, 1, b"", bytearray(8)),
        ]

    results = inside(pair, everything)
    assert results[:8] == [True, True, 0, None, None, None, None, None]
    assert results[9:13] == [None, "EALREADY", None, False]
    assert results[13] == ()
    assert results[15:19] == ["EINVAL", "ENOTCONN", "ENOTCONN", "EINVAL"]
    assert results[19:] == [None] * 7
    air.run(5)
    codes = pair.central.codes()
    for code in (
        bluetooth.IRQ_GATTC_SERVICE_DONE,
        bluetooth.IRQ_GATTC_CHARACTERISTIC_DONE,
        bluetooth.IRQ_GATTC_DESCRIPTOR_DONE,
        bluetooth.IRQ_GATTC_READ_DONE,
        bluetooth.IRQ_GATTC_WRITE_DONE,
        bluetooth.IRQ_MTU_EXCHANGED,
    ):
        assert codes.count(code) == 1
    assert pair.central.all(bluetooth.IRQ_PERIPHERAL_DISCONNECT) == [(0xFFFF, 0xFF, bytes(6))]


def test_handler_does_not_let_time_pass(air):
    pair = Pair(air)

    def attempt():
        before = air.now
        try:
            air.run(1)
        except RuntimeError:
            return air.now == before
        return False

    assert inside(pair, attempt)


def test_time_stands_still_in_a_handler(air):
    pair = Pair(air)

    def measured():
        before = air.now
        pair.central.ble.gap_scan(1000)
        pair.central.ble.gap_scan(None)
        pair.central.ble.gap_advertise(100_000)
        return air.now - before

    assert inside(pair, measured) == 0


def test_stopping_a_scan_in_its_handler(air):
    advertiser, scanner = Radio(air.ble()), Radio(air.ble())
    advertiser.ble.gap_advertise(20_000, b"abc")
    scanner.answers[SCAN_RESULT] = lambda data: scanner.ble.gap_scan(None)
    scanner.ble.gap_scan(0, 30_000, 30_000)
    assert air.run_until(lambda: scanner.has(SCAN_DONE), 5)
    air.run(1)
    assert scanner.codes() == [SCAN_RESULT, SCAN_DONE]


def test_connecting_from_a_scan_result(air):
    advertiser, scanner = Radio(air.ble()), Radio(air.ble())
    advertiser.ble.gap_advertise(20_000, b"abc")
    scanner.answers[SCAN_RESULT] = lambda data: scanner.ble.gap_connect(data.addr_type, data.addr)
    scanner.ble.gap_scan(0, 30_000, 30_000)
    assert air.run_until(lambda: scanner.has(bluetooth.IRQ_PERIPHERAL_CONNECT), 5)
    assert scanner.codes() == [SCAN_RESULT, SCAN_DONE, bluetooth.IRQ_PERIPHERAL_CONNECT]
    assert scanner.last(bluetooth.IRQ_PERIPHERAL_CONNECT)[1:] == advertiser.ble.config("mac")


def test_advertising_again_when_a_central_leaves(air):
    pair = Pair(air)
    pair.peripheral.answers[bluetooth.IRQ_CENTRAL_DISCONNECT] = lambda data: pair.peripheral.ble.gap_advertise(50_000)
    for _ in range(5):
        pair.central.ble.gap_disconnect(pair.to_peripheral)
        pair.at_peripheral(bluetooth.IRQ_CENTRAL_DISCONNECT)
        air.run(0.5)
        pair.to_peripheral, _ = connect(air, pair.central, pair.peripheral)


def test_deactivation_in_a_handler(air):
    pair = Pair(air)
    inside(pair, lambda: pair.central.ble.active(False))
    pair.at_peripheral(bluetooth.IRQ_CENTRAL_DISCONNECT)
    air.run(1)
    assert pair.central.ble.active() is False
    assert pair.central.codes()[-1] == bluetooth.IRQ_PERIPHERAL_DISCONNECT
    assert pair.central.ble.active(True) is True


def test_a_whole_exploration_from_handlers(air):
    """Service by service, characteristic by characteristic, each begun in the handler of the one before."""
    pair = Pair(air)
    ble, conn = pair.central.ble, pair.to_peripheral
    services, found, values = [], {}, {}

    def next_service(data=None):
        if services:
            start, end, uuid = services.pop(0)
            found[uuid] = []
            pair.central.answers[bluetooth.IRQ_GATTC_CHARACTERISTIC_RESULT] = lambda data: found[uuid].append(
                (data.value_handle, data.uuid)
            )
            ble.gattc_discover_characteristics(conn, start, end)
        else:
            for characteristics in found.values():
                for handle, _ in characteristics:
                    ble.gattc_read(conn, handle)

    pair.central.answers |= {
        bluetooth.IRQ_GATTC_SERVICE_RESULT: lambda data: services.append(
            (data.start_handle, data.end_handle, data.uuid)
        ),
        bluetooth.IRQ_GATTC_SERVICE_DONE: next_service,
        bluetooth.IRQ_GATTC_CHARACTERISTIC_DONE: next_service,
        bluetooth.IRQ_GATTC_READ_RESULT: lambda data: values.update({data.value_handle: bytes(data.char_data)}),
    }
    pair.peripheral.ble.gatts_write(pair.plain, b"found")
    ble.gattc_discover_services(conn)
    assert air.run_until(lambda: pair.plain in values, 20)
    assert values[pair.plain] == b"found"
    assert [uuid for _, uuid in found[SERVICES[0][0]]] == [UUID(0xA001), UUID(0xA002), UUID(0xA003)]


def test_events_of_one_packet_come_together(air):
    """Nothing of the application runs between a read's result and its end."""
    pair = Pair(air)
    log = []
    pair.central.ble.irq(lambda event, data: log.append(event))
    for _ in range(20):
        pair.central.ble.gattc_read(pair.to_peripheral, pair.value)

    def condition():
        log.append("application")
        return log.count(bluetooth.IRQ_GATTC_READ_DONE) == 20

    assert air.run_until(condition, 10)
    for index, entry in enumerate(log):
        if entry == bluetooth.IRQ_GATTC_READ_RESULT:
            assert log[index + 1] == bluetooth.IRQ_GATTC_READ_DONE
