"""What handlers get: struct sequences, memoryviews that die, UUIDs; and what becomes of their exceptions."""

import gc
import weakref

import pytest
from bluet import bluetooth, events
from radios import Pair, Radio

SCAN_RESULT, NOTIFIED = bluetooth.IRQ_SCAN_RESULT, bluetooth.IRQ_GATTC_NOTIFY


def caught_event(air, radio, code, cause):
    """The data of an event, kept beyond its handler, and what a probe made of it inside."""
    kept = []
    radio.answers[code] = lambda data: kept.append(data)
    cause()
    assert air.run_until(lambda: kept, 10)
    return kept[0]


def test_memoryviews_die(air):
    pair = Pair(air)
    data = caught_event(
        air, pair.central, NOTIFIED, lambda: pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, b"x")
    )
    assert isinstance(data, events.GattcNotify)
    for use in (bytes, len, lambda view: view[0], lambda view: view.tolist(), memoryview):
        with pytest.raises(ValueError, match="released"):
            use(data.notify_data)


def test_memoryviews_are_read_only(air):
    pair = Pair(air)
    mistakes = []

    def handler(data):
        try:
            data.notify_data[0] = 1
        except TypeError as error:
            mistakes.append(error)

    pair.central.answers[NOTIFIED] = handler
    pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, b"x")
    air.run(1)
    assert mistakes


def test_slices_never_read_other_data(air):
    """A slice is a view of its own, which outlives the handler; it must go on saying what it said."""
    pair = Pair(air)
    slices = []
    pair.central.answers[NOTIFIED] = lambda data: slices.append(data.notify_data[1:])
    for number in range(10):
        pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, bytes((0, number)))
    air.run(2)
    assert slices == [bytes((number,)) for number in range(10)]


def test_address_views(air):
    advertiser, scanner = Radio(air.ble()), Radio(air.ble())
    advertiser.ble.gap_advertise(100_000, b"abc")
    inside = []
    scanner.answers[SCAN_RESULT] = lambda data: inside.append((type(data.addr), bytes(data.addr), data.addr.hex(":")))
    data = caught_event(air, scanner, SCAN_RESULT, lambda: scanner.ble.gap_scan(200, 30_000, 30_000))
    with pytest.raises(ValueError):
        bytes(data.addr)
    with pytest.raises(ValueError):
        bytes(data.adv_data)
    assert data.adv_type == 0 and data.primary_phy == 1 and len(data) == 5


def test_struct_sequences(air):
    seen = {}
    pair = Pair(air)

    def keep(event, data):
        if event != bluetooth.IRQ_SCAN_DONE:
            seen.setdefault(event, (type(data).__name__, len(data), type(data).n_fields))

    pair.central.ble.irq(keep)
    pair.peripheral.ble.irq(keep)
    conn = pair.to_peripheral
    pair.central.ble.gattc_discover_services(conn)
    pair.central.ble.gattc_discover_characteristics(conn, 1, 0xFFFF)
    pair.central.ble.gattc_discover_descriptors(conn, 1, 0xFFFF)
    pair.central.ble.gattc_read(conn, pair.value)
    pair.central.ble.gattc_write(conn, pair.value, b"x", 1)
    pair.central.ble.gattc_exchange_mtu(conn)
    pair.peripheral.ble.gatts_notify(pair.to_central, pair.news)
    pair.peripheral.ble.gatts_indicate(pair.to_central, pair.news)
    pair.central.ble.gap_scan(100)
    air.run(5)
    pair.peripheral.ble.gap_advertise(100_000)
    pair.central.ble.gap_scan(1000, 30_000, 30_000)
    air.run(2)
    pair.central.ble.gap_disconnect(conn)
    air.run(1)
    pair.central.ble.gap_connect(*pair.peripheral.ble.config("mac"))
    air.run(1)
    expected = {
        bluetooth.IRQ_CENTRAL_CONNECT: ("CentralConnect", 3, 3),
        bluetooth.IRQ_PERIPHERAL_CONNECT: ("PeripheralConnect", 3, 3),
        bluetooth.IRQ_CENTRAL_DISCONNECT: ("CentralDisconnect", 3, 4),
        bluetooth.IRQ_GATTS_WRITE: ("GattsWrite", 2, 2),
        bluetooth.IRQ_GATTS_READ_REQUEST: ("GattsReadRequest", 2, 2),
        bluetooth.IRQ_SCAN_RESULT: ("ScanResult", 5, 7),
        bluetooth.IRQ_PERIPHERAL_DISCONNECT: ("PeripheralDisconnect", 3, 4),
        bluetooth.IRQ_GATTC_SERVICE_RESULT: ("GattcServiceResult", 4, 5),
        bluetooth.IRQ_GATTC_SERVICE_DONE: ("GattcServiceDone", 2, 2),
        bluetooth.IRQ_GATTC_CHARACTERISTIC_RESULT: ("GattcCharacteristicResult", 5, 6),
        bluetooth.IRQ_GATTC_CHARACTERISTIC_DONE: ("GattcCharacteristicDone", 2, 2),
        bluetooth.IRQ_GATTC_DESCRIPTOR_RESULT: ("GattcDescriptorResult", 3, 3),
        bluetooth.IRQ_GATTC_DESCRIPTOR_DONE: ("GattcDescriptorDone", 2, 2),
        bluetooth.IRQ_GATTC_READ_RESULT: ("GattcReadResult", 3, 4),
        bluetooth.IRQ_GATTC_READ_DONE: ("GattcReadDone", 3, 3),
        bluetooth.IRQ_GATTC_WRITE_DONE: ("GattcWriteDone", 3, 3),
        bluetooth.IRQ_GATTC_NOTIFY: ("GattcNotify", 3, 3),
        bluetooth.IRQ_GATTC_INDICATE: ("GattcIndicate", 3, 3),
        bluetooth.IRQ_GATTS_INDICATE_DONE: ("GattsIndicateDone", 3, 3),
        bluetooth.IRQ_MTU_EXCHANGED: ("MtuExchanged", 2, 2),
    }
    assert {code: seen.get(code) for code in expected} == expected
    assert set(events.__all__) >= {name for name, _, _ in expected.values()}


def test_scan_done_has_an_empty_tuple(air):
    kept = []
    radio = Radio(air.ble())
    radio.answers[bluetooth.IRQ_SCAN_DONE] = kept.append
    radio.ble.gap_scan(50)
    air.run(1)
    assert kept == [()] and type(kept[0]) is tuple


def test_names(air):
    pair = Pair(air)
    data = caught_event(
        air,
        pair.central,
        bluetooth.IRQ_PERIPHERAL_DISCONNECT,
        lambda: pair.central.ble.gap_disconnect(pair.to_peripheral),
    )
    # Connection terminated by the local host.
    assert (data.conn_handle, data.addr_type, data.reason) == (pair.to_peripheral, 0, 0x16)


def test_exception_in_a_handler_is_printed(air, capfd, monkeypatch):
    import sys

    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    pair = Pair(air)

    def broken(data):
        raise LookupError("in the handler")

    pair.central.answers[NOTIFIED] = broken
    for _ in range(3):
        pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, b"x")
    air.run(1)
    printed = capfd.readouterr().err
    assert printed.count("LookupError: in the handler") == 3
    assert "Traceback" in printed and "test_event_data.py" in printed
    assert len(pair.central.all(NOTIFIED)) == 3


def test_exception_while_a_read_is_asked_for_accepts(air, monkeypatch):
    import sys

    printed = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: printed.append(unraisable.exc_value))
    pair = Pair(air)
    pair.peripheral.ble.gatts_write(pair.value, b"x")

    def broken(data):
        raise LookupError

    pair.peripheral.answers[bluetooth.IRQ_GATTS_READ_REQUEST] = broken
    pair.central.ble.gattc_read(pair.to_peripheral, pair.value)
    assert pair.at_central(bluetooth.IRQ_GATTC_READ_DONE)[2] == 0
    assert [type(error) for error in printed] == [LookupError]


def test_ctrl_c_in_a_handler_reaches_who_runs_the_air(air):
    pair = Pair(air)

    def interrupted(data):
        raise KeyboardInterrupt

    pair.central.answers[NOTIFIED] = interrupted
    pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, b"x")
    with pytest.raises(KeyboardInterrupt):
        air.run(1)
    # And all goes on.
    pair.central.answers.clear()
    pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, b"y")
    air.run(1)
    assert pair.central.last(NOTIFIED)[2] == b"y"


def test_no_handler(air):
    pair = Pair(air)
    pair.central.ble.irq(None)
    pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, b"x")
    air.run(1)
    assert pair.central.events == []


def test_handler_may_be_replaced_inside(air):
    pair = Pair(air)
    seen = []
    pair.central.answers[NOTIFIED] = lambda data: pair.central.ble.irq(lambda event, data: seen.append(event))
    for _ in range(2):
        pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, b"x")
    air.run(1)
    assert seen == [NOTIFIED]


def test_radios_are_collected(air):
    """A radio that its own handler refers to is a cycle, and goes; its links end as they should."""
    pair = Pair(air)
    gone = weakref.ref(pair.central)
    pair.central.answers[NOTIFIED] = lambda data, kept=pair: kept
    peripheral = pair.peripheral
    del pair
    gc.collect()
    assert gone() is None
    assert air.run_until(lambda: peripheral.has(bluetooth.IRQ_CENTRAL_DISCONNECT), 1)


def test_radio_that_its_handler_drops(air):
    """The last reference goes while the handler runs."""
    peripheral = Radio(air.ble())
    holder = [air.ble()]
    holder[0].active(True)
    holder[0].irq(lambda event, data: holder.clear())
    peripheral.ble.gap_advertise(100_000)
    holder[0].gap_connect(*peripheral.ble.config("mac"))
    assert air.run_until(lambda: not holder, 5)
    gc.collect()
    assert air.run_until(lambda: peripheral.has(bluetooth.IRQ_CENTRAL_DISCONNECT), 5)
