"""Applications in processes of their own, on an air that the first of them starts."""

import os
import signal
import sys
import time

import pytest
from bluet import bluetooth
from radios import Radio, python, wait_for

COUNT = 3

# Serves a value on each of its radios, and connects each to one of the peer's: three links in each role and process.
# A radio is connected to by another than the one it connects to: there is one link at most between two of them.
BOTH_ROLES = """
import sys, threading, time
from bluet import bluetooth
from bluet.bluetooth import UUID

radios = [bluetooth.BLE(transport="air:both") for _ in range(3)]
lock = threading.Lock()
log = [[] for _ in radios]

def handler(number):
    def handle(event, data):
        log[number].append((event, tuple(bytes(v) if isinstance(v, memoryview) else v for v in data)))
    return handle

def wait(number, event, count=1, seconds=60):
    end = time.monotonic() + seconds
    while True:
        found = [data for code, data in log[number] if code == event]
        if len(found) >= count:
            return found[-1]
        assert time.monotonic() < end, (number, event, log[number])
        time.sleep(0.01)

services = ((UUID(0xAA00), ((UUID(0xAA01), bluetooth.FLAG_READ | bluetooth.FLAG_WRITE),
                            (UUID(0xAA02), bluetooth.FLAG_NOTIFY | bluetooth.FLAG_INDICATE))),)
handles = []
for number, ble in enumerate(radios):
    ble.irq(handler(number))
    ble.active(True)
    ((value, news),) = ble.gatts_register_services(services)
    ble.gatts_write(value, b"value %d of %s" % (number, sys.argv[1].encode()))
    ble.gap_advertise(20_000, b"\\x02\\x01\\x06")
    print(ble.config("mac")[1].hex(), flush=True)

peers = [bytes.fromhex(address) for address in input().split()]
for number, ble in enumerate(radios):
    ble.gap_connect(0, peers[(number + 1) % 3], 10_000)
for number, ble in enumerate(radios):
    conn = wait(number, bluetooth.IRQ_PERIPHERAL_CONNECT)[0]
    ble.gattc_exchange_mtu(conn)
    ble.gattc_discover_services(conn, UUID(0xAA00))
    ble.gattc_discover_characteristics(conn, 1, 0xffff)
    ble.gattc_discover_descriptors(conn, 1, 0xffff)
    wait(number, bluetooth.IRQ_GATTC_DESCRIPTOR_DONE)
    remote = {data[4]: data[2] for code, data in log[number]
              if code == bluetooth.IRQ_GATTC_CHARACTERISTIC_RESULT}
    ble.gattc_read(conn, remote[UUID(0xAA01)])
    print(wait(number, bluetooth.IRQ_GATTC_READ_RESULT)[2].decode(), flush=True)
    ble.gattc_write(conn, remote[UUID(0xAA02)] + 1, b"\\1\\0", 1)
    ble.gattc_write(conn, remote[UUID(0xAA01)], b"written by " + sys.argv[1].encode(), 1)
    assert wait(number, bluetooth.IRQ_GATTC_WRITE_DONE, 2)[2] == 0
for number, ble in enumerate(radios):
    to_central = wait(number, bluetooth.IRQ_CENTRAL_CONNECT)[0]
    wait(number, bluetooth.IRQ_GATTS_WRITE)
    print(ble.gatts_read(value).decode(), flush=True)
    ble.gatts_notify(to_central, news, b"notified")
    ble.gatts_indicate(to_central, news, b"indicated")
for number, ble in enumerate(radios):
    assert wait(number, bluetooth.IRQ_GATTS_INDICATE_DONE)[2] == 0
    print(wait(number, bluetooth.IRQ_GATTC_NOTIFY)[2].decode(), flush=True)
    print(wait(number, bluetooth.IRQ_GATTC_INDICATE)[2].decode(), flush=True)
print("ready", flush=True)
input()
for number, ble in enumerate(radios):
    conn = wait(number, bluetooth.IRQ_PERIPHERAL_CONNECT)[0]
    assert ble.gap_disconnect(conn) is True
for number in range(3):
    wait(number, bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    wait(number, bluetooth.IRQ_CENTRAL_DISCONNECT)
print("done", flush=True)
"""


def lines(process, count):
    return [process.stdout.readline().strip() for _ in range(count)]


def say(process, line):
    process.stdin.write(line + "\n")
    process.stdin.flush()


def test_two_processes_both_roles_three_connections(own_air):
    one, two = (python("-c", BOTH_ROLES, name) for name in ("one", "two"))
    addresses = [lines(process, COUNT) for process in (one, two)]
    say(one, " ".join(addresses[1]))
    say(two, " ".join(addresses[0]))
    for process, other in ((one, "two"), (two, "one")):
        expected = [f"value {(number + 1) % COUNT} of {other}" for number in range(COUNT)]
        expected += [f"written by {other}"] * COUNT + ["notified", "indicated"] * COUNT
        assert lines(process, len(expected) + 1) == [*expected, "ready"]
    say(one, "")
    say(two, "")
    for process in (one, two):
        output, errors = process.communicate(timeout=60)
        assert (output, errors, process.returncode) == ("done\n", "", 0)


PERIPHERAL = """
import time
from bluet import bluetooth
ble = bluetooth.BLE(transport="air:killed")
ble.config(addr_mode=1)
ble.active(True)
ble.gap_advertise(20_000, b"\\x03\\xff\\x34\\x12")
print("advertising", flush=True)
time.sleep(60)
"""


def find_and_connect(central):
    """The address is not the same after a restart: looked for by what it advertises."""
    found = []
    central.answers[bluetooth.IRQ_SCAN_RESULT] = lambda data: (
        found.append((data.addr_type, bytes(data.addr))) if bytes(data.adv_data) == b"\x03\xff\x34\x12" else None
    )
    central.ble.gap_scan(0, 30_000, 30_000)
    assert wait_for(lambda: found)
    central.ble.gap_connect(*found[0])
    assert wait_for(lambda: central.has(bluetooth.IRQ_PERIPHERAL_CONNECT))


def test_kill_and_restart(own_air):
    central = Radio(bluetooth.BLE(transport="air:killed"))
    reasons = []
    central.answers[bluetooth.IRQ_PERIPHERAL_DISCONNECT] = lambda data: reasons.append(data.reason)
    process = python("-c", PERIPHERAL)
    assert lines(process, 1) == ["advertising"]
    find_and_connect(central)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    started = time.monotonic()
    assert wait_for(lambda: reasons)
    # Connection timeout, after the supervision timeout of 5 s.
    assert reasons == [0x08]
    assert time.monotonic() - started > 3.5

    central.forget()
    process = python("-c", PERIPHERAL)
    assert lines(process, 1) == ["advertising"]
    find_and_connect(central)
    central.ble.active(False)
    process.kill()
    process.communicate()


def test_the_address_stays_while_the_process_lives(own_air):
    """As a controller's does that is a chip when it is switched off and on."""
    one, two = (bluetooth.BLE(transport="air:stays") for _ in range(2))
    two.active(True)
    one.active(True)
    mac = one.config("mac")
    assert two.config("mac") != mac
    for _ in range(20):
        one.active(False)
        one.active(True)
        assert one.config("mac") == mac
    # Another that comes meanwhile has its own.
    one.active(False)
    three = bluetooth.BLE(transport="air:stays")
    three.active(True)
    assert three.config("mac") not in (mac, two.config("mac"))
    one.active(True)
    assert one.config("mac") == mac
    for ble in (one, two, three):
        ble.active(False)


@pytest.mark.parametrize(
    ("transport", "code"),
    [
        ("unix:/nonexistent/socket", "ENODEV"),
        ("tcp:127.0.0.1:1", "ENODEV"),
        ("serial:/dev/ttyNOWHERE", "ENODEV"),
        ("serial:/dev/null,baud", "EINVAL"),
        ("usb:dead:beef", "ENODEV"),
        ("hci:x", "EINVAL"),
        ("smoke:signals", "EINVAL"),
    ],
)
def test_missing_transport(own_air, transport, code):
    program = """
import errno
from bluet import bluetooth
try:
    bluetooth.BLE().active(True)
except OSError as error:
    print(errno.errorcode[error.errno])
    print(error.strerror)
"""
    output, errors = python("-c", program, BLUET_TRANSPORT=transport).communicate(timeout=60)
    number, message = output.splitlines()
    assert (number, errors) == (code, "")
    assert transport.split(":")[1].split(",")[0] in message or code == "EINVAL"
    assert len(message) > 40


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_runtime_folder(own_air):
    os.chmod(own_air, 0o500)
    _output, errors = python("-c", "from bluet import bluetooth; bluetooth.BLE().active(True)").communicate(timeout=60)
    os.chmod(own_air, 0o700)
    assert own_air in errors.splitlines()[-1]


def test_runtime_folder_that_is_none(own_air):
    missing = os.path.join(own_air, "file")
    with open(missing, "w"):
        pass
    process = python("-c", "from bluet import bluetooth; bluetooth.BLE().active(True)", XDG_RUNTIME_DIR=missing)
    _, errors = process.communicate(timeout=60)
    assert errors.splitlines()[-1].startswith("OSError: [Errno 19]") and missing in errors


def test_captures(own_air):
    program = """
from bluet import bluetooth
ble = bluetooth.BLE()
ble.active(True)
ble.gap_scan(100)
ble.active(False)
"""
    environment = os.path.join(own_air, "environment.btsnoop")
    process = python("-c", program, BLUET_SNOOP=environment)
    assert process.communicate(timeout=60) == ("", "")
    method = os.path.join(own_air, "method.btsnoop")
    process = python("-c", program.replace("ble.active(True)", f"ble.capture({method!r}); ble.active(True)"))
    assert process.communicate(timeout=60) == ("", "")
    for path in (environment, method):
        with open(path, "rb") as file:
            capture = file.read()
        assert capture.startswith(b"btsnoop\0") and len(capture) > 500


def test_capture_that_cannot_be_written(own_air):
    ble = bluetooth.BLE(transport="air:capture")
    with pytest.raises(OSError) as caught:
        ble.capture("/nonexistent/file")
    assert "/nonexistent/file" in str(caught.value)
    ble.capture(None)


def test_pybluez_in_front(tmp_path, own_air):
    """The message says so, and the module is there under its other name."""
    (tmp_path / "bluetooth").mkdir()
    (tmp_path / "bluetooth" / "__init__.py").write_text("class BluetoothSocket: pass\n")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    program = "from bluet import bluetooth; print(bluetooth.BLE().active(True))"
    output, errors = python("-c", program, PYTHONPATH=path).communicate(timeout=60)
    assert output == "True\n"
    assert "from bluet import bluetooth" in errors and str(tmp_path) in errors
