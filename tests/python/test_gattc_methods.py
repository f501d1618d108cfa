"""The GATT client: discovery, reads, writes, the MTU; procedures that wait their turn."""

import errno

import pytest
from bluet import bluetooth
from radios import LABEL, NEWS, PLAIN, SERVICE, UUID, VALUE, Pair, Radio, connect

SERVICE_RESULT, SERVICE_DONE = bluetooth.IRQ_GATTC_SERVICE_RESULT, bluetooth.IRQ_GATTC_SERVICE_DONE
CHARACTERISTIC_RESULT, CHARACTERISTIC_DONE = (
    bluetooth.IRQ_GATTC_CHARACTERISTIC_RESULT,
    bluetooth.IRQ_GATTC_CHARACTERISTIC_DONE,
)
DESCRIPTOR_RESULT, DESCRIPTOR_DONE = bluetooth.IRQ_GATTC_DESCRIPTOR_RESULT, bluetooth.IRQ_GATTC_DESCRIPTOR_DONE
READ_RESULT, READ_DONE, WRITE_DONE = (
    bluetooth.IRQ_GATTC_READ_RESULT,
    bluetooth.IRQ_GATTC_READ_DONE,
    bluetooth.IRQ_GATTC_WRITE_DONE,
)
MTU_EXCHANGED = bluetooth.IRQ_MTU_EXCHANGED


def exchange_mtu(pair):
    pair.central.ble.gattc_exchange_mtu(pair.to_peripheral)
    return pair.at_central(MTU_EXCHANGED)


def test_services(air):
    pair = Pair(air)
    conn = pair.to_peripheral
    pair.central.ble.gattc_discover_services(conn)
    assert pair.at_central(SERVICE_DONE) == (conn, 0)
    found = pair.central.all(SERVICE_RESULT)
    assert [uuid for *_, uuid in found] == [UUID(0x1800), UUID(0x1801), SERVICE]
    assert found[-1][1:3] == (pair.value - 2, pair.plain)
    assert all(type(uuid) is UUID and handle == conn for handle, _, _, uuid in found)

    pair.central.forget()
    pair.central.ble.gattc_discover_services(conn, SERVICE)
    pair.at_central(SERVICE_DONE)
    assert pair.central.events == [(SERVICE_RESULT, found[-1]), (SERVICE_DONE, (conn, 0))]

    pair.central.forget()
    pair.central.ble.gattc_discover_services(conn, UUID(0x9999))
    pair.at_central(SERVICE_DONE)
    assert pair.central.events == [(SERVICE_DONE, (conn, 0))]


def test_characteristics(air):
    pair = Pair(air)
    conn = pair.to_peripheral
    definitions = []
    pair.central.answers[CHARACTERISTIC_RESULT] = lambda data: definitions.append(data.def_handle)
    pair.central.ble.gattc_discover_characteristics(conn, pair.value - 2, pair.plain)
    assert pair.at_central(CHARACTERISTIC_DONE) == (conn, 0)
    # The second field is the last handle of the characteristic.
    assert pair.central.all(CHARACTERISTIC_RESULT) == [
        (conn, pair.value, pair.value, 0x0E, VALUE),
        (conn, pair.label, pair.news, 0x32, NEWS),
        (conn, pair.plain, pair.plain, 0x02, PLAIN),
    ]
    assert definitions == [pair.value - 1, pair.news - 1, pair.plain - 1]

    pair.central.forget()
    pair.central.ble.gattc_discover_characteristics(conn, 1, 0xFFFF, NEWS)
    pair.at_central(CHARACTERISTIC_DONE)
    assert pair.central.all(CHARACTERISTIC_RESULT) == [(conn, pair.label, pair.news, 0x32, NEWS)]


def test_descriptors(air):
    pair = Pair(air)
    conn = pair.to_peripheral
    pair.central.ble.gattc_discover_descriptors(conn, pair.news, pair.label)
    assert pair.at_central(DESCRIPTOR_DONE) == (conn, 0)
    assert pair.central.all(DESCRIPTOR_RESULT) == [
        (conn, pair.news + 1, UUID(0x2902)),
        (conn, pair.label, LABEL),
    ]


def test_discovery_by_the_peripheral(air):
    pair = Pair(air)
    pair.peripheral.ble.gattc_discover_services(pair.to_central)
    assert pair.at_peripheral(SERVICE_DONE) == (pair.to_central, 0)
    assert [uuid for *_, uuid in pair.peripheral.all(SERVICE_RESULT)] == [UUID(0x1800), UUID(0x1801)]


def test_mtu(air):
    pair = Pair(air)
    pair.central.ble.config(mtu=100)
    pair.peripheral.ble.config(mtu=60)
    assert exchange_mtu(pair) == (pair.to_peripheral, 60)
    assert pair.at_peripheral(MTU_EXCHANGED) == (pair.to_central, 60)
    assert len(pair.central.events) == len(pair.peripheral.events) == 1
    with pytest.raises(OSError) as caught:
        pair.central.ble.gattc_exchange_mtu(pair.to_peripheral)
    assert caught.value.errno == errno.EALREADY
    pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, bytes(100))
    air.run(1)
    assert len(pair.central.last(bluetooth.IRQ_GATTC_NOTIFY)[2]) == 57


def test_mtu_by_the_peripheral(air):
    pair = Pair(air)
    pair.peripheral.ble.gattc_exchange_mtu(pair.to_central)
    assert pair.at_peripheral(MTU_EXCHANGED) == (pair.to_central, 256)
    assert pair.at_central(MTU_EXCHANGED) == (pair.to_peripheral, 256)


def test_read_is_one_request(air):
    pair = Pair(air)
    value = bytes(range(60))
    pair.peripheral.ble.gatts_write(pair.value, value)
    pieces = b""
    for offset in (0, 22, 44):
        pair.central.forget()
        pair.central.ble.gattc_read(pair.to_peripheral, pair.value, offset)
        assert pair.at_central(READ_DONE)[2] == 0
        pieces += pair.central.last(READ_RESULT)[2]
        assert len(pair.central.last(READ_RESULT)[2]) == min(22, 60 - offset)
    assert pieces == value
    pair.central.forget()
    pair.central.ble.gattc_read(pair.to_peripheral, pair.value, 61)
    assert pair.at_central(READ_DONE) == (pair.to_peripheral, pair.value, 0x07)
    assert not pair.central.has(READ_RESULT)


def test_empty_value(air):
    pair = Pair(air)
    pair.central.ble.gattc_read(pair.to_peripheral, pair.value)
    pair.at_central(READ_DONE)
    assert pair.central.events == [
        (READ_RESULT, (pair.to_peripheral, pair.value, b"")),
        (READ_DONE, (pair.to_peripheral, pair.value, 0)),
    ]


@pytest.mark.parametrize("mode", [0, 1])
def test_write_is_cut(air, mode):
    pair = Pair(air)
    pair.peripheral.ble.gatts_set_buffer(pair.value, 100)
    pair.central.ble.gattc_write(pair.to_peripheral, pair.value, bytes(100), mode)
    pair.at_peripheral(bluetooth.IRQ_GATTS_WRITE)
    assert pair.peripheral.ble.gatts_read(pair.value) == bytes(20)
    air.run(1)
    assert pair.central.events == ([(WRITE_DONE, (pair.to_peripheral, pair.value, 0))] if mode else [])


def test_long_write(air):
    pair = Pair(air)
    pair.peripheral.ble.gatts_set_buffer(pair.value, 400)
    value = bytes(number % 251 for number in range(400))
    pair.central.ble.gattc_write(pair.to_peripheral, pair.value, value, 2)
    assert pair.at_central(WRITE_DONE) == (pair.to_peripheral, pair.value, 0)
    assert pair.peripheral.ble.gatts_read(pair.value) == value
    assert len(pair.peripheral.all(bluetooth.IRQ_GATTS_WRITE)) == 1


def test_writes_of_str(air):
    pair = Pair(air)
    pair.central.ble.gattc_write(pair.to_peripheral, pair.value, "naïve", 1)
    pair.at_central(WRITE_DONE)
    assert pair.peripheral.ble.gatts_read(pair.value) == "naïve".encode()


def test_procedures_wait_their_turn(air):
    pair = Pair(air)
    ble, conn = pair.central.ble, pair.to_peripheral
    pair.peripheral.ble.gatts_write(pair.value, b"first")
    ble.gattc_read(conn, pair.value)
    ble.gattc_write(conn, pair.value, b"second", 1)
    ble.gattc_read(conn, pair.value)
    ble.gattc_discover_services(conn, SERVICE)
    ble.gattc_exchange_mtu(conn)
    ble.gattc_discover_descriptors(conn, pair.news, pair.label)
    ble.gattc_read(conn, 999)
    for _ in range(50):
        ble.gattc_read(conn, pair.plain)
    assert pair.central.events == []
    assert air.run_until(lambda: len(pair.central.all(READ_DONE)) == 53, 30)
    results = [data for _, _, data in pair.central.all(READ_RESULT)]
    assert results == [b"first", b"second"] + [b""] * 50
    assert pair.central.codes()[:10] == [
        *(READ_RESULT, READ_DONE, WRITE_DONE, READ_RESULT, READ_DONE, SERVICE_RESULT, SERVICE_DONE, MTU_EXCHANGED),
        *(DESCRIPTOR_RESULT, DESCRIPTOR_RESULT),
    ]


def test_connections_do_not_wait_for_each_other(air):
    pair = Pair(air)
    second = Radio(air.ble())
    second.ble.gatts_register_services(((UUID(1), ((VALUE, bluetooth.FLAG_READ),)),))
    to_second, _ = connect(air, pair.central, second)
    for _ in range(20):
        pair.central.ble.gattc_read(pair.to_peripheral, pair.value)
    pair.central.ble.gattc_discover_services(to_second)
    assert air.run_until(lambda: pair.central.has(SERVICE_DONE), 10)
    assert len(pair.central.all(READ_DONE)) < 20


def test_pending_procedures_end_with_the_link(air):
    pair = Pair(air)
    air.set_loss(1.0)
    pair.central.ble.gattc_read(pair.to_peripheral, pair.value)
    pair.central.ble.gattc_write(pair.to_peripheral, pair.value, b"x", 1)
    pair.central.ble.gattc_discover_services(pair.to_peripheral)
    pair.at_central(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    assert pair.central.codes() == [READ_DONE, WRITE_DONE, SERVICE_DONE, bluetooth.IRQ_PERIPHERAL_DISCONNECT]
    assert all(data[-1] == 0x100 for _, data in pair.central.events[:3])


def test_loss_loses_nothing(air):
    pair = Pair(air)
    air.set_loss(0.3)
    for number in range(200):
        pair.peripheral.ble.gatts_notify(pair.to_central, pair.news, bytes((number,)))
    assert air.run_until(lambda: len(pair.central.all(bluetooth.IRQ_GATTC_NOTIFY)) == 200, 60)
    assert [data[0] for _, _, data in pair.central.all(bluetooth.IRQ_GATTC_NOTIFY)] == list(range(200))
