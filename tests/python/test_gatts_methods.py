"""The GATT server: local values, what clients do to them, notifications and indications."""

import errno

import pytest
from bluet import bluetooth
from radios import INDICATE, NOTIFY, READ, UUID, WRITE, Pair

GATTS_WRITE, READ_REQUEST = bluetooth.IRQ_GATTS_WRITE, bluetooth.IRQ_GATTS_READ_REQUEST
READ_RESULT, READ_DONE, WRITE_DONE = (
    bluetooth.IRQ_GATTC_READ_RESULT,
    bluetooth.IRQ_GATTC_READ_DONE,
    bluetooth.IRQ_GATTC_WRITE_DONE,
)
NOTIFIED, INDICATED, INDICATE_DONE = (
    bluetooth.IRQ_GATTC_NOTIFY,
    bluetooth.IRQ_GATTC_INDICATE,
    bluetooth.IRQ_GATTS_INDICATE_DONE,
)


def read(pair, handle):
    """The value as the client reads it, or the status."""
    pair.central.forget()
    pair.central.ble.gattc_read(pair.to_peripheral, handle)
    _, _, status = pair.at_central(READ_DONE)
    return status or pair.central.last(READ_RESULT)[2]


def write(pair, handle, data):
    """Returns the status."""
    pair.central.forget()
    pair.central.ble.gattc_write(pair.to_peripheral, handle, data, 1)
    conn, value_handle, status = pair.at_central(WRITE_DONE)
    assert (conn, value_handle) == (pair.to_peripheral, handle)
    return status


def subscribe(pair, bits):
    # The configuration comes right after the value, before the application's own descriptors.
    assert write(pair, pair.news + 1, bytes((bits, 0))) == 0


def test_handles(air):
    pair = Pair(air)
    # Declaration, value; declaration, value, configuration, label; declaration, value.
    assert pair.news == pair.value + 2
    assert pair.label == pair.news + 2
    assert pair.plain == pair.label + 2


def test_local_values(air):
    pair = Pair(air)
    ble = pair.peripheral.ble
    assert ble.gatts_read(pair.value) == b""
    assert ble.gatts_write(pair.value, b"hello") == 5
    assert ble.gatts_read(pair.value) == b"hello"
    assert ble.gatts_write(pair.value, "héllo") == 6
    assert ble.gatts_read(pair.value) == "héllo".encode()
    assert ble.gatts_write(pair.label, bytearray(b"")) == 0
    assert ble.gatts_read(pair.label) == b""
    assert ble.gatts_write(pair.value, memoryview(bytes(300))) == 300
    assert ble.gatts_read(pair.value) == bytes(300)
    assert ble.gatts_write(pair.plain, b"", True) == 0


def test_client_reads(air):
    pair = Pair(air)
    pair.peripheral.ble.gatts_write(pair.value, b"hello")
    assert read(pair, pair.value) == b"hello"
    assert pair.central.codes() == [READ_RESULT, READ_DONE]
    assert pair.central.events[0][1] == (pair.to_peripheral, pair.value, b"hello")
    assert pair.peripheral.events == [(READ_REQUEST, (pair.to_central, pair.value))]


@pytest.mark.parametrize(
    ("answer", "status"),
    [(None, 0), (0, 0), (False, 0), ("ignored", 0), (True, 1), (0x08, 0x08), (0x80, 0x80), (300, 0x0E), (-5, 0x0E)],
)
def test_read_request_is_answered(air, answer, status):
    pair = Pair(air)
    pair.peripheral.ble.gatts_write(pair.value, b"x")
    pair.peripheral.answers[READ_REQUEST] = lambda data: answer
    assert read(pair, pair.value) == (status or b"x")
    assert len(pair.central.all(READ_RESULT)) == (0 if status else 1)


def test_value_written_while_it_is_asked_for(air):
    pair = Pair(air)
    pair.peripheral.answers[READ_REQUEST] = lambda data: (
        pair.peripheral.ble.gatts_write(data.attr_handle, b"fresh") and None
    )
    assert read(pair, pair.value) == b"fresh"


def test_client_writes(air):
    pair = Pair(air)
    seen = []
    pair.peripheral.answers[GATTS_WRITE] = lambda data: seen.append(pair.peripheral.ble.gatts_read(data[1]))
    assert write(pair, pair.value, b"hello") == 0
    assert pair.peripheral.events == [(GATTS_WRITE, (pair.to_central, pair.value))]
    # Inside the event the value is what that write wrote.
    assert seen == [b"hello"]
    # Cut to the size of the buffer, silently.
    assert write(pair, pair.value, bytes(range(20)) + b"more") == 0
    assert pair.peripheral.ble.gatts_read(pair.value) == bytes(range(20))
    # A longer local write grows it for good.
    pair.peripheral.ble.gatts_write(pair.value, bytes(50))
    pair.peripheral.ble.gatts_write(pair.value, b"short")
    pair.central.ble.gattc_exchange_mtu(pair.to_peripheral)
    pair.at_central(bluetooth.IRQ_MTU_EXCHANGED)
    assert write(pair, pair.value, b"y" * 60) == 0
    assert pair.peripheral.ble.gatts_read(pair.value) == b"y" * 50


def test_client_writes_without_response(air):
    pair = Pair(air)
    for number in range(3):
        pair.central.ble.gattc_write(pair.to_peripheral, pair.value, bytes((number,)))
    seen = []
    pair.peripheral.answers[GATTS_WRITE] = lambda data: seen.append(pair.peripheral.ble.gatts_read(pair.value))
    air.run(1)
    assert seen == [b"\0", b"\1", b"\2"]
    assert pair.central.events == []


def test_client_may_not(air):
    pair = Pair(air)
    assert write(pair, pair.plain, b"x") == 0x03
    assert write(pair, 999, b"x") == 0x01
    assert read(pair, 999) == 0x01
    assert pair.peripheral.events == []


def test_set_buffer(air):
    pair = Pair(air)
    ble = pair.peripheral.ble
    ble.gatts_write(pair.value, b"something")
    ble.gatts_set_buffer(pair.value, 5)
    assert ble.gatts_read(pair.value) == b""
    write(pair, pair.value, b"1234567")
    assert ble.gatts_read(pair.value) == b"12345"


def test_appending_buffer(air):
    pair = Pair(air)
    ble = pair.peripheral.ble
    ble.gatts_set_buffer(pair.value, 10, True)
    write(pair, pair.value, b"1234")
    write(pair, pair.value, b"5678")
    assert ble.gatts_read(pair.value) == b"12345678"
    assert ble.gatts_read(pair.value) == b""
    for piece in (b"abcd", b"efgh", b"ijkl"):
        assert write(pair, pair.value, piece) == 0
    assert ble.gatts_read(pair.value) == b"abcdefghij"
    write(pair, pair.value, b"remote")
    ble.gatts_write(pair.value, b"local")
    assert ble.gatts_read(pair.value) == b"local"


def test_notify(air):
    pair = Pair(air)
    ble = pair.peripheral.ble
    ble.gatts_write(pair.news, b"local")
    # Subscribed or not, with data or with the local value, which stays.
    ble.gatts_notify(pair.to_central, pair.news)
    ble.gatts_notify(pair.to_central, pair.news, None)
    ble.gatts_notify(pair.to_central, pair.news, b"given")
    ble.gatts_notify(pair.to_central, pair.news, "str")
    ble.gatts_notify(pair.to_central, pair.news, b"")
    ble.gatts_notify(pair.to_central, pair.news, bytes(100))
    air.run(1)
    expected = [b"local", b"local", b"given", b"str", b"", bytes(20)]
    assert pair.central.events == [(NOTIFIED, (pair.to_peripheral, pair.news, data)) for data in expected]
    assert ble.gatts_read(pair.news) == b"local"


def test_indicate(air):
    pair = Pair(air)
    ble = pair.peripheral.ble
    ble.gatts_write(pair.news, b"local")
    ble.gatts_indicate(pair.to_central, pair.news)
    ble.gatts_indicate(pair.to_central, pair.news, b"given")
    air.run(1)
    assert pair.central.events == [
        (INDICATED, (pair.to_peripheral, pair.news, b"local")),
        (INDICATED, (pair.to_peripheral, pair.news, b"given")),
    ]
    assert pair.peripheral.events == [(INDICATE_DONE, (pair.to_central, pair.news, 0))] * 2


def test_indication_ends_with_the_link(air):
    pair = Pair(air)
    air.set_loss(1.0)
    pair.peripheral.ble.gatts_indicate(pair.to_central, pair.news, b"lost")
    pair.at_peripheral(bluetooth.IRQ_CENTRAL_DISCONNECT)
    assert pair.peripheral.codes() == [INDICATE_DONE, bluetooth.IRQ_CENTRAL_DISCONNECT]
    assert pair.peripheral.last(INDICATE_DONE)[2] > 0xFF


@pytest.mark.parametrize(("bits", "event"), [(1, NOTIFIED), (2, INDICATED), (3, NOTIFIED), (0, None)])
def test_send_update(air, bits, event):
    pair = Pair(air)
    subscribe(pair, bits)
    assert pair.peripheral.events == []
    pair.central.forget()
    pair.peripheral.ble.gatts_write(pair.news, b"told", True)
    pair.peripheral.ble.gatts_write(pair.news, b"not told")
    pair.peripheral.ble.gatts_write(pair.value, b"no configuration", True)
    air.run(1)
    told = [(event, (pair.to_peripheral, pair.news, b"told"))] if event else []
    assert pair.central.events == told
    assert read(pair, pair.news + 1) == bytes((bits, 0))


def test_send_update_reaches_subscribers_only(air):
    from radios import Radio, connect

    pair = Pair(air)
    other = Radio(air.ble())
    connect(air, other, pair.peripheral)
    subscribe(pair, 1)
    pair.central.forget()
    pair.peripheral.ble.gatts_write(pair.news, b"told", True)
    air.run(1)
    assert len(pair.central.all(NOTIFIED)) == 1
    assert other.events == []


def test_no_buffer_free(air):
    """The sender is told, nothing that was taken is lost, and it goes on afterwards."""
    pair = Pair(air)
    sent = 0
    with pytest.raises(OSError) as caught:
        while sent < 100_000:
            pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, sent.to_bytes(4, "little"))
            sent += 1
    assert caught.value.errno == errno.ENOMEM
    assert sent > 8
    assert air.run_until(lambda: len(pair.central.all(NOTIFIED)) == sent, 60)
    pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, b"again")
    air.run(1)
    assert [data for _, _, data in pair.central.all(NOTIFIED)] == [
        *(number.to_bytes(4, "little") for number in range(sent)),
        b"again",
    ]


def test_device_name(air):
    pair = Pair(air)
    pair.peripheral.ble.config(gap_name="renamed")
    pair.central.ble.gattc_discover_characteristics(pair.to_peripheral, 1, 0xFFFF, UUID(0x2A00))
    pair.at_central(bluetooth.IRQ_GATTC_CHARACTERISTIC_DONE)
    handle = pair.central.last(bluetooth.IRQ_GATTC_CHARACTERISTIC_RESULT)[2]
    assert read(pair, handle) == b"renamed"
    pair.peripheral.ble.config(gap_name="again")
    assert read(pair, handle) == b"again"
    assert pair.peripheral.events == []


@pytest.mark.parametrize(
    ("flag", "status"),
    [
        (bluetooth.FLAG_READ_ENCRYPTED, 0x05),
        (bluetooth.FLAG_READ_AUTHENTICATED, 0x05),
    ],
)
def test_security_flags(air, flag, status):
    pair = Pair(air, ((UUID(1), ((UUID(2), READ | flag, ((UUID(3), READ | flag),)),)),))
    ((value, descriptor),) = pair.handles
    assert read(pair, value) == status
    assert read(pair, descriptor) == status
    assert pair.peripheral.events == []


def test_services_are_replaced(air):
    pair = Pair(air)
    ((again,),) = pair.peripheral.ble.gatts_register_services(((UUID(7), ((UUID(8), READ | WRITE),)),))
    pair.peripheral.ble.gatts_write(again, b"new")
    assert read(pair, again) == b"new"
    assert pair.peripheral.ble.gatts_read(pair.plain) == b""


def test_many_characteristics(air):
    services = [
        (UUID(0x1000 + s), [(UUID(0x2000 + c), READ | NOTIFY | INDICATE, [(UUID(0x3000), READ)]) for c in range(20)])
        for s in range(20)
    ]
    pair = Pair(air, services)
    handles = [handle for service in pair.handles for handle in service]
    assert len(set(handles)) == 800 and handles == sorted(handles)
    pair.peripheral.ble.gatts_write(handles[-1], b"last")
    assert read(pair, handles[-1]) == b"last"
