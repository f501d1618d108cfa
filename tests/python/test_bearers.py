"""Enhanced ATT bearers between two radios: a program sees nothing of them but that it gets on faster."""

import pytest
from bluet import bluetooth
from radios import INDICATE, READ, UUID, WRITE, Pair

COUNT = 12
SERVICES = (
    (
        UUID(0xA000),
        tuple((UUID(0xA001 + number), READ | WRITE | INDICATE) for number in range(COUNT)),
    ),
)
L2CAP_EVENTS = range(bluetooth.IRQ_L2CAP_ACCEPT, bluetooth.IRQ_L2CAP_SEND_READY + 1)


class Two(Pair):
    def __init__(self, air, encrypted):
        super().__init__(air, SERVICES)
        self.values = self.handles[0]
        for number, value in enumerate(self.values):
            self.peripheral.ble.gatts_write(value, bytes([number]))
        if encrypted:
            self.central.ble.gap_pair(self.to_peripheral)
            self.at_central(bluetooth.IRQ_ENCRYPTION_UPDATE)
            self.at_peripheral(bluetooth.IRQ_ENCRYPTION_UPDATE)
        self.forget()

    def forget(self):
        self.central.forget()
        self.peripheral.forget()

    def count(self, radio, code, count):
        assert self.air.run_until(lambda: len(radio.all(code)) == count, 40), radio.events

    def read_all(self):
        """How long it took, and what was heard of it."""
        start = self.air.now
        for value in self.values:
            self.central.ble.gattc_read(self.to_peripheral, value)
        self.count(self.central, bluetooth.IRQ_GATTC_READ_DONE, COUNT)
        return self.air.now - start, self.central.events[:]


@pytest.fixture(params=[False, True], ids=["plain", "encrypted"])
def two(request, air):
    return Two(air, request.param)


def test_the_events_are_the_same(two):
    """The first reads look for bearers, the second ones use them; with a peer that has none, it is all the same."""
    expected = []
    for number, value in enumerate(two.values):
        expected.append((bluetooth.IRQ_GATTC_READ_RESULT, (two.to_peripheral, value, bytes([number]))))
        expected.append((bluetooth.IRQ_GATTC_READ_DONE, (two.to_peripheral, value, 0)))
    for _ in range(3):
        assert two.read_all()[1] == expected
        assert two.peripheral.all(bluetooth.IRQ_GATTS_READ_REQUEST) == [(two.to_central, v) for v in two.values]
        assert not any(code in L2CAP_EVENTS for code in two.peripheral.codes())
        two.forget()


def test_questions_side_by_side_are_faster(air):
    durations = {}
    for encrypted in False, True:
        two = Two(air, encrypted)
        two.read_all()
        two.forget()
        durations[encrypted], _ = two.read_all()
        two.central.ble.gap_disconnect(two.to_peripheral)
        two.at_peripheral(bluetooth.IRQ_CENTRAL_DISCONNECT)
    assert durations[True] < durations[False] / 2


def test_indications_side_by_side(two):
    two.read_all()
    two.forget()
    for _ in range(2):
        for value in two.values:
            two.peripheral.ble.gatts_indicate(two.to_central, value, b"news")
    two.count(two.peripheral, bluetooth.IRQ_GATTS_INDICATE_DONE, 2 * COUNT)
    done = two.peripheral.all(bluetooth.IRQ_GATTS_INDICATE_DONE)
    heard = two.central.all(bluetooth.IRQ_GATTC_INDICATE)
    assert [value for _, value, _ in heard] == [value for _, value, _ in done] == list(two.values) * 2
    assert {status for _, _, status in done} == {0}


def test_writes_and_reads_keep_their_order(two):
    two.read_all()
    two.forget()
    value = two.values[0]
    for text in b"one", b"two":
        two.central.ble.gattc_write(two.to_peripheral, value, text, 1)
        two.central.ble.gattc_read(two.to_peripheral, value)
    two.count(two.central, bluetooth.IRQ_GATTC_READ_DONE, 2)
    assert [data for _, _, data in two.central.all(bluetooth.IRQ_GATTC_READ_RESULT)] == [b"one", b"two"]


def test_the_link_ends_with_all_of_them(two):
    two.read_all()
    two.forget()
    for value in two.values:
        two.central.ble.gattc_read(two.to_peripheral, value)
        two.peripheral.ble.gatts_indicate(two.to_central, value)
    two.peripheral.ble.gap_disconnect(two.to_central)
    two.at_central(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    two.at_peripheral(bluetooth.IRQ_CENTRAL_DISCONNECT)
    assert len(two.central.all(bluetooth.IRQ_GATTC_READ_DONE)) == COUNT
    assert len(two.peripheral.all(bluetooth.IRQ_GATTS_INDICATE_DONE)) == COUNT


def test_on_a_bad_link(air):
    two = Two(air, True)
    air.set_loss(0.2)
    for _ in range(5):
        _, events = two.read_all()
        results = [data for code, data in events if code == bluetooth.IRQ_GATTC_READ_RESULT]
        assert [data[2] for data in results] == [bytes([number]) for number in range(COUNT)]
        two.forget()
