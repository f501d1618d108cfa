"""The backend itself: life, errors, memory, threads, interrupts."""

import os
import select
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import finish

ENOMEM, ENODEV, ETIMEDOUT, EALREADY = 12, 19, 110, 114

# What most programs below begin with.
BEGIN = """
import bluetooth, errno, gc, os, sys, time
ble = bluetooth.BLE()
events = []
def irq(event, data):
    events.append((event, tuple(bytes(part) if isinstance(part, memoryview) else part for part in data)))
ble.irq(irq)
def refused(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return error.errno
def wait(*codes, seconds=10):
    until = time.ticks_add(time.ticks_ms(), seconds * 1000)
    while time.ticks_diff(until, time.ticks_ms()) > 0:
        for event in events:
            if event[0] in codes:
                events.remove(event)
                return event[1]
        time.sleep_ms(5)
    raise RuntimeError("no event of %s, but %s" % (codes, events))
"""


def test_nothing_stays_behind(on_micropython):
    program = """
def held():
    gc.collect()
    return gc.mem_alloc(), len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
def cycle():
    ble.active(True)
    ble.gatts_register_services(((bluetooth.UUID(0x180d), ((bluetooth.UUID(0x2a37), bluetooth.FLAG_NOTIFY),)),))
    ble.gap_advertise(100_000, b"abc")
    ble.l2cap_listen(0x81, 512)
    ble.active(False)
    events.clear()
for _ in range(10):
    cycle()
before = held()
for _ in range(100):
    cycle()
after = held()
print(before[1:] == after[1:], after[0] - before[0] < 100)
"""
    assert on_micropython.run("-c", BEGIN + program) == ["True True"]


def test_the_address_stays(on_micropython):
    program = """
addresses = set()
for _ in range(20):
    ble.active(True)
    addresses.add((ble.config("mac")[0], bytes(ble.config("mac")[1])))
    ble.active(False)
print(len(addresses))
"""
    assert on_micropython.run("-c", BEGIN + program) == ["1"]


def test_inactive(on_micropython):
    program = """
print(ble.active(), ble.gatts_read(21))
for function, arguments in ((ble.gap_advertise, (1000,)), (ble.gap_scan, ()), (ble.gap_connect, (0, bytes(6))),
        (ble.gap_disconnect, (0,)), (ble.gatts_write, (1, b"")), (ble.gatts_register_services, ((),)),
        (ble.gattc_read, (0, 1)), (ble.l2cap_listen, (0x81, 100)), (ble.hci_cmd, (1, 1, b"", bytearray(1))),
        (ble.gap_pair, (0,)), (ble.config, ("mac",)), (ble.gap_advertise, (None,))):
    print(refused(function, *arguments), end=" ")
print()
ble.config(gap_name="before", mtu=100, bond=True, io=3, mitm=True, le_secure=True)
ble.active(True)
print(ble.config("gap_name"), ble.config("mtu"))
"""
    lines = on_micropython.run("-c", BEGIN + program)
    assert lines == ["False b''", " ".join([str(ENODEV)] * 12) + " ", "b'before' 100"]


def test_errors(on_micropython):
    program = """
ble.active(True)
def errors():
    yield refused(ble.gatts_notify, 7, 1)
    yield refused(ble.gatts_write, 4711, b"")
    yield refused(ble.gap_advertise, 1000, bytes(32))
    yield refused(ble.gap_connect, None)
    yield refused(ble.gattc_write, 0, 1, b"", 9)
    yield refused(lambda: ble.config(mtu=5))
    yield refused(lambda: ble.config(io=9))
    yield refused(ble.gap_scan, 0, 30_000, 60_000)
    yield refused(ble.gap_scan, 0, 30_000, 30_000)
    yield refused(ble.gap_scan, 0, 30_000, 30_000)
    yield ble.gap_disconnect(7)
    yield refused(ble.hci_cmd, 64, 0, b"", bytearray(1))
    yield ble.hci_cmd(0x3f, 0x3ff, b"", bytearray(1))
print(*errors())
"""
    assert on_micropython.run("-c", BEGIN + program) == ["107 22 22 114 22 22 22 22 None 114 False 22 1"]


@pytest.mark.parametrize("transport", ["unix:/nowhere/at/all", "nonsense"])
def test_no_controller(transport, on_micropython, monkeypatch):
    monkeypatch.setenv("BLUET_TRANSPORT", transport)
    program = "print(refused(ble.active, True), refused(ble.active, True), ble.active(), ble.active(False))"
    assert on_micropython.run("-c", BEGIN + program) == [f"{ENODEV} {ENODEV} False False"]


def listening(own_air, monkeypatch):
    path = f"{own_air}/controller"
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    monkeypatch.setenv("BLUET_TRANSPORT", f"unix:{path}")
    return server


def test_controller_that_says_nothing(on_micropython, own_air, monkeypatch):
    with listening(own_air, monkeypatch):
        program = "print(refused(ble.active, True), ble.active())"
        assert on_micropython.run("-c", BEGIN + program) == [f"{ETIMEDOUT} False"]


@pytest.mark.parametrize("words", [b"", b"\\x04\\x0e", b"\\x07 no H4", b"\\x02\\x00\\x00\\xff\\xff"], ids=repr)
def test_controller_that_goes_away(words, on_micropython, own_air, monkeypatch):
    with listening(own_air, monkeypatch) as server:
        process = on_micropython.start("-c", BEGIN + "print(refused(ble.active, True), ble.active())")
        controller, _ = server.accept()
        controller.recv(100)
        controller.send(words.decode("unicode_escape").encode("latin-1"))
        controller.close()
        assert finish(process) == [f"{ENODEV} False"]


# On the air, and heard there.
HOLDER = """
import bluetooth, sys
ble = bluetooth.BLE()
ble.active(True)
ble.gap_advertise(20_000, b"abc")
print()
sys.stdin.readline()
"""


class Relay:
    """Stands between a program and its air, until the cable is pulled."""

    def __init__(self, own_air, monkeypatch, micropython):
        self._server = listening(own_air, monkeypatch)
        # An air that is there, for the relay's own connection.
        monkeypatch.setenv("XDG_RUNTIME_DIR", own_air)
        self._holder = subprocess.Popen(
            [micropython, "-c", HOLDER],
            env=os.environ | {"BLUET_TRANSPORT": "air"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._holder.stdout.readline()
        self._air = f"{own_air}/bluet/air.socket"

    def connect(self, lumps=0):
        """With `lumps`, what the controller says comes all at once after so many seconds."""
        self._program, _ = self._server.accept()
        self._controller = socket.socket(socket.AF_UNIX)
        self._controller.connect(self._air)
        pairs = ((self._program, self._controller, 0), (self._controller, self._program, lumps))
        self._threads = [threading.Thread(target=self._copy, args=pair, daemon=True) for pair in pairs]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _copy(source, target, lumps):
        try:
            while select.select([source], [], []) and not time.sleep(lumps) and (data := source.recv(65536)):
                target.sendall(data)
        except OSError:
            pass

    def pull(self):
        for end in (self._program, self._controller):
            end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def close(self):
        self._holder.communicate(b"\n", timeout=10)
        self._server.close()


def test_cable_pulled(on_micropython, own_air, monkeypatch, micropython):
    relay = Relay(own_air, monkeypatch, micropython)
    program = """
ble.active(True)
ble.gap_scan(0, 30_000, 30_000)
print("scanning")
while ble.active():
    time.sleep_ms(10)
wait(6)
print(refused(ble.gap_scan), ble.active(False))
print(ble.active(True))
ble.active(False)
"""
    process = on_micropython.start("-c", BEGIN + program)
    relay.connect()
    assert process.stdout.readline() == "scanning\n"
    relay.pull()
    relay.connect()
    assert finish(process) == [f"{ENODEV} False", "True"]
    relay.close()


def test_what_comes_after_the_verdict_comes_after_the_call(on_micropython, own_air, monkeypatch, micropython):
    """Also if the two come together, as they do to a machine that is busy."""
    relay = Relay(own_air, monkeypatch, micropython)
    program = """
ble.active(True)
early = []
for _ in range(15):
    events.clear()
    ble.gap_scan(0, 30_000, 30_000)
    early.append(len(events))
    wait(5)
    ble.gap_scan(None)
    wait(6)
print(*early)
ble.active(False)
"""
    process = on_micropython.start("-c", BEGIN + program)
    relay.connect(lumps=0.1)
    assert finish(process) == [" ".join(["0"] * 15)]
    relay.close()


def test_sleeping_and_reading_do_not_hold_up_events(on_micropython):
    program = """
ble.active(True)
def irq(event, data):
    print("done after", time.ticks_diff(time.ticks_ms(), began) // 2500)
ble.irq(irq)
began = time.ticks_ms()
ble.gap_scan(100, 30_000, 30_000)
time.sleep(4)
began = time.ticks_ms()
ble.gap_scan(100, 30_000, 30_000)
sys.stdin.readline()
"""
    process = on_micropython.start("-c", BEGIN + program, stdin=subprocess.PIPE)
    assert process.stdout.readline() == "done after 0\n"
    assert process.stdout.readline() == "done after 0\n"
    process.stdin.write("\n")
    assert finish(process) == []


def test_handler_that_raises(on_micropython):
    program = """
called = []
def bad(event, data):
    called.append(event)
    raise ValueError("bad handler")
ble.active(True)
ble.irq(bad)
ble.gap_scan(50, 30_000, 30_000)
while not called:
    time.sleep_ms(5)
ble.irq(irq)
ble.gap_scan(50, 30_000, 30_000)
print("goes on:", wait(6))
"""
    lines = on_micropython.run("-c", BEGIN + program)
    assert lines[-2:] == ["ValueError: bad handler", "goes on: ()"]


@pytest.mark.parametrize("answer", ["5", "'text'", "[]", "bytes(5000)", "1 // 0"])
def test_secrets_that_are_none(answer, on_micropython):
    """What the handler answers about secrets is taken, or not, and harms nobody."""
    program = f"""
def odd(event, data):
    if event in (29, 30):
        return {answer}
    return irq(event, data)
ble.irq(odd)
ble.config(bond=True)
print(ble.active(True))
ble.irq(irq)
ble.gap_scan(50, 30_000, 30_000)
print("goes on:", wait(6))
"""
    assert on_micropython.run("-c", BEGIN + program)[-2:] == ["True", "goes on: ()"]


def test_everything_may_be_called_from_the_handler(on_micropython):
    program = """
done = []
def irq(event, data):
    if event == 6:
        done.append(ble.config("mac")[0])
        done.append(ble.gap_advertise(100_000, b"x"))
        done.append(ble.hci_cmd(4, 9, b"", bytearray(6)))
        done.append(refused(ble.gap_connect, None))
        done.append(ble.active(False))
ble.irq(irq)
for _ in range(3):
    ble.active(True)
    ble.gap_scan(50, 30_000, 30_000)
    while len(done) < 5:
        time.sleep_ms(5)
    while ble.active():
        time.sleep_ms(5)
    print(*done)
    done.clear()
    while refused(ble.active, True) == 16:
        time.sleep_ms(5)
print(ble.active())
"""
    assert on_micropython.run("-c", BEGIN + program) == [f"0 None 0 {EALREADY} False"] * 3 + ["True"]


def test_threads(on_micropython):
    program = """
import _thread
ble.active(True)
((handle,),) = ble.gatts_register_services(((bluetooth.UUID(0x180d), ((bluetooth.UUID(0x2a37), 2),)),))
ended = []
def work(number):
    for _ in range(100):
        ble.gatts_write(handle, bytes([number]) * 10)
        value = ble.gatts_read(handle)
        assert len(value) == 10 and len(set(value)) == 1
        assert ble.hci_cmd(4, 9, b"", bytearray(6)) == 0
        ble.config(gap_name="thread %d" % number)
    ended.append(number)
for number in range(3):
    _thread.start_new_thread(work, (number,))
for _ in range(10):
    ble.gap_scan(20, 30_000, 30_000)
    wait(6)
while len(ended) < 3:
    time.sleep_ms(10)
print(sorted(ended))
"""
    assert on_micropython.run("-c", BEGIN + program) == ["[0, 1, 2]"]


def test_interrupts(on_micropython):
    """MicroPython raises KeyboardInterrupt wherever the signal finds it; the host is whole nevertheless."""
    program = """
ble.active(True)
answer, payload = bytearray(6), b"abc"
count = 0
while count < 40:
    try:
        print(count)
        while True:
            try:
                ble.gap_advertise(100_000, payload)
                ble.hci_cmd(4, 9, b"", answer)
                ble.gap_advertise(None)
            except OSError:
                # Commands whose waiters were interrupted still wait for the controller.
                pass
    except KeyboardInterrupt:
        count += 1
ble.gap_scan(50, 30_000, 30_000)
print("goes on:", wait(6))
"""
    process = on_micropython.start("-c", BEGIN + program)
    for number in range(40):
        line = process.stdout.readline()
        assert line == f"{number}\n", line + process.stdout.read()
        time.sleep(0.003 + 0.0002 * (number % 10))
        process.send_signal(signal.SIGINT)
    assert finish(process) == ["goes on: ()"]
