"""What GATT has beyond the document: included services, questions about writes, reads and writes of several values."""

import errno

import pytest
from bluet import bluetooth
from radios import NOTIFY, READ, UUID, WRITE, Pair, Radio, connect

SERVICE_RESULT, SERVICE_DONE = bluetooth.IRQ_GATTC_SERVICE_RESULT, bluetooth.IRQ_GATTC_SERVICE_DONE
CHARACTERISTIC_RESULT, CHARACTERISTIC_DONE = (
    bluetooth.IRQ_GATTC_CHARACTERISTIC_RESULT,
    bluetooth.IRQ_GATTC_CHARACTERISTIC_DONE,
)
READ_RESULT, READ_DONE = bluetooth.IRQ_GATTC_READ_RESULT, bluetooth.IRQ_GATTC_READ_DONE
WRITE_DONE, NOTIFIED = bluetooth.IRQ_GATTC_WRITE_DONE, bluetooth.IRQ_GATTC_NOTIFY
WRITE_REQUEST = bluetooth.IRQ_GATTS_WRITE_REQUEST

WIDE = UUID("12345678-1234-5678-1234-56789abcdef0")
FIRST, SECOND = UUID(0xA001), UUID(0xA002)
INCLUDED = (
    (UUID(0x180F), ((UUID(0x2A19), READ),), (), True),
    (WIDE, (), (), True),
    (UUID(0x180D), ((FIRST, READ),), (0, 1)),
)
VALUES = ((UUID(0x180D), ((FIRST, READ | WRITE | NOTIFY), (SECOND, READ | WRITE | NOTIFY))),)


def test_included_services(air):
    pair = Pair(air, INCLUDED)
    conn = pair.to_peripheral
    definitions = []
    pair.central.answers[SERVICE_RESULT] = lambda data: definitions.append(data.def_handle)
    pair.central.ble.gattc_discover_services(conn)
    pair.at_central(SERVICE_DONE)
    *_, (_, start, end, uuid) = pair.central.all(SERVICE_RESULT)
    assert uuid == UUID(0x180D)
    assert [data[3] for data in pair.central.all(SERVICE_RESULT)] == [UUID(0x1800), UUID(0x1801), UUID(0x180D)]

    pair.central.forget()
    definitions.clear()
    pair.central.ble.gattc_discover_included_services(conn, start, end)
    assert pair.at_central(SERVICE_DONE) == (conn, 0)
    ((level,), (), (rate,)) = pair.handles
    assert pair.central.all(SERVICE_RESULT) == [
        (conn, level - 2, level, UUID(0x180F)),
        (conn, level + 1, level + 1, WIDE),
    ]
    assert definitions == [start + 1, start + 2]
    assert rate == start + 4


@pytest.mark.parametrize("included", [(2,), (3,), (-1,), (0, 70000)])
def test_a_service_includes_earlier_ones_only(air, included):
    radio = Radio(air.ble())
    with pytest.raises(OSError) as refused:
        radio.ble.gatts_register_services((*INCLUDED[:2], (UUID(0x180D), (), included)))
    assert refused.value.errno == errno.EINVAL


@pytest.mark.parametrize("service", [(WIDE,), (WIDE, (), (), False, 1)])
def test_a_service_has_two_to_four_parts(air, service):
    with pytest.raises(ValueError, match="requested length 2"):
        Radio(air.ble()).ble.gatts_register_services((service,))


def test_the_application_is_asked_about_writes(air):
    asking = ((UUID(0x180D), ((FIRST, READ | WRITE | bluetooth.FLAG_ASK_WRITE),)),)
    pair = Pair(air, asking)
    conn, ((value,),) = pair.to_peripheral, pair.handles
    pair.peripheral.answers[WRITE_REQUEST] = lambda data: 0x80 if bytes(data.data) == b"no" else None
    pair.central.ble.gattc_write(conn, value, b"yes", 1)
    assert pair.at_central(WRITE_DONE) == (conn, value, 0)
    pair.central.forget()
    pair.central.ble.gattc_write(conn, value, b"no", 1)
    assert pair.at_central(WRITE_DONE) == (conn, value, 0x80)
    assert pair.peripheral.all(WRITE_REQUEST) == [
        (pair.to_central, value, 0, b"yes"),
        (pair.to_central, value, 0, b"no"),
    ]
    assert pair.peripheral.ble.gatts_read(value) == b"yes"


def test_long_reads(air):
    pair = Pair(air, VALUES)
    conn, ((value, _),) = pair.to_peripheral, pair.handles
    whole = bytes(range(256)) + bytes(100)
    pair.peripheral.ble.gatts_write(value, whole)
    offsets = []
    pair.central.answers[READ_RESULT] = lambda data: offsets.append(data.offset)
    pair.central.ble.gattc_read_long(conn, value)
    assert pair.at_central(READ_DONE) == (conn, value, 0)
    assert b"".join(data for _, _, data in pair.central.all(READ_RESULT)) == whole
    assert offsets == list(range(0, len(whole), 22))


def test_reads_of_several_values(air):
    pair = Pair(air, VALUES)
    conn, ((first, second),) = pair.to_peripheral, pair.handles
    ble = pair.central.ble
    pair.peripheral.ble.gatts_write(first, b"one")
    pair.peripheral.ble.gatts_write(second, b"second")

    def read(method, *arguments):
        pair.central.forget()
        method(conn, *arguments)
        assert pair.at_central(READ_DONE) == (conn, 0, 0)
        return [data[1:] for data in pair.central.all(READ_RESULT)]

    assert read(ble.gattc_read_multiple, [first, second]) == [(first, b"one"), (second, b"second")]
    assert read(ble.gattc_read_multiple, [first, second], False) == [(0, b"onesecond")]
    assert read(ble.gattc_read_by_uuid, 1, 0xFFFF, SECOND) == [(second, b"second")]
    assert read(ble.gattc_read_by_uuid, 1, first, SECOND) == []
    with pytest.raises(TypeError):
        ble.gattc_read_by_uuid(conn, 1, 0xFFFF, None)
    with pytest.raises(OSError) as refused:
        ble.gattc_read_multiple(conn, [first])
    assert refused.value.errno == errno.EINVAL


def test_reliable_writes(air):
    pair = Pair(air, VALUES)
    conn, ((first, second),) = pair.to_peripheral, pair.handles
    ble = pair.central.ble
    pair.peripheral.ble.gatts_set_buffer(first, 100)
    ble.gattc_write_reliable(conn, [(first, b"x" * 60), (second, "text")])
    assert pair.at_central(WRITE_DONE) == (conn, second, 0)
    assert pair.peripheral.ble.gatts_read(first) == b"x" * 60
    assert pair.peripheral.ble.gatts_read(second) == b"text"

    pair.central.forget()
    ble.gattc_write_reliable(conn, [(first, b"no"), (first - 1, b"no")])
    assert pair.at_central(WRITE_DONE) == (conn, first - 1, bluetooth.GATTS_ERROR_WRITE_NOT_PERMITTED)
    assert pair.peripheral.ble.gatts_read(first) == b"x" * 60
    for bad in ([(first,)], [(first, b"", 1)]):
        with pytest.raises(ValueError, match="requested length 2"):
            ble.gattc_write_reliable(conn, bad)


def test_notifications_of_several_values(air):
    pair = Pair(air, VALUES)
    conn, ((first, second),) = pair.to_peripheral, pair.handles
    server = pair.peripheral.ble
    server.gatts_write(first, b"1")
    server.gatts_write(second, b"22")
    features = server_feature_handle(pair)
    for bits in (b"\x00", b"\x04"):
        pair.central.forget()
        pair.central.ble.gattc_write(conn, features, bits, 1)
        assert pair.at_central(WRITE_DONE) == (conn, features, 0)
        assert server.gatts_notify_multiple(pair.to_central, (first, second)) == 2
        assert air.run_until(lambda: len(pair.central.all(NOTIFIED)) == 2, 5)
        assert pair.central.all(NOTIFIED) == [(conn, first, b"1"), (conn, second, b"22")]


def server_feature_handle(pair):
    """Client Supported Features, at the server."""
    pair.central.ble.gattc_discover_characteristics(pair.to_peripheral, 1, 0xFFFF, UUID(0x2B29))
    pair.at_central(CHARACTERISTIC_DONE)
    return pair.central.last(CHARACTERISTIC_RESULT)[2]


def test_subscriptions(air):
    pair = Pair(air, VALUES)
    conn, ((first, second),) = pair.to_peripheral, pair.handles
    server = pair.peripheral.ble
    assert server.gatts_subscription(pair.to_central, first) == 0
    pair.central.ble.gattc_write(conn, first + 1, b"\x01\x00", 1)
    pair.at_central(WRITE_DONE)
    assert server.gatts_subscription(pair.to_central, first) == 1
    assert server.gatts_subscription(pair.to_central, second) == 0
    assert server.gatts_subscription(None, first) == 0
    with pytest.raises(OSError) as refused:
        server.gatts_subscription(0xFFFF, first)
    assert refused.value.errno == errno.ENOTCONN


def test_device_name_that_clients_may_write(air):
    ble = air.ble()
    assert ble.config("gap_name_writable") is False
    ble.config(gap_name="old", gap_name_writable=True)
    peripheral, central = Radio(ble), Radio(air.ble())
    conn, _ = connect(air, central, peripheral)
    central.ble.gattc_write(conn, 3, b"new", 1)
    assert air.run_until(lambda: central.has(WRITE_DONE), 5)
    assert central.last(WRITE_DONE) == (conn, 3, 0)
    assert ble.config("gap_name") == b"new"
    with pytest.raises(OSError) as refused:
        ble.config(gap_name_writable=False)
    assert refused.value.errno == errno.EBUSY


@pytest.mark.parametrize("mtu", [23, 517])
def test_three_hundred_services(air, mtu):
    """The client finds what the server has: 16 and 128 bits, over the smallest and the largest MTU."""

    def uuid(number):
        if number % 4 < 2:
            return UUID(0xB000 + number)
        return UUID(f"0000{number:04x}-1234-5678-1234-56789abcdef0")

    services = tuple((uuid(n), ((uuid(n + 1), READ | WRITE),)) for n in range(300))
    pair = Pair(air, services)
    conn, central = pair.to_peripheral, pair.central
    if mtu > 23:
        pair.peripheral.ble.config(mtu=mtu)
        central.ble.config(mtu=mtu)
        central.ble.gattc_exchange_mtu(conn)
        assert pair.at_central(bluetooth.IRQ_MTU_EXCHANGED) == (conn, mtu)
    central.ble.gattc_discover_services(conn)
    central.ble.gattc_discover_characteristics(conn, 1, 0xFFFF)
    assert pair.at_central(CHARACTERISTIC_DONE) == (conn, 0)
    found = [data[1:] for data in central.all(SERVICE_RESULT)][2:]
    assert found == [(value - 2, value, uuid(n)) for n, (value,) in enumerate(pair.handles)]
    characteristics = {value: kind for _, _, value, _, kind in central.all(CHARACTERISTIC_RESULT)}
    assert all(characteristics[value] == uuid(n + 1) for n, (value,) in enumerate(pair.handles))
