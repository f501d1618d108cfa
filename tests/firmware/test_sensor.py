"""An application on CPython and the heart rate sensor on bare metal, over the air; its UART as slow as UARTs are."""

import random
import socket
import struct
import threading
import time

import pytest
from bluet import bluetooth
from conftest import board

NAME = b"Bluet heart"
NORDIC = "6e40000{}-b5a3-f393-e0a9-e50e24dcca9e"
PSM = 0x80
SECONDS = 40
OCTETS_PER_SECOND = 115200 / 10  # with a start and a stop bit


class Line:
    """A serial line between the board and the air: octets pass as fast, and as late, as `pace` has it."""

    def __init__(self, folder, pace):
        self.path = folder / "line.socket"
        self._pace = pace
        self._air = folder / "bluet" / "air.socket"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._ends = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        near, _ = self._listener.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(str(self._air))
        self._ends = [near, far]
        for one, other in ((near, far), (far, near)):
            threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one, other):
        try:
            while octets := one.recv(4096):
                for piece, seconds in self._pace(octets):
                    time.sleep(seconds)
                    other.sendall(piece)
        except OSError:
            pass

    def close(self):
        self._listener.close()
        for end in self._ends:
            end.shutdown(socket.SHUT_RDWR)
            end.close()


def at_115200(octets):
    for start in range(0, len(octets), 16):
        piece = octets[start : start + 16]
        yield piece, len(piece) / OCTETS_PER_SECOND


def delayed(octets):
    """One by one; now and then one comes late, in the middle of a packet."""
    chance = random.Random(len(octets))
    for octet in octets:
        yield bytes([octet]), 0.02 if chance.random() < 0.03 else 0


class Central:
    def __init__(self):
        self._events = []
        self._changed = threading.Condition()
        self.ble = bluetooth.BLE(transport="air")
        self.ble.irq(self._irq)
        self.ble.active(True)
        self.ble.config(bond=True, le_secure=True, io=3)

    def _irq(self, event, data):
        with self._changed:
            self._events.append((event, tuple(bytes(part) if isinstance(part, memoryview) else part for part in data)))
            self._changed.notify_all()

    def wait(self, code, fits=lambda data: True):
        def take():
            for event in self._events:
                if event[0] == code and fits(event[1]):
                    self._events.remove(event)
                    return event
            return None

        with self._changed:
            event = self._changed.wait_for(take, SECONDS)
            assert event, f"no event {code}, but {self._events}"
            return event[1]

    def count(self, code):
        with self._changed:
            return sum(event[0] == code for event in self._events)

    def connect(self):
        self.ble.gap_scan(0, 30000, 30000)
        kind, address, *_ = self.wait(5, lambda data: NAME in data[4])
        self.ble.gap_scan(None)
        self.wait(6)
        self.ble.gap_connect(kind, address, 5000)
        return self.wait(7)[0]

    def values(self, connection):
        """The value handles, by UUID."""
        found = {}
        self.ble.gattc_discover_characteristics(connection, 1, 0xFFFF)
        assert self.wait(12)[1] == 0
        with self._changed:
            for event, data in self._events:
                if event == 11:
                    found[str(data[4])] = data[2]
        return {
            uuid: found[str(bluetooth.UUID(uuid))] for uuid in (0x2A37, 0x2A38, 0x2A19, *map(NORDIC.format, (2, 3)))
        }

    def read(self, connection, handle):
        """The status, and what was read."""
        self.ble.gattc_read(connection, handle)
        status = self.wait(16)[2]
        return status, None if status else self.wait(15)[2]

    def subscribe(self, connection, value_handle):
        self.ble.gattc_write(connection, value_handle + 1, struct.pack("<H", 1), 1)
        assert self.wait(17)[2] == 0

    def close(self):
        self.ble.active(False)


@pytest.fixture
def central(own_air):
    central = Central()
    yield central
    central.close()


@pytest.fixture(params=[None, at_115200, delayed], ids=["fast", "115200", "delayed"])
def sensor(request, central, own_air, firmware):
    if not request.param:
        with board(firmware, own_air / "bluet" / "air.socket"):
            yield
        return
    line = Line(own_air, request.param)
    with board(firmware, line.path):
        yield
    line.close()


def echo_uart(central, connection, values):
    central.subscribe(connection, values[NORDIC.format(3)])
    sent = bytes(random.Random(1).randbytes(400))
    for start in range(0, len(sent), 20):
        central.ble.gattc_write(connection, values[NORDIC.format(2)], sent[start : start + 20], 1)
        assert central.wait(17)[2] == 0
    heard = b""
    while len(heard) < len(sent):
        heard += central.wait(18, lambda data: data[1] == values[NORDIC.format(3)])[2]
    assert heard == sent


def echo_channel(central, connection):
    central.ble.l2cap_connect(connection, PSM, 256)
    _, cid, psm, _, peer_mtu = central.wait(23)
    assert (psm, peer_mtu) == (PSM, 256)
    sent, heard = random.Random(2).randbytes(2000), b""
    buffer = bytearray(256)
    for start in range(0, len(sent), 250):
        if not central.ble.l2cap_send(connection, cid, sent[start : start + 250]):
            central.wait(26)
        while len(heard) < min(start + 250, len(sent)):
            central.wait(25)
            while length := central.ble.l2cap_recvinto(connection, cid, buffer):
                heard += buffer[:length]
    assert heard == sent
    central.ble.l2cap_disconnect(connection, cid)
    central.wait(24)


def test_an_application_uses_all_that_it_offers(central, sensor):
    use_everything(central, lambda: None)


def use_everything(central, before_pairing):
    connection = central.connect()
    values = central.values(connection)
    assert central.read(connection, values[0x2A38]) == (0, b"\x02")
    assert central.read(connection, values[0x2A19])[0] in (0x05, 0x0F)  # not without pairing
    echo_channel(central, connection)
    before_pairing()
    central.ble.gap_pair(connection)
    _, encrypted, _, bonded, key_size = central.wait(28)
    assert (encrypted, bonded, key_size) == (True, True, 16)
    assert central.read(connection, values[0x2A19]) == (0, b"\x57")
    central.subscribe(connection, values[0x2A37])
    beats = [central.wait(18, lambda data: data[1] == values[0x2A37])[2] for _ in range(3)]
    assert [beat[1] - beats[0][1] for beat in beats] == [0, 1, 2]
    echo_uart(central, connection, values)
    echo_channel(central, connection)
    assert central.count(8) == 0, "the link has to hold"
    central.ble.gap_disconnect(connection)
    central.wait(8)
    again = central.connect()
    assert central.read(again, values[0x2A38]) == (0, b"\x02")
