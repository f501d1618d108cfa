"""Secrets in a file: named by one argument, kept through kill -9 and restart, and what happens when it cannot be."""

import errno
import os
import signal
import stat
import warnings

import pytest
from bluet import Air, bluetooth
from radios import NOTIFY, READ, UUID, Radio, connect, python

SERVICES = (
    (
        UUID(0xA000),
        ((UUID(0xA001), READ | bluetooth.FLAG_READ_ENCRYPTED), (UUID(0xA002), READ | NOTIFY)),
    ),
)
SECURITY = {"bond": True, "le_secure": True}


class Couple:
    """A central and a peripheral with a store each, who begin anew on one air as often as is wanted."""

    def __init__(self, air, folder, **settings):
        self.air = air
        self.settings = SECURITY | settings
        self.stores = folder / "central", folder / "peripheral"
        self.begin()

    def begin(self):
        self.central, self.peripheral = (Radio(self.make(path)) for path in self.stores)
        ((self.secret, self.news),) = self.peripheral.ble.gatts_register_services(SERVICES)
        self.peripheral.ble.gatts_write(self.secret, b"secret")
        self.to_peripheral, self.to_central = connect(self.air, self.central, self.peripheral)

    def make(self, path):
        ble = self.air.ble(store=path)
        ble.config(**self.settings)
        return ble

    def end(self):
        for radio in self.central, self.peripheral:
            radio.ble.active(False)

    def encrypt(self):
        for radio in self.central, self.peripheral:
            radio.forget()
        self.central.ble.gap_pair(self.to_peripheral)
        self.air.run(2)
        assert self.central.codes() == self.peripheral.codes() == [bluetooth.IRQ_ENCRYPTION_UPDATE]
        return self.central.last(bluetooth.IRQ_ENCRYPTION_UPDATE)[1:]

    def read(self):
        self.central.ble.gattc_read(self.to_peripheral, self.secret)
        self.air.run(1)
        status = self.central.last(bluetooth.IRQ_GATTC_READ_DONE)[2]
        return status or self.central.last(bluetooth.IRQ_GATTC_READ_RESULT)[2]


def test_a_bond_outlives_its_radios(air, tmp_path):
    couple = Couple(air, tmp_path)
    addresses = [radio.ble.config("mac") for radio in (couple.central, couple.peripheral)]
    assert couple.read() == 0x05  # nothing but pairing will do
    assert couple.encrypt() == (1, 0, 1, 16)
    couple.central.ble.gattc_write(couple.to_peripheral, couple.news + 1, b"\1\0", 1)
    air.run(1)
    couple.end()
    for path in couple.stores:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"central", "peripheral"}

    couple.begin()
    assert [radio.ble.config("mac") for radio in (couple.central, couple.peripheral)] == addresses
    assert couple.central.ble.gap_bonds() == [addresses[1]]
    assert couple.peripheral.ble.gap_bonds() == [addresses[0]]
    assert couple.peripheral.ble.gatts_subscription(couple.to_central, couple.news) == 0
    assert couple.read() == 0x0F  # there is a key
    assert couple.encrypt() == (1, 0, 1, 16)
    assert couple.read() == b"secret"
    assert couple.peripheral.ble.gatts_subscription(couple.to_central, couple.news) == 1


def test_private_peers_are_known_again(air, tmp_path):
    """Under new resolvable addresses: the identity key is in the store too."""
    couple = Couple(air, tmp_path, addr_mode=2)
    before = [radio.ble.config("mac") for radio in (couple.central, couple.peripheral)]
    assert couple.encrypt() == (1, 0, 1, 16)
    couple.end()
    couple.begin()
    after = [radio.ble.config("mac") for radio in (couple.central, couple.peripheral)]
    assert all(address[1][0] >> 6 == 1 for address in before + after)
    assert set(before).isdisjoint(after)
    assert couple.encrypt() == (1, 0, 1, 16)
    assert couple.read() == b"secret"


def test_forgetting_is_written(air, tmp_path):
    couple = Couple(air, tmp_path)
    couple.encrypt()
    kind, address = couple.central.ble.config("mac")
    name = bytes([kind]) + address
    assert couple.stores[1].read_bytes().count(name) > 1
    assert couple.peripheral.ble.gap_unpair(kind, address) is True
    assert name not in couple.stores[1].read_bytes()  # whatever happens from now on
    couple.end()
    couple.begin()
    assert couple.peripheral.ble.gap_bonds() == []
    couple.central.forget()
    couple.central.ble.gap_pair(couple.to_peripheral)
    air.run(2)
    update = couple.central.all(bluetooth.IRQ_ENCRYPTION_UPDATE)
    assert [data[1] for data in update] == [0]


def test_the_handler_is_not_asked(air, tmp_path):
    asked = []
    ble = air.ble(store=str(tmp_path / "store"))
    ble.irq(lambda event, data: asked.append(event))
    ble.active(True)
    ble.active(False)
    assert asked == []
    ble.config(store=None)
    ble.active(True)
    assert bluetooth.IRQ_GET_SECRET in asked


@pytest.mark.parametrize("kind", [str, os.fsencode, lambda path: path])
def test_naming_it(air, tmp_path, kind):
    path = tmp_path / "störe"
    ble = air.ble()
    assert ble.config("store") is None
    ble.config(store=kind(path))
    assert ble.config("store") == str(path)
    assert not path.exists()
    ble.active(True)
    assert path.exists()
    ble.config(store=kind(path))
    with pytest.raises(OSError) as caught:
        ble.config(store="another")
    assert caught.value.errno == errno.EBUSY
    assert "before it is activated" in str(caught.value)
    with pytest.raises(TypeError):
        ble.config(store=3)
    ble.active(False)
    ble.config(store="")
    assert ble.config("store") is None


def test_one_radio_at_a_time(air, tmp_path):
    path = tmp_path / "store"
    one, other = air.ble(store=path), air.ble(store=path)
    one.active(True)
    with pytest.raises(OSError) as caught:
        other.active(True)
    assert caught.value.errno == errno.EBUSY
    assert f"{path} is in use" in str(caught.value)
    assert not other.active()
    one.active(False)
    assert other.active(True)


def test_a_damaged_one_is_kept_aside(air, tmp_path):
    couple = Couple(air, tmp_path)
    couple.encrypt()
    couple.end()
    path = couple.stores[1]
    damaged = bytearray(path.read_bytes())
    damaged[60] ^= 1
    path.write_bytes(damaged)
    ble = air.ble(store=path)
    with pytest.raises(OSError) as caught:
        ble.active(True)
    assert caught.value.errno == errno.EIO
    assert f"{path} is damaged; it is kept as {path}.damaged" in str(caught.value)
    assert not path.exists()
    assert (tmp_path / "peripheral.damaged").read_bytes() == damaged
    ble.active(True)
    assert ble.gap_bonds() == []


def test_what_cannot_be_kept_is_told(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with Air(seed=1) as air:
        couple = Couple(air, folder)
        for path in couple.stores:
            path.unlink()
        folder.rmdir()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert couple.encrypt()[0] == 1
        said = [str(warning.message) for warning in caught]
        assert len(said) == 2
        assert all(words.startswith("a pairing is not kept: cannot write the store") for words in said)
        assert all("No such file or directory" in words for words in said)
        assert couple.central.ble.gap_bonds() == couple.peripheral.ble.gap_bonds() == []
        assert couple.read() == b"secret"
        # Its maker may pair once more, and now it is kept.
        folder.mkdir()
        couple.encrypt()
        assert len(couple.central.ble.gap_bonds()) == 1


# ---- Processes ----

PROGRAM = """
import sys, time
from bluet import bluetooth
from bluet.bluetooth import UUID

ble = bluetooth.BLE(**eval(sys.argv[1]))
ble.config(bond=True, le_secure=True)
log = []

def handle(event, data):
    log.append((event, tuple(bytes(v) if isinstance(v, memoryview) else v for v in data)))

def wait(event):
    end = time.monotonic() + 60
    while not [data for code, data in log if code == event]:
        assert time.monotonic() < end, (event, log)
        time.sleep(0.01)
    return [data for code, data in log if code == event][-1]

ble.irq(handle)
ble.active(True)
"""
PERIPHERAL = (
    PROGRAM
    + """
services = ((UUID(0xA000), ((UUID(0xA001), 0x0202), (UUID(0xA002), 0x12))),)
((secret, news),) = ble.gatts_register_services(services)
ble.gatts_write(secret, b"secret")
ble.gap_advertise(20_000, b"\\x02\\x01\\x06")
print(ble.config("mac")[1].hex(), secret, news, flush=True)
conn = wait(bluetooth.IRQ_CENTRAL_CONNECT)[0]
print(wait(bluetooth.IRQ_ENCRYPTION_UPDATE)[1:], flush=True)
for line in sys.stdin:
    print(ble.gatts_subscription(conn, news), len(ble.gap_bonds()), flush=True)
"""
)
CENTRAL = (
    PROGRAM
    + """
address, secret, news = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
ble.gap_connect(0, bytes.fromhex(address), 10_000)
conn = wait(bluetooth.IRQ_PERIPHERAL_CONNECT)[0]
ble.gap_pair(conn)
print(wait(bluetooth.IRQ_ENCRYPTION_UPDATE)[1:], flush=True)
ble.gattc_read(conn, secret)
print(wait(bluetooth.IRQ_GATTC_READ_RESULT)[2].decode(), flush=True)
if sys.argv[5] == "subscribe":
    ble.gattc_write(conn, news + 1, b"\\1\\0", 1)
    print(wait(bluetooth.IRQ_GATTC_WRITE_DONE)[2], flush=True)
print(any(event == bluetooth.IRQ_SET_SECRET for event, _ in log), flush=True)
sys.stdin.read()
"""
)


def line(process):
    text = process.stdout.readline()
    assert text, process.communicate(timeout=60)[1]
    return text.strip()


def ask(process):
    process.stdin.write("\n")
    process.stdin.flush()
    return line(process)


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_kill_and_restart_both(own_air, tmp_path):
    stores = [str(tmp_path / name) for name in ("peripheral", "central")]
    peripheral = python("-c", PERIPHERAL, {"store": stores[0]})
    place = line(peripheral).split()
    central = python("-c", CENTRAL, "{}", *place, "subscribe", BLUET_STORE=stores[1])
    assert line(central) == line(peripheral) == "(1, 0, 1, 16)"
    assert [line(central) for _ in range(3)] == ["secret", "0", "False"]
    assert ask(peripheral) == "1 1"
    kill(central)
    kill(peripheral)

    peripheral = python("-c", PERIPHERAL, {"store": stores[0], "transport": "air"})
    assert line(peripheral).split() == place  # the same address as before
    central = python("-c", CENTRAL, {"store": stores[1]}, *place, "go on")
    assert line(central) == line(peripheral) == "(1, 0, 1, 16)"
    assert [line(central) for _ in range(2)] == ["secret", "False"]
    assert ask(peripheral) == "1 1"

    # While one has it, nobody else does.
    _, errors = python(
        "-c", "from bluet import bluetooth; bluetooth.BLE().active(True)", BLUET_STORE=stores[1]
    ).communicate(timeout=60)
    assert "is in use by another radio" in errors.splitlines()[-1]
    kill(central)
    kill(peripheral)
    assert {path.name for path in tmp_path.iterdir()} <= {"peripheral", "central", "peripheral.new", "central.new"}


def test_a_store_that_cannot_be_used(own_air, tmp_path):
    open_to_all = tmp_path / "open"
    open_to_all.write_bytes(b"")
    open_to_all.chmod(0o644)
    for path, words in (
        (tmp_path / "missing" / "store", "its folder: No such file or directory"),
        (tmp_path, "Is a directory"),
        (open_to_all, "is open to others"),
    ):
        _, errors = python(
            "-c", "from bluet import bluetooth; bluetooth.BLE().active(True)", BLUET_STORE=path
        ).communicate(timeout=60)
        assert errors.splitlines()[-1].startswith("OSError: ")
        assert words in errors.splitlines()[-1]
