"""How a program ends: with links open, by Ctrl-C, in the middle of things; and what the other side sees of it."""

import signal
import time

import pytest
from bluet import bluetooth
from radios import Radio, python, wait_for

TRANSPORT = "air:exit"

# Advertises until a central comes, and then does what the test wants.
PROGRAM = """
import sys, threading, time
from bluet import bluetooth
ble = bluetooth.BLE(transport="air:exit")
connected = threading.Event()
def handler(event, data):
    if event == bluetooth.IRQ_CENTRAL_CONNECT:
        connected.set()
    elif event == bluetooth.IRQ_CENTRAL_DISCONNECT:
        ble.gap_advertise(100_000)
def in_vain(function):
    while True:
        try:
            function()
        except OSError:
            pass
ble.irq(handler)
ble.active(True)
ble.gap_advertise(20_000, b"\\x02\\x01\\x06")
print(*ble.config("mac")[1], flush=True)
assert connected.wait(60)
time.sleep(0.3)
print("connected", flush=True)
{}
"""


@pytest.fixture
def central(own_air):
    radio = Radio(bluetooth.BLE(transport=TRANSPORT))
    yield radio
    radio.ble.active(False)


def start(central, ending):
    process = python("-c", PROGRAM.format(ending))
    line = process.stdout.readline()
    assert line, process.stderr.read()
    central.ble.gap_connect(0, bytes(map(int, line.split())), 10_000)
    assert process.stdout.readline() == "connected\n"
    assert wait_for(lambda: central.has(bluetooth.IRQ_PERIPHERAL_CONNECT))
    return process


def reason_of_end(central):
    reasons = []
    central.answers[bluetooth.IRQ_PERIPHERAL_DISCONNECT] = lambda data: reasons.append(data.reason)
    return reasons


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise KeyboardInterrupt", -signal.SIGINT),
        ("import gc; ble = handler = None; gc.collect(); time.sleep(1)", 0),
        ("threading.Thread(target=in_vain, args=(lambda: ble.gap_scan(None),), daemon=True).start()", 0),
        ("threading.Thread(target=in_vain, args=(lambda: ble.gap_connect(0, bytes(6)),), daemon=True).start()", 0),
        ("threading.Thread(target=in_vain, args=(lambda: ble.active(True),), daemon=True).start()", 0),
        ("del sys.modules['bluet'], sys.modules['bluet.bluetooth'], sys.modules['bluet._bluetooth'], bluetooth", 0),
    ],
)
def test_links_are_ended_well(central, ending, code):
    reasons = reason_of_end(central)
    process = start(central, ending)
    _output, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert "Fatal" not in errors and "ENODEV" not in errors
    assert (errors == "") == (code >= 0)
    # Remote device terminated the connection due to power off: no need to wait for the supervision timeout.
    assert wait_for(lambda: reasons)
    assert reasons == [0x15]


@pytest.mark.parametrize(
    "waiting", ["time.sleep(60)", "threading.Event().wait()", "[ble.gap_scan(None) for _ in iter(int, 1)]"]
)
def test_ctrl_c(central, waiting):
    reasons = reason_of_end(central)
    process = start(central, waiting)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _output, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors and errors.count("Traceback") == 1
    assert wait_for(lambda: reasons)
    assert reasons == [0x15]


def test_ctrl_c_while_a_controller_is_silent(tmp_path):
    """A listener that never answers: activation gives up by itself, and by Ctrl-C at once."""
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        program = f"""
from bluet import bluetooth
ble = bluetooth.BLE(transport="unix:{tmp_path / "s"}")
print("waiting", flush=True)
ble.active(True)
"""
        process = python("-c", program)
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert "KeyboardInterrupt" in errors

        started = time.monotonic()
        process = python("-c", program)
        _, errors = process.communicate(timeout=60)
        assert "TimeoutError: [Errno 110]" in errors
        assert time.monotonic() - started > 1.5


def test_exit_inside_a_handler(own_air):
    """sys.exit() in a handler ends nothing: it is printed like every exception there."""
    process = python(
        "-c",
        """
import sys, threading
from bluet import bluetooth
called = threading.Event()
def handler(event, data):
    called.set()
    sys.exit("handler")
ble = bluetooth.BLE()
ble.active(True)
ble.irq(handler)
ble.gap_scan(10)
called.wait(60)
print(ble.active())
""",
    )
    output, errors = process.communicate(timeout=60)
    assert output == "True\n" and "SystemExit: handler" in errors and process.returncode == 0


def test_unused_radio(own_air):
    process = python("-c", "from bluet import bluetooth; bluetooth.BLE(); bluetooth.BLE(transport='air:x')")
    assert process.communicate(timeout=60) == ("", "")


def test_virtual_air_left_open():
    program = """
from bluet import Air, bluetooth
air = Air()
a, b = air.ble(), air.ble()
a.active(True); b.active(True)
a.gap_advertise(100_000)
b.gap_connect(*a.config("mac"))
air.run(2)
"""
    process = python("-c", program)
    assert process.communicate(timeout=60) == ("", "")


def test_controller_that_goes_away(own_air):
    """The air is killed: the program hears of its links' end and of the controller's, and can begin again."""
    process = python(
        "-c",
        """
import os, signal, subprocess, time, warnings
from bluet import bluetooth
ble, other = bluetooth.BLE(), bluetooth.BLE(transport="air")
events = []
ble.irq(lambda event, data: events.append(event))
ble.active(True)
other.active(True)
other.gap_advertise(20_000)
ble.gap_connect(*other.config("mac"), 5_000)
while bluetooth.IRQ_PERIPHERAL_CONNECT not in events:
    time.sleep(0.01)
folder = os.environ["XDG_RUNTIME_DIR"]
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        name = open(f"/proc/{pid}/comm").read()
        environment = open(f"/proc/{pid}/environ").read()
    except OSError:
        continue
    if name == "bluet-air\\n" and f"XDG_RUNTIME_DIR={folder}\\0" in environment:
        os.kill(int(pid), signal.SIGKILL)
while ble.active() or other.active():
    time.sleep(0.01)
print(bluetooth.IRQ_PERIPHERAL_DISCONNECT in events)
print(ble.active(True))
""",
    )
    output, errors = process.communicate(timeout=60)
    assert output == "True\nTrue\n", errors
    assert errors.count("RuntimeWarning: the Bluetooth controller is gone") == 1
    assert "(lost the controller at air: it has closed the connection)" in errors


def test_another_interpreter_has_no_radios(own_air):
    """But it may have an air of its own; and both interpreters end."""
    pytest.importorskip("_xxsubinterpreters")
    program = """
import _xxsubinterpreters as interpreters
from bluet import bluetooth
bluetooth.BLE().active(True)
other = interpreters.create()
interpreters.run_string(other, '''
from bluet import Air, bluetooth
try:
    bluetooth.BLE()
except RuntimeError as error:
    print(error, flush=True)
with Air() as air:
    radio = air.ble()
    print(radio.active(True), flush=True)
''')
interpreters.destroy(other)
print(bluetooth.BLE().active())
"""
    process = python("-c", program)
    expected = "the radios of a process belong to its main interpreter\nTrue\nTrue\n"
    assert process.communicate(timeout=60) == (expected, "")
