"""Bonds of applications in processes of their own, which end and begin again, on an air in real time."""

from radios import python

# Does what it is told, line by line, and says what came of it.
PROGRAM = """
import sys, threading, time
from bluet import bluetooth
from bluet.bluetooth import UUID

log = []

def handle(event, data):
    kept = tuple(bytes(v) if isinstance(v, memoryview) else v for v in data)
    log.append((event, kept, getattr(data, "reason", 0)))

def wait(*events):
    end = time.monotonic() + 60
    while True:
        for entry in log:
            if entry[0] in events:
                log.remove(entry)
                return entry
        assert time.monotonic() < end, (events, log)
        time.sleep(0.005)

ble = bluetooth.BLE(transport="air:bonds", store=sys.argv[1])
ble.config(bond=True)
ble.irq(handle)
ble.active(True)
services = ((UUID(0xA000), ((UUID(0xA001), bluetooth.FLAG_READ | bluetooth.FLAG_READ_ENCRYPTED),
                            (UUID(0xA002), bluetooth.FLAG_READ | bluetooth.FLAG_NOTIFY))),)
((secret, news),) = ble.gatts_register_services(services)
ble.gatts_write(secret, b"secret")
own = ble.config("mac")
conn = None
print(own[0], own[1].hex(), secret, news)
for line in sys.stdin:
    what, *rest = line.split()
    answer = "done"
    if what == "advertise":
        ble.gap_advertise(20_000, b"\\x02\\x01\\x06")
    elif what == "connect":
        ble.gap_connect(int(rest[0]), bytes.fromhex(rest[1]))
    elif what == "connected":
        conn = wait(bluetooth.IRQ_PERIPHERAL_CONNECT, bluetooth.IRQ_CENTRAL_CONNECT)[1][0]
    elif what == "disconnect":
        ble.gap_disconnect(conn)
    elif what == "disconnected":
        wait(bluetooth.IRQ_PERIPHERAL_DISCONNECT, bluetooth.IRQ_CENTRAL_DISCONNECT)
    elif what == "pair":
        ble.gap_pair(conn)
    elif what == "update":
        _, data, reason = wait(bluetooth.IRQ_ENCRYPTION_UPDATE)
        answer = f"{data[1:]} {reason:#x}"
    elif what == "read":
        ble.gattc_read(conn, int(rest[0]))
        status = wait(bluetooth.IRQ_GATTC_READ_DONE)[1][2]
        answer = f"{status:#x}" if status else wait(bluetooth.IRQ_GATTC_READ_RESULT)[1][2].decode()
    elif what == "subscribe":
        ble.gattc_write(conn, int(rest[0]) + 1, b"\\x01\\x00", 1)
        answer = wait(bluetooth.IRQ_GATTC_WRITE_DONE)[1][2]
    elif what == "news":
        ble.gatts_write(news, b"news", True)
    elif what == "heard":
        answer = wait(bluetooth.IRQ_GATTC_NOTIFY)[1][2].decode()
    elif what == "bonds":
        answer = len(ble.gap_bonds())
    elif what == "unpair":
        answer = ble.gap_unpair(int(rest[0]), bytes.fromhex(rest[1]))
    print(answer)
"""

PAIRED = "(1, 0, 1, 16) 0x0"
REFUSED = "(0, 0, 0, 0) 0x3"
KEY_MISSING = "(0, 0, 0, 0) 0x206"
PAIRING_REQUEST = b"\x07\x00\x06\x00\x01"


class Process:
    """One device: a process, the file of its secrets, and a capture of what passes."""

    def __init__(self, store, capture):
        self.process = python("-c", PROGRAM, store, BLUET_SNOOP=str(capture))
        *address, self.secret, self.news = self.heard().split()
        self.address = " ".join(address)

    def heard(self):
        line = self.process.stdout.readline().strip()
        assert line, self.process.communicate()[1]
        return line

    def __call__(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.heard()


class Two:
    """A central and a peripheral, who can begin again."""

    def __init__(self, folder):
        self.folder = folder
        self.begins = 0
        self.begin()

    def begin(self):
        self.begins += 1
        self.capture = self.folder / f"capture{self.begins}"
        self.central = Process(self.folder / "central", self.capture)
        self.peripheral = Process(self.folder / "peripheral", self.folder / "capture")
        self.connect()

    def end(self, kill):
        for device in self.central, self.peripheral:
            if kill:
                device.process.kill()
            assert device.process.communicate(timeout=60)[1] == ""

    def connect(self):
        self.peripheral("advertise")
        self.central(f"connect {self.peripheral.address}")
        self.both("connected")

    def reconnect(self):
        self.central("disconnect")
        self.both("disconnected")
        self.connect()

    def both(self, line):
        return self.central(line), self.peripheral(line)

    def pair(self):
        self.central("pair")
        return self.both("update")

    def read(self):
        return self.central(f"read {self.peripheral.secret}")


def test_bonds_outlive_processes(own_air, tmp_path):
    """What is encrypted is read again without pairing, and what was subscribed to is heard, as ended as killed."""
    two = Two(tmp_path)
    address = two.peripheral.address
    assert two.read() == "0x5"
    assert two.pair() == (PAIRED, PAIRED)
    assert two.read() == "secret"
    assert two.central(f"subscribe {two.peripheral.news}") == "0"
    for kill in True, False:
        two.end(kill)
        assert PAIRING_REQUEST in two.capture.read_bytes() or two.begins > 1
        two.begin()
        assert two.peripheral.address == address
        assert two.both("bonds") == ("1", "1")
        assert two.read() == "0xf"
        assert two.pair() == (PAIRED, PAIRED)
        assert two.read() == "secret"
        two.peripheral("news")
        assert two.central("heard") == "news"
        assert PAIRING_REQUEST not in two.capture.read_bytes()
    two.end(True)


def test_bond_deleted_on_one_side(own_air, tmp_path):
    """Both sides learn of it, and nothing is repaired before an application says so."""
    two = Two(tmp_path)
    assert two.pair() == (PAIRED, PAIRED)
    assert two.peripheral(f"unpair {two.central.address}") == "True"
    two.end(False)
    two.begin()
    assert two.both("bonds") == ("1", "0")
    assert two.pair() == (KEY_MISSING, KEY_MISSING)
    assert two.read() == "0x5"
    assert PAIRING_REQUEST not in two.capture.read_bytes()
    assert two.pair() == (PAIRED, PAIRED)  # now it is asked for

    assert two.central(f"unpair {two.peripheral.address}") == "True"
    two.end(False)
    two.begin()
    assert two.both("bonds") == ("0", "1")
    assert two.pair() == (REFUSED, REFUSED)
    assert two.peripheral(f"unpair {two.central.address}") == "True"
    assert two.pair() == (PAIRED, PAIRED)
    two.end(False)
