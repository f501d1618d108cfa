"""The Linux kernel with BlueZ, in a virtual machine, on our air: as central and as peripheral of our host."""

import re
from contextlib import contextmanager

import pytest
from bluet import bluetooth
from judges import judge
from linux_guest import BOOT_SECONDS, PATIENCE, LinuxGuest, Missing, prepare
from ours import BUILD, PASSKEY, Ours, air_at, wait_for

# One guest for all of them: it boots in 10 s on an idle machine, and in a minute on a busy one.
pytestmark = pytest.mark.timeout(3 * BOOT_SECONDS)
SERVICE, PLAIN, SAFE = (f"50db505{digit}-8ac4-4738-8448-3b1d9cc09cc5" for digit in "cde")
READ_WRITE_NOTIFY = bluetooth.FLAG_READ | bluetooth.FLAG_WRITE | bluetooth.FLAG_NOTIFY
ENCRYPTED = 0x0200
NAME = "Bluet"
ADVERTISEMENT = bytes([2, 1, 6, len(NAME) + 1, 9]) + NAME.encode()
PSM = 0x81
COMPARE = r"Confirm passkey.*?\d{6}"
SDU = 200


@pytest.fixture(scope="module")
def air(tmp_path_factory):
    """The path of an air's socket; what went over that air is judged at the end."""
    path = tmp_path_factory.mktemp("linux") / "hci"
    capture = path.with_name("air.pcapng")
    with air_at("--unix", path, "--capture", capture, ready=path.exists):
        yield path
    assert judge(capture) == [], f"in {capture}"


@pytest.fixture(scope="module")
def guest(air):
    """A guest, powered on, with bluetoothctl on its session line."""
    try:
        kernel, archive = prepare(BUILD / "strangers/linux")
    except Missing as reason:
        pytest.skip(f"Linux cannot be had: {reason}")
    guest = LinuxGuest(kernel, archive, air, air.with_name("guest.log"))
    try:
        guest.session("bluetoothctl --agent KeyboardDisplay")
        guest.person.expect("Agent registered|Pairable: yes")
        guest.person.asks("power on\n", "Changing power on succeeded")
        yield guest
    finally:
        guest.close()


@pytest.fixture
def linux(guest):
    """The guest, which knows nobody, and nor does it afterwards: what one test left is not the next one's fault."""
    yield guest
    guest.forget()
    print(guest.run("cat /tmp/bluetoothd.log")[1][-2000:])  # which is shown if the test failed


@pytest.fixture
def ours(air, request):
    values = ((bluetooth.UUID(PLAIN), READ_WRITE_NOTIFY), (bluetooth.UUID(SAFE), READ_WRITE_NOTIFY | ENCRYPTED))
    settings = {"io": 1, "mitm": True, "bond": True, "le_secure": True} | getattr(request, "param", {})
    radio = Ours(f"unix:{air}", services=((bluetooth.UUID(SERVICE), values),), patience=PATIENCE, **settings)
    yield radio
    radio.close()


def connects(linux, ours):
    """Asked just when another link ended, this kernel may stop the scan that it connects by; so it is asked again."""
    address = ours.address()[1]
    linux.person.asks(f"connect {address}\n", "Connection successful", f"disconnect {address}\n")


def found_and_connected(linux, ours, then="ServicesResolved: yes"):
    """The event that says so, once something more has happened."""
    ours.ble.gap_advertise(100_000, ADVERTISEMENT)
    person, address = linux.person, ours.address()[1]
    person.asks("menu scan\ntransport le\nback\nscan on\n", rf"Device {address} {NAME}")
    person.asks("scan off\n", "Discovery stopped|Discovering: no")
    connects(linux, ours)
    person.expect(then)
    return ours.next(bluetooth.IRQ_CENTRAL_CONNECT)


def back_again(linux, ours):
    """The event that says so."""
    linux.person.asks(f"disconnect {ours.address()[1]}\n", "Successful disconnected")
    ours.next(bluetooth.IRQ_CENTRAL_DISCONNECT)
    ours.ble.gap_advertise(100_000, ADVERTISEMENT)
    connects(linux, ours)
    return ours.next(bluetooth.IRQ_CENTRAL_CONNECT)


def left_and_forgotten(linux, ours):
    linux.person.asks(f"remove {ours.address()[1]}\n", "Device has been removed")
    ours.next(bluetooth.IRQ_CENTRAL_DISCONNECT)


@pytest.mark.stranger("Linux and BlueZ", "central", "scan, connect, discover, read, write, notify")
def test_their_central_reads_writes_and_hears(linux, ours):
    person, (plain, _) = linux.person, ours.handles
    ours.ble.gatts_write(plain, b"hello")
    connection, *_ = found_and_connected(linux, ours)
    person.asks(f"menu gatt\nselect-attribute {PLAIN}\nread\n", r"68 65 6c 6c 6f")
    person.asks('write "0x01 0x02 0x03"\n', "Attempting to write")
    assert ours.next(bluetooth.IRQ_GATTS_WRITE) == (connection, plain)
    assert ours.ble.gatts_read(plain) == b"\1\2\3"
    person.asks("notify on\n", "Notify started")
    ours.ble.gatts_notify(connection, plain, b"news")
    person.expect(r"6e 65 77 73")
    person.send("back\n")
    left_and_forgotten(linux, ours)


def pairs_to_read(linux, ours, question, answer):
    """Their agent is asked something before the value can be read; gives the event that told of the connection."""
    person, (_, safe) = linux.person, ours.handles
    ours.ble.gatts_write(safe, b"secret")
    connected = found_and_connected(linux, ours)
    person.asks(f"menu gatt\nselect-attribute {SAFE}\nread\n", question)
    person.send(f"{answer}\n")
    person.expect(r"73 65 63 72 65 74")
    person.send("back\n")
    wait_for(lambda: {kind for kind, _ in ours.store} >= {1, 2}, PATIENCE)
    return connected


@pytest.mark.stranger("Linux and BlueZ", "central", "pairing and bonding, comparison")
def test_their_central_pairs_to_read(linux, ours):
    connection, *_ = pairs_to_read(linux, ours, COMPARE, "yes")
    assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (connection, True, True, True, 16)

    # What was kept holds when they come back: no pairing again.
    again, *_ = back_again(linux, ours)
    assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (again, True, True, True, 16)
    assert len(ours.shown) == 1
    left_and_forgotten(linux, ours)


@pytest.mark.stranger("Linux and BlueZ", "central", "Legacy Pairing, passkey")
@pytest.mark.parametrize("ours", [{"io": 0, "le_secure": False}], indirect=True)
def test_their_central_is_typed_what_we_show(linux, ours):
    connection, *_ = pairs_to_read(linux, ours, "Enter passkey", PASSKEY)
    assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (connection, True, True, True, 16)
    assert [action for action, _ in ours.shown] == [bluetooth.PASSKEY_ACTION_DISPLAY]
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


def their_address(linux):
    linux.person.send("show\n")
    return bytes.fromhex(linux.person.expect(r"Controller ([0-9A-F:]{17})")[1].replace(":", ""))


@contextmanager
def advertising(linux):
    """Linux lets itself be found while this lasts; gives its address."""
    linux.person.send("advertise on\n")
    linux.person.expect("Advertising object registered")
    yield their_address(linux)
    linux.person.send("advertise off\n")
    linux.person.expect("Advertising object unregistered")


def connected_to(address, ours, linux):
    """Linux is a client, too: it gets the time to look around, for its daemon does not survive being left before."""
    ours.ble.gap_connect(0, address, 20_000)
    linux.person.expect("ServicesResolved: yes")
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


@pytest.mark.stranger("Linux and BlueZ", "peripheral", "scan, connect, discover, read, write, notify")
def test_their_peripheral_is_read_written_and_heard(linux, ours):
    person, ble = linux.person, ours.ble
    with_an_application(linux)
    with advertising(linux) as address:
        ble.gap_scan(10_000, 30_000, 30_000, True)
        ours.next(bluetooth.IRQ_SCAN_RESULT, lambda data: data[:2] == (0, address))
        ble.gap_scan(None)
        connection = connected_to(address, ours, linux)
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


@pytest.mark.stranger("Linux and BlueZ", "peripheral", "pairing and bonding, comparison")
def test_their_peripheral_pairs_and_is_met_again(linux, ours):
    with advertising(linux) as address:
        connection = connected_to(address, ours, linux)
        ours.ble.gap_pair(connection)
        linux.person.expect(COMPARE)
        linux.person.send("yes\n")
        assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (connection, True, True, True, 16)
        linux.person.expect("Paired: yes")
        wait_for(lambda: {kind for kind, _ in ours.store} >= {1, 2}, PATIENCE)
        ours.ble.gap_disconnect(connection)
        ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
        connection = connected_to(address, ours, linux)  # and they ask for security themselves
        assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (connection, True, True, True, 16)
        assert len(ours.shown) == 1
        ours.ble.gap_disconnect(connection)
        ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    linux.person.asks(f"remove {ours.address()[1]}\n", "Device has been removed")


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

    wait_for(more, PATIENCE)
    return data


@pytest.mark.stranger("Linux and BlueZ", "central", "L2CAP channel (l2test)")
def test_their_test_program_sends_through_a_channel(linux, ours):
    ours.ble.l2cap_listen(PSM, 512)
    ours.ble.gap_advertise(100_000, ADVERTISEMENT)
    linux.start(f"l2test -s -V le_public -P {PSM} -N 50 -b {SDU} -I 512 {ours.address()[1]}", "/tmp/l2test.log")
    connection, channel, *_ = ours.next(bluetooth.IRQ_L2CAP_CONNECT)
    assert collected(ours.ble, connection, channel, 50 * SDU) == b"".join(sdu(n) for n in range(50))
    ours.next(bluetooth.IRQ_L2CAP_DISCONNECT)
    left_and_forgotten(linux, ours)


@pytest.mark.stranger("Linux and BlueZ", "peripheral", "L2CAP channel (l2test)")
def test_their_test_program_receives_through_a_channel(linux, ours):
    ble = ours.ble
    linux.start(f"l2test -r -V le_public -P {PSM} -b {SDU} -I {SDU}", "/tmp/l2test.log")
    with advertising(linux) as address:
        connection = connected_to(address, ours, linux)
        ble.l2cap_connect(connection, PSM, 512)
        channel = ours.next(bluetooth.IRQ_L2CAP_CONNECT)[1]
        for number in range(50):
            if not ble.l2cap_send(connection, channel, sdu(number)):
                ours.next(bluetooth.IRQ_L2CAP_SEND_READY)
        # Linux throws away what its program has not read when the channel goes.
        wait_for(lambda: linux.run("cat /tmp/l2test.log")[1].count(f"{SDU} bytes") == 50, PATIENCE)
        ble.l2cap_disconnect(connection, channel)
        ours.next(bluetooth.IRQ_L2CAP_DISCONNECT)
        ble.gap_disconnect(connection)
        ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)


def restarted(linux, configuration):
    """The daemon, otherwise configured; it powers the controller on by itself."""
    linux.run("killall bluetoothd")
    linux.person.expect("Agent unregistered")
    linux.start(f"bluetoothd -E -n -f /etc/bluetooth/{configuration}.conf", "/tmp/bluetoothd.log")
    linux.person.expect("Powered: yes")


@pytest.mark.stranger("Linux and BlueZ", "central", "private addresses, pairing, return")
def test_their_private_central_is_known(linux, ours):
    identity = their_address(linux)
    restarted(linux, "private")
    _, kind, address = pairs_to_read(linux, ours, COMPARE, "yes")
    assert (kind, address[0] >> 6) == (1, 0b01)  # a resolvable one
    assert back_again(linux, ours)[1:] == (0, identity)
    left_and_forgotten(linux, ours)


@pytest.mark.stranger("Linux and BlueZ", "central", "Enhanced ATT bearers")
def test_their_client_opens_bearers(guest, judged, ours):
    """The last one: Linux may fall over its own bearers when their link is gone, and is not asked anything then."""
    guest.run("echo Y >/sys/module/bluetooth/parameters/enable_ecred")
    restarted(guest, "enhanced")
    connection, *_ = found_and_connected(guest, ours, then=COMPARE)  # for its bearers it pairs unasked
    guest.person.send("yes\n")
    (capture,) = judged.glob("ours*")
    # A response on the signaling channel that opened channels: their size, credits, success, and whose they are.
    opened = re.compile(rb"\x05\x00\x18.[\x0a-\x12]\x00.{6}\x00\x00(?:[\x40-\x7f]\x00)+", re.DOTALL)
    wait_for(lambda: opened.search(capture.read_bytes()), PATIENCE)
    ours.ble.gatts_write(ours.handles[0], b"by a bearer")
    guest.person.asks(f"menu gatt\nselect-attribute {PLAIN}\nread\n", "62 79 20 61 20 62 65 61 72 65 72")
    guest.person.send("back\n")
    ours.ble.gap_disconnect(connection)
    ours.next(bluetooth.IRQ_CENTRAL_DISCONNECT)
