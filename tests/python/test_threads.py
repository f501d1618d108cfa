"""Radios in real time, used by many threads while events flow: no deadlock, no crash, nothing lost."""

import errno
import sys
import threading
import time

import pytest
from bluet import bluetooth
from radios import SERVICES, Radio, wait_for

PATIENCE = 60
NOTIFIED = bluetooth.IRQ_GATTC_NOTIFY
EXPECTED_ERRNOS = {errno.EALREADY, errno.EBUSY, errno.ENOMEM, errno.ENOTCONN, errno.EISCONN, errno.ENODEV, errno.EIO}


@pytest.fixture
def make(own_air):
    """Makes radios on an air in real time, and ends them."""
    made = []

    def make_radio():
        radio = Radio(bluetooth.BLE(transport="air:threads"))
        made.append(radio)
        return radio

    yield make_radio
    for radio in made:
        radio.ble.irq(None)
        radio.ble.active(False)


def connect(central, peripheral):
    peripheral.ble.gap_advertise(20_000, b"\x02\x01\x06")
    central.ble.gap_connect(*peripheral.ble.config("mac"), 10_000, 7_500, 7_500)
    assert wait_for(lambda: central.has(bluetooth.IRQ_PERIPHERAL_CONNECT))
    assert wait_for(lambda: peripheral.has(bluetooth.IRQ_CENTRAL_CONNECT))
    return central.last(bluetooth.IRQ_PERIPHERAL_CONNECT)[0], peripheral.last(bluetooth.IRQ_CENTRAL_CONNECT)[0]


def run_threads(functions, seconds, enough):
    """Each function again and again in a thread of its own, until it is enough. Returns what went wrong."""
    began = time.monotonic()
    wrong = []

    def goes_on():
        passed = time.monotonic() - began
        return not wrong and (passed < seconds or (passed < PATIENCE and not enough()))

    def run(function):
        while goes_on():
            try:
                function()
            except OSError as error:
                if error.errno not in EXPECTED_ERRNOS:
                    wrong.append(error)
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=run, args=(function,), daemon=True) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(2 * PATIENCE)
    wrong += [f"{thread.name} hangs" for thread in threads if thread.is_alive()]
    return wrong


def test_handler_runs_in_another_thread(make):
    peripheral, central = make(), make()
    threads = set()
    central.answers[bluetooth.IRQ_PERIPHERAL_CONNECT] = lambda data: threads.add(threading.get_ident())
    peripheral.answers[bluetooth.IRQ_CENTRAL_CONNECT] = lambda data: threads.add(threading.get_ident())
    connect(central, peripheral)
    assert len(threads) == 1 and threading.get_ident() not in threads


def test_many_threads_while_events_flow(make):
    """Short switches make the interpreter's lock change hands wherever it can."""
    peripheral, central = make(), make()
    ((value, news, _, _),) = peripheral.ble.gatts_register_services(SERVICES)
    to_peripheral, to_central = connect(central, peripheral)
    central.answers[NOTIFIED] = lambda data: central.ble.gattc_write(to_peripheral, value, data.notify_data)
    peripheral.answers[bluetooth.IRQ_GATTS_WRITE] = lambda data: peripheral.ble.gatts_read(data.attr_handle)
    sent = []

    def notify():
        peripheral.ble.gatts_notify(to_central, news, b"%d" % len(sent))
        sent.append(b"%d" % len(sent))

    def scan():
        central.ble.gap_scan(20)
        central.ble.config("mac")
        central.ble.gap_scan(None)

    def advertise():
        peripheral.ble.gap_advertise(20_000, connectable=False)
        peripheral.ble.gap_advertise(None)

    def connect_in_vain():
        central.ble.gap_connect(0, b"\1\2\3\4\5\6", 50)
        central.ble.gap_connect(None)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        wrong = run_threads(
            [
                *(notify, scan, advertise, connect_in_vain),
                *[lambda: central.ble.gattc_read(to_peripheral, value)] * 3,
                *[lambda: peripheral.ble.gatts_write(value, b"x" * 20, True)] * 2,
                *[lambda: central.ble.hci_cmd(4, 1, b"", bytearray(8))] * 3,
                lambda: central.ble.irq(central._irq),
            ],
            4,
            lambda: len(sent) > 10 and central.has(bluetooth.IRQ_GATTC_READ_DONE),
        )
    finally:
        sys.setswitchinterval(interval)
    assert wrong == []
    assert wait_for(lambda: len(central.all(NOTIFIED)) == len(sent))
    assert [data for _, _, data in central.all(NOTIFIED)] == sent
    assert len(sent) > 10
    assert central.has(bluetooth.IRQ_GATTC_READ_DONE)


def test_radios_come_and_go_in_threads(own_air):
    """Made, activated, used, dropped with or without a word; also by the garbage collector, with links open."""
    stay = Radio(bluetooth.BLE(transport="air:comings"))
    stay.answers[bluetooth.IRQ_CENTRAL_DISCONNECT] = lambda data: stay.ble.gap_advertise(20_000)
    stay.answers[bluetooth.IRQ_CENTRAL_CONNECT] = lambda data: stay.ble.gap_advertise(20_000)
    stay.ble.gap_advertise(20_000)
    address = stay.ble.config("mac")
    connected = []

    def come_and_go():
        radio = Radio(bluetooth.BLE(transport="air:comings"))
        radio.ble.gap_connect(*address, 3_000)
        wait_for(lambda: radio.events)
        connected.append(radio.has(bluetooth.IRQ_PERIPHERAL_CONNECT))
        if len(connected) % 2:
            radio.ble.active(False)

    assert run_threads([come_and_go] * 4, 3, lambda: sum(connected) >= 4) == []
    assert sum(connected) >= 4, connected
    stay.ble.irq(None)
    assert stay.ble.active(False) is False


def test_activation_by_many_threads(own_air):
    ble = bluetooth.BLE(transport="air:activation")
    results = []
    threads = [threading.Thread(target=lambda: results.append(ble.active(True))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert results.count(True) >= 1 and len(results) == 8
    assert ble.active() is True
    assert ble.active(False) is False


def test_a_handler_that_blocks_does_not_stop_calls(make):
    """The host goes on serving other threads while a handler sleeps."""
    peripheral, central = make(), make()
    inside, go_on = threading.Event(), threading.Event()

    def slow(data):
        inside.set()
        go_on.wait(40)

    central.answers[bluetooth.IRQ_PERIPHERAL_CONNECT] = slow
    peripheral.ble.gap_advertise(20_000)
    central.ble.gap_connect(*peripheral.ble.config("mac"), 10_000)
    assert inside.wait(60)
    started = time.monotonic()
    assert central.ble.config("mac") and peripheral.ble.gatts_read(1) == b""
    assert central.ble.active() is True
    assert time.monotonic() - started < 30  # not as long as the handler
    go_on.set()


def test_ctrl_c_in_a_handler_interrupts_the_program(make):
    """A KeyboardInterrupt in the runtime's thread is the main thread's."""
    radio = make()

    def interrupted(data):
        raise KeyboardInterrupt

    radio.answers[bluetooth.IRQ_SCAN_DONE] = interrupted
    hook, sys.unraisablehook = sys.unraisablehook, lambda unraisable: None
    try:
        with pytest.raises(KeyboardInterrupt):
            radio.ble.gap_scan(10)
            time.sleep(PATIENCE)
    finally:
        sys.unraisablehook = hook
