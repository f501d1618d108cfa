"""The Linux kernel with BlueZ, in a virtual machine, on our air: as central and as peripheral of our host."""

import os
import re
import subprocess
import time
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


def advertised_by_linux(linux):
    person = linux.person
    person.send(f"menu gatt\nregister-service {SERVICE}\n")
    person.expect(r"Primary \(yes/no\)")
    person.send("yes\n")
    person.send(f"register-characteristic {PLAIN} read,write,notify\n")
    person.expect("Enter value")
    person.send("0x68 0x69\n")
    person.send("register-application\n")
    person.expect("Application registered")
    person.send("back\nadvertise on\n")
    person.expect("Advertising object registered")
    _, shown = linux.run("btmgmt info")
    return bytes.fromhex(re.search(r"addr ([0-9A-F:]{17})", shown)[1].replace(":", ""))


def test_their_peripheral_is_read_written_and_heard(linux, ours):
    person, ble = linux.person, ours.ble
    address = advertised_by_linux(linux)
    ble.gap_scan(10_000, 30_000, 30_000, True)
    kind = ours.next(bluetooth.IRQ_SCAN_RESULT, lambda data: data[1] == address)[0]
    ble.gap_scan(None)
    ble.gap_connect(kind, address, 20_000)
    connection = ours.next(bluetooth.IRQ_PERIPHERAL_CONNECT)[0]
    ble.gattc_discover_services(connection, bluetooth.UUID(SERVICE))
    ours.next(bluetooth.IRQ_GATTC_SERVICE_DONE)
    _, start, end, _ = ours.next(bluetooth.IRQ_GATTC_SERVICE_RESULT)
    ble.gattc_discover_characteristics(connection, start, end)
    ours.next(bluetooth.IRQ_GATTC_CHARACTERISTIC_DONE)
    _, end, value, _, uuid = ours.next(bluetooth.IRQ_GATTC_CHARACTERISTIC_RESULT)
    assert uuid == bluetooth.UUID(PLAIN)
    ble.gattc_read(connection, value)
    assert ours.next(bluetooth.IRQ_GATTC_READ_RESULT) == (connection, value, b"hi")
    ble.gattc_write(connection, value, b"\x11\x22", 1)
    assert ours.next(bluetooth.IRQ_GATTC_WRITE_DONE) == (connection, value, 0)
    person.expect("11 22")
    ble.gattc_write(connection, value + 1, b"\1\0", 1)
    ours.next(bluetooth.IRQ_GATTC_WRITE_DONE)
    ble.gap_disconnect(connection)
    ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    person.send("advertise off\n")
    person.expect("Advertising object unregistered|Advertise")
