"""MicroPython on a Cortex-M3, which QEMU plays: the controller is at a UART, and soft resets leave nothing behind."""

import subprocess
import time

import pytest
import unix_port
from bluet import bluetooth

CENTRAL_ADVERTISEMENT = b"\x02\x01\x06\x04\x09MPY"
SECONDS = 30


class Board:
    """The firmware, its console at our pipes and its second UART on the air."""

    def __init__(self, firmware, own_air):
        self._process = subprocess.Popen(
            [
                *("qemu-system-arm", "-machine", "mps2-an385", "-nographic", "-monitor", "null", "-semihosting"),
                *("-serial", "stdio", "-chardev", f"socket,id=hci,path={own_air}/bluet/air.socket"),
                *("-serial", "chardev:hci", "-kernel", str(firmware)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._send(b"\r\x01")
        self.read_until(b"raw REPL; CTRL-B to exit\r\n>")

    def _send(self, octets):
        self._process.stdin.write(octets)
        self._process.stdin.flush()

    def read_until(self, end):
        read = b""
        while not read.endswith(end):
            octet = self._process.stdout.read(1)
            assert octet, read
            read += octet
        return read

    def start(self, program):
        self._send(program.encode() + b"\x04")
        self.read_until(b"OK")

    def finish(self):
        """What the program has printed; it may not have raised."""
        printed = self.read_until(b"\x04")[:-1]
        raised = self.read_until(b"\x04")[:-1]
        self.read_until(b">")
        assert not raised, raised.decode()
        return printed.decode().splitlines()

    def run(self, program):
        self.start(program)
        return self.finish()

    def soft_reset(self):
        self._send(b"\x04")
        assert b"soft reboot" in self.read_until(b"raw REPL; CTRL-B to exit\r\n>")

    def close(self):
        self._process.kill()
        self._process.communicate()


class Central:
    """Our end of the air, on CPython."""

    def __init__(self):
        self.events = []
        self.secrets = {}
        self.ble = bluetooth.BLE(transport="air")
        self.ble.irq(self._irq)
        self.ble.config(bond=True, le_secure=True, io=3)
        self.ble.active(True)

    def _irq(self, event, data):
        if event == 29:
            kind, index, key = data
            known = [value for name, value in self.secrets.items() if name[0] == kind and key in (None, name[1])]
            return known[index] if index < len(known) else None
        if event == 30:
            kind, key, value = data
            self.secrets[kind, bytes(key)] = bytes(value)
            return True
        self.events.append((event, tuple(bytes(p) if isinstance(p, memoryview) else p for p in data)))

    def wait(self, code):
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            for event in list(self.events):
                if event[0] == code:
                    self.events.remove(event)
                    return event[1]
            time.sleep(0.01)
        raise AssertionError(f"no event {code}, but {self.events}")


@pytest.fixture
def central(own_air):
    central = Central()
    yield central
    central.ble.active(False)


@pytest.fixture(scope="session")
def firmware(request):
    """The image, and whether it can pair."""
    build = getattr(request, "param", unix_port.build_firmware)
    try:
        return build()
    except unix_port.NotToBeHad as error:
        pytest.skip(f"MicroPython for a board is not to be had: {error}")


@pytest.fixture
def board(firmware, central, own_air):
    board = Board(firmware[0], own_air)
    yield board
    board.close()


PERIPHERAL = """
import bluetooth, gc, machine
ble = bluetooth.BLE()
heard = []
def irq(event, data):
    if event != 29:
        heard.append(event)
    if event == 3:
        ble.gatts_notify(data[0], data[1], bytes(reversed(ble.gatts_read(data[1]))))
ble.irq(irq)
ble.active(True)
((handle,),) = ble.gatts_register_services(((bluetooth.UUID(0xa000), ((bluetooth.UUID(0xa001), 0x1a),)),))
ble.gap_advertise(50_000, b"\\x02\\x01\\x06\\x04\\x09MPY")
print(*ble.config("mac")[1], sep=".")
"""
# At its prompt this port reads without running the scheduler.
UNTIL_TWO_WRITES = """
while heard.count(3) < 2:
    machine.idle()
"""
UNTIL_LEFT = """
while 2 not in heard:
    machine.idle()
print(*heard)
"""


def talk(central, board):
    """Connects, writes, and hears it backwards."""
    (address,) = board.run(PERIPHERAL)
    board.start(UNTIL_TWO_WRITES)
    central.ble.gap_connect(0, bytes(int(part) for part in address.split(".")))
    connection, *_ = central.wait(7)
    central.ble.gattc_discover_characteristics(connection, 1, 0xFFFF, bluetooth.UUID(0xA001))
    _, _, value, _, _ = central.wait(11)
    central.wait(12)
    for word in (b"hello", b"x" * 20):
        central.ble.gattc_write(connection, value, word, 1)
        assert central.wait(17)[2] == 0
        assert central.wait(18)[2] == word[::-1]
    assert board.finish() == []
    return connection


def test_peripheral(central, board):
    connection = talk(central, board)
    board.start(UNTIL_LEFT)
    assert central.ble.gap_disconnect(connection)
    central.wait(8)
    assert board.finish() == ["1 3 3 2"]
    assert board.run("print(ble.active(False))") == ["False"]


def test_central(central, board):
    ((value,),) = central.ble.gatts_register_services(((bluetooth.UUID(0xA000), ((bluetooth.UUID(0xA001), 0x0A),)),))
    central.ble.gatts_write(value, b"from afar")
    central.ble.gap_advertise(50_000, CENTRAL_ADVERTISEMENT)
    program = """
import bluetooth, machine
ble = bluetooth.BLE()
left = False
def irq(event, data):
    global left
    if event == 5 and bytes(data[4]).endswith(b"MPY"):
        ble.gap_connect(data[0], bytes(data[1]))
    elif event == 7:
        ble.gattc_read(data[0], {value})
    elif event == 15:
        print(bytes(data[2]))
    elif event == 16:
        ble.gap_disconnect(data[0])
    elif event == 8:
        left = True
ble.irq(irq)
ble.active(True)
ble.gap_scan(0, 30_000, 30_000)
while not left:
    machine.idle()
"""
    assert board.run(program.format(value=value)) == ["b'from afar'"]


def test_soft_resets(central, board):
    """In the middle of a connection: the peer is told, the controller is reset, and the heap is as it was."""
    free = []
    for _ in range(5):
        talk(central, board)
        free.append(board.run("heard.clear()\ngc.collect()\nprint(gc.mem_free())"))
        board.soft_reset()
        central.wait(8)
    assert len({line[0] for line in free[1:]}) == 1, free
    # Nobody advertises any more.
    central.events.clear()
    central.ble.gap_scan(500, 30_000, 30_000)
    central.wait(6)
    assert not [event for event in central.events if event[0] == 5]


PAIRED = """
import bluetooth, gc, machine
secrets = dict({secrets})
heard = []
def irq(event, data):
    if event == 29:
        kind, index, key = data
        known = [value for (k, name), value in secrets.items() if k == kind and (key is None or name == bytes(key))]
        return known[index] if index < len(known) else None
    if event == 30:
        kind, key, value = data
        secrets[kind, bytes(key)] = bytes(value)
        return True
    if event == 28:
        heard.append(tuple(map(int, data[1:])))
    elif event != 4:
        heard.append(event)
ble = bluetooth.BLE()
ble.irq(irq)
ble.config(bond=True, le_secure=True, io=3)
ble.active(True)
((handle,),) = ble.gatts_register_services(((bluetooth.UUID(0xa000), ((bluetooth.UUID(0xa001), 0x202),)),))
ble.gatts_write(handle, b"for friends")
ble.gap_advertise(50_000, b"\\x02\\x01\\x06\\x04\\x09MPY")
print(*ble.config("mac")[1], sep=".")
print(handle)
"""
UNTIL_READ = """
while 2 not in heard:
    machine.idle()
print(*heard)
print(sorted(secrets.items()))
"""


def pair(central, board, secrets):
    """How reading was refused before pairing; what the board heard of the link, and its secrets."""
    address, handle = board.run(PAIRED.format(secrets=secrets))
    board.start(UNTIL_READ)
    central.ble.gap_connect(0, bytes(int(part) for part in address.split(".")))
    connection, *_ = central.wait(7)
    central.ble.gattc_read(connection, int(handle))
    refused = central.wait(16)[2]
    central.ble.gap_pair(connection)
    assert central.wait(28)[1:] == (True, False, True, 16)
    central.ble.gattc_read(connection, int(handle))
    assert central.wait(15)[2] == b"for friends"
    assert central.wait(16)[2] == 0
    central.ble.gap_disconnect(connection)
    central.wait(8)
    heard, secrets = board.finish()
    assert heard == "1 (1, 0, 1, 16) 2"
    return refused, secrets


@pytest.mark.parametrize(
    "firmware",
    [unix_port.build_firmware, unix_port.build_firmware_by_cmake],
    ids=["make", "cmake"],
    indirect=True,
)
def test_pairing(central, board, firmware):
    """P-256 on MicroPython's heap; and the bond outlives a soft reset, with secrets that the program has kept."""
    if not firmware[1]:
        pytest.skip("the source of mbedTLS is not to be had")
    refused, secrets = pair(central, board, "()")
    assert refused == 5  # there is no key
    kept = dict(central.secrets)
    board.soft_reset()
    assert pair(central, board, secrets) == (15, secrets)  # there is one, and no other has been made
    assert central.secrets == kept
