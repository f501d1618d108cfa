"""The Linux kernel with BlueZ, in a virtual machine, on our air: as central and as peripheral of our host."""

import os
import re
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from bluet import bluetooth
from linux_guest import LinuxGuest, Missing, prepare
from ours import Ours, wait_for

BUILD = Path(os.environ["BLUET_BUILD"])
SERVICE, PLAIN, SAFE = (f"50db505{digit}-8ac4-4738-8448-3b1d9cc09cc5" for digit in "cde")
READ_WRITE_NOTIFY = bluetooth.FLAG_READ | bluetooth.FLAG_WRITE | bluetooth.FLAG_NOTIFY
ENCRYPTED = 0x0200
NAME = "Bluet"
ADVERTISEMENT = bytes([2, 1, 6, len(NAME) + 1, 9]) + NAME.encode()
PSM = 0x81
SDU = 200


@pytest.fixture(scope="module")
def air(tmp_path_factory):
    """The path of an air's socket, and where its captures go."""
    where = tmp_path_factory.mktemp("linux")
    server = subprocess.Popen([BUILD / "bluet", "air", "--unix", where / "hci"], stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: (where / "hci").exists())
        yield where / "hci"
    finally:
        server.terminate()
        assert server.wait(30) == 0


@pytest.fixture(scope="module")
def linux(air):
    """A guest, powered on, with bluetoothctl on its session line."""
    try:
        kernel, archive = prepare(BUILD / "strangers/linux")
    except Missing as reason:
        pytest.skip(f"Linux cannot be had: {reason}")
    guest = LinuxGuest(kernel, archive, air, air.with_name("guest.log"))
    try:
        guest.person = guest.session("bluetoothctl --agent KeyboardDisplay")
        guest.person.expect("Agent registered")
        guest.person.send("power on\n")
        guest.person.expect("Changing power on succeeded")
        yield guest
    finally:
        guest.close()


@pytest.fixture
def ours(air):
    services = [(bluetooth.UUID(SERVICE), [(bluetooth.UUID(PLAIN), READ_WRITE_NOTIFY),
                                           (bluetooth.UUID(SAFE), READ_WRITE_NOTIFY | ENCRYPTED)])]
    radio = Ours(f"unix:{air}", services, io=1, mitm=True, bond=True, le_secure=True)
    yield radio
    radio.close()


def found_and_connected(linux, ours):
    ours.ble.gap_advertise(100_000, ADVERTISEMENT)
    person, address = linux.person, ours.address()
    person.send("menu scan\ntransport le\nback\nscan on\n")
    person.expect(rf"Device {address} {NAME}")
    person.send("scan off\n")
    person.expect("Discovery stopped|Discovering: no")
    person.send(f"connect {address}\n")
    person.expect("Connection successful")
    person.expect("ServicesResolved: yes")
    return ours.next(bluetooth.IRQ_CENTRAL_CONNECT)[0]


def left_and_forgotten(linux, ours):
    linux.person.send(f"remove {ours.address()}\n")
    linux.person.expect("Device has been removed")
    ours.next(bluetooth.IRQ_CENTRAL_DISCONNECT)


def test_their_central_reads_writes_and_hears(linux, ours):
    person, (plain, _) = linux.person, ours.handles
    ours.ble.gatts_write(plain, b"hello")
    connection = found_and_connected(linux, ours)
    person.send(f"menu gatt\nselect-attribute {PLAIN}\nread\n")
    person.expect(r"68 65 6c 6c 6f")
    person.send('write "0x01 0x02 0x03"\n')
    assert ours.next(bluetooth.IRQ_GATTS_WRITE) == (connection, plain)
    assert ours.ble.gatts_read(plain) == b"\1\2\3"
    person.send("notify on\n")
    person.expect("Notify started")
    ours.ble.gatts_notify(connection, plain, b"news")
    person.expect(r"6e 65 77 73")
    person.send("back\n")
    left_and_forgotten(linux, ours)


def test_their_central_pairs_to_read(linux, ours):
    person, (_, safe) = linux.person, ours.handles
    ours.ble.gatts_write(safe, b"secret")
    connection = found_and_connected(linux, ours)
    person.send(f"menu gatt\nselect-attribute {SAFE}\nread\n")
    person.expect(r"Confirm passkey.*?(\d{6})")
    person.send("yes\n")
    person.expect(r"73 65 63 72 65 74")
    assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (connection, True, True, True, 16)
    assert {kind for kind, _ in ours.store} >= {1, 2}
    person.send("back\n")

    # What was kept holds when they come back: no pairing again.
    person.send(f"disconnect {ours.address()}\n")
    person.expect("Successful disconnected")
    ours.next(bluetooth.IRQ_CENTRAL_DISCONNECT)
    ours.ble.gap_advertise(100_000, ADVERTISEMENT)
    person.send(f"connect {ours.address()}\n")
    person.expect("Connection successful")
    again = ours.next(bluetooth.IRQ_CENTRAL_CONNECT)[0]
    assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (again, True, True, True, 16)
    assert len(ours.shown) == 1
    left_and_forgotten(linux, ours)


def with_an_application(linux):
    person = linux.person
    person.send(f"menu gatt\nregister-service {SERVICE}\n")
    person.expect(r"Primary \(yes/no\)")
    person.send("yes\n")
    person.send(f"register-characteristic {PLAIN} read,write,notify\n")
    person.expect("Enter value")
    person.send("0x68 0x69\n")
    person.send("register-application\n")
    person.expect("Application registered")
    person.send("back\n")


@contextmanager
def advertising(linux):
    """Linux lets itself be found while this lasts; gives its address."""
    person = linux.person
    person.send("show\n")
    address = person.expect(r"Controller ([0-9A-F:]{17})")[1]
    person.send("advertise on\n")
    person.expect("Advertising object registered")
    yield bytes.fromhex(address.replace(":", ""))
    person.send("advertise off\n")
    person.expect("Advertising object unregistered")


def connected_to(address, ours):
    ours.ble.gap_connect(0, address, 20_000)
    return ours.next(bluetooth.IRQ_PERIPHERAL_CONNECT)[0]


def discovered(connection, ours):
    """The handle of the value of their characteristic."""
    ble = ours.ble
    ble.gattc_discover_services(connection, bluetooth.UUID(SERVICE))
    ours.next(bluetooth.IRQ_GATTC_SERVICE_DONE)
    _, start, end, _ = ours.next(bluetooth.IRQ_GATTC_SERVICE_RESULT)
    ble.gattc_discover_characteristics(connection, start, end)
    ours.next(bluetooth.IRQ_GATTC_CHARACTERISTIC_DONE)
    _, end, value, _, uuid = ours.next(bluetooth.IRQ_GATTC_CHARACTERISTIC_RESULT)
    assert uuid == bluetooth.UUID(PLAIN)
    return value


def test_their_peripheral_is_read_written_and_heard(linux, ours):
    person, ble = linux.person, ours.ble
    with_an_application(linux)
    with advertising(linux) as address:
        ble.gap_scan(10_000, 30_000, 30_000, True)
        ours.next(bluetooth.IRQ_SCAN_RESULT, lambda data: data[:2] == (0, address))
        ble.gap_scan(None)
        connection = connected_to(address, ours)
        value = discovered(connection, ours)
        ble.gattc_read(connection, value)
        assert ours.next(bluetooth.IRQ_GATTC_READ_RESULT) == (connection, value, b"hi")
        ble.gattc_write(connection, value + 1, b"\1\0", 1)
        ours.next(bluetooth.IRQ_GATTC_WRITE_DONE)
        ble.gattc_write(connection, value, b"\x11\x22", 1)
        assert ours.next(bluetooth.IRQ_GATTC_WRITE_DONE) == (connection, value, 0)
        person.expect("11 22")
        ble.gap_disconnect(connection)
        ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)


def test_their_peripheral_pairs_and_is_met_again(linux, ours):
    with advertising(linux) as address:
        connection = connected_to(address, ours)
        ours.ble.gap_pair(connection)
        linux.person.expect(r"Confirm passkey.*?\d{6}")
        linux.person.send("yes\n")
        assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (connection, True, True, True, 16)
        ours.ble.gap_disconnect(connection)
        ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
        connection = connected_to(address, ours)
        ours.ble.gap_pair(connection)
        assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (connection, True, True, True, 16)
        assert len(ours.shown) == 1
        ours.ble.gap_disconnect(connection)
        ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    linux.person.send(f"remove {ours.address()}\n")
    linux.person.expect("Device has been removed")


def sdu(number):
    """What l2test sends: the number of the SDU, its size, and a pattern."""
    return number.to_bytes(4, "little") + SDU.to_bytes(2, "little") + b"\x7f" * (SDU - 6)


def collected(ble, connection, channel, size):
    """Reads until that much has come, as an application does after each event."""
    data, part = b"", bytearray(4096)

    def more():
        nonlocal data
        data += bytes(part[: ble.l2cap_recvinto(connection, channel, part)])
        return len(data) >= size

    wait_for(more)
    return data


def test_their_test_program_sends_through_a_channel(linux, ours):
    ours.ble.l2cap_listen(PSM, 512)
    ours.ble.gap_advertise(100_000, ADVERTISEMENT)
    linux.start(f"l2test -s -V le_public -P {PSM} -N 50 -b {SDU} -I 512 {ours.address()}", "/tmp/l2test.log")
    connection, channel, *_ = ours.next(bluetooth.IRQ_L2CAP_CONNECT)
    assert collected(ours.ble, connection, channel, 50 * SDU) == b"".join(sdu(n) for n in range(50))
    ours.next(bluetooth.IRQ_L2CAP_DISCONNECT)
    ours.next(bluetooth.IRQ_CENTRAL_DISCONNECT)


def test_their_test_program_receives_through_a_channel(linux, ours):
    ble = ours.ble
    linux.start(f"l2test -r -V le_public -P {PSM} -b {SDU} -I {SDU}", "/tmp/l2test.log")
    with advertising(linux) as address:
        connection = connected_to(address, ours)
        ble.l2cap_connect(connection, PSM, 512)
        channel = ours.next(bluetooth.IRQ_L2CAP_CONNECT)[1]
        for number in range(50):
            if not ble.l2cap_send(connection, channel, sdu(number)):
                ours.next(bluetooth.IRQ_L2CAP_SEND_READY)
        ble.l2cap_disconnect(connection, channel)
        ours.next(bluetooth.IRQ_L2CAP_DISCONNECT)
        ble.gap_disconnect(connection)
        ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    _, log = linux.run("cat /tmp/l2test.log")
    assert log.count(f"{SDU} bytes") == 50, log
