"""bluet.Air: virtual time, repeatable, for any number of radios."""

import errno
import threading
import time

import pytest
from bluet import Air, bluetooth
from radios import UUID, Pair, Radio, connect, copied

PERIPHERALS = 50


def test_time(air):
    assert air.now == 0
    air.run(1.5)
    assert air.now == 1.5
    started = time.monotonic()
    air.run(3600)
    assert air.now == 3601.5
    assert time.monotonic() - started < 60
    air.run(0)
    assert air.now == 3601.5


def test_run_until(air):
    assert air.run_until(lambda: True) is True
    assert air.now == 0
    assert air.run_until(lambda: False, 2) is False
    assert air.now == 2
    assert air.run_until(lambda: air.now >= 2.5) is True
    assert air.now == 2.5


def test_run_until_stops_at_the_event(air):
    radio = Radio(air.ble())
    moments = []
    radio.answers[bluetooth.IRQ_SCAN_DONE] = lambda data: moments.append(air.now)
    radio.ble.gap_scan(777)
    assert air.run_until(lambda: moments, 5)
    assert air.now == moments[0]


def test_exception_in_the_condition(air):
    with pytest.raises(ZeroDivisionError):
        air.run_until(lambda: 1 / 0)
    air.run(1)


def test_calls_wait_in_virtual_time(air):
    """To end a link well takes a connection event or two."""
    pair = Pair(air)
    moment = air.now
    assert pair.central.ble.active(False) is False
    assert moment < air.now < moment + 0.5
    assert pair.central.has(bluetooth.IRQ_PERIPHERAL_DISCONNECT)


def experience(seed, loss=0.0):
    """What one central goes through with fifty peripherals, with the virtual time of every event."""
    story = []
    with Air(seed=seed, loss=loss) as air:
        service = ((UUID(0x180D), ((UUID(0x2A37), bluetooth.FLAG_READ | bluetooth.FLAG_NOTIFY),)),)
        peripherals = []
        for number in range(PERIPHERALS):
            peripheral = Radio(air.ble())
            ((handle,),) = peripheral.ble.gatts_register_services(service)
            peripheral.ble.gatts_write(handle, bytes((number,)))
            peripheral.ble.gap_advertise(200_000, b"\x02\x01\x06")
            peripherals.append(peripheral)
        central = Radio(air.ble())
        central.ble.irq(lambda event, data: story.append((round(air.now * 1e6), event, copied(data))))
        for number, peripheral in enumerate(peripherals):
            visit(air, central, peripheral, handle, story, number)
        story.append(round(air.now * 1e6))
    return story


def visit(air, central, peripheral, handle, story, number):
    """Connects, reads, is notified."""
    before = len(story)

    def data_of(code):
        return [data for _, event, data in story[before:] if event == code]

    central.ble.gap_connect(*peripheral.ble.config("mac"), 10_000)
    assert air.run_until(lambda: data_of(bluetooth.IRQ_PERIPHERAL_CONNECT), 15)
    ((conn, *_),) = data_of(bluetooth.IRQ_PERIPHERAL_CONNECT)
    central.ble.gattc_read(conn, handle)
    assert air.run_until(lambda: data_of(bluetooth.IRQ_GATTC_READ_DONE), 15)
    assert data_of(bluetooth.IRQ_GATTC_READ_RESULT) == [(conn, handle, bytes((number,)))]
    to_central = peripheral.last(bluetooth.IRQ_CENTRAL_CONNECT)[0]
    peripheral.ble.gatts_notify(to_central, handle, b"news")
    assert air.run_until(lambda: data_of(bluetooth.IRQ_GATTC_NOTIFY), 15)
    assert data_of(bluetooth.IRQ_GATTC_NOTIFY) == [(conn, handle, b"news")]


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_same_seed_same_events_at_the_same_times(loss):
    first = experience(7, loss)
    assert len(first) >= 4 * PERIPHERALS
    assert experience(7, loss) == first


def test_other_seed_other_times():
    assert experience(8) != experience(9)


def test_lossy_air():
    with Air(seed=3) as air:
        pair = Pair(air)
        air.set_loss(0.2)
        pair.central.ble.gattc_discover_services(pair.to_peripheral)
        assert pair.at_central(bluetooth.IRQ_GATTC_SERVICE_DONE)[1] == 0


@pytest.mark.parametrize("loss", [-0.1, 1.1, float("nan")])
def test_loss_is_a_probability(air, loss):
    with pytest.raises(OSError) as caught:
        Air(loss=loss)
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(OSError):
        air.set_loss(loss)


def test_any_seed():
    for seed in (-1, 0, 1 << 64, 1 << 100):
        with Air(seed=seed) as air:
            assert Radio(air.ble()).ble.active()


def test_two_airs_do_not_hear_each_other():
    with Air() as one, Air() as two:
        Radio(one.ble()).ble.gap_advertise(20_000, b"abc")
        scanner = Radio(two.ble())
        scanner.ble.gap_scan(0, 30_000, 30_000)
        one.run(1)
        two.run(1)
        assert scanner.events == []


def test_closing(air):
    with Air() as other:
        pair = Pair(other)
    assert pair.central.ble.active() is False
    assert pair.central.ble.gatts_read(1) == b""
    for call in (lambda: pair.central.ble.active(True), lambda: pair.central.ble.gap_scan()):
        with pytest.raises(OSError) as caught:
            call()
        assert caught.value.errno == errno.ENODEV
    with pytest.raises(ValueError, match="closed"):
        other.run(1)
    with pytest.raises(ValueError, match="closed"):
        other.ble()
    other.close()


def test_radios_keep_their_air():
    radio = Radio(Air().ble())
    assert radio.ble.active() is True
    radio.ble.gap_advertise(100_000)


def test_one_thread_at_a_time(air):
    """Another thread is told, and does not wait for ever."""
    radio = Radio(air.ble())
    told, ready = [], threading.Event()

    def other():
        ready.wait()
        try:
            radio.ble.gap_advertise(100_000)
        except RuntimeError as error:
            told.append(error)

    def handler(data):
        ready.set()
        thread.join()

    thread = threading.Thread(target=other)
    thread.start()
    radio.answers[bluetooth.IRQ_SCAN_DONE] = handler
    radio.ble.gap_scan(10)
    air.run(1)
    assert told and "another thread" in str(told[0])
    radio.ble.gap_advertise(100_000)


def test_ctrl_c_ends_a_run(air):
    """Also where nothing is called that would notice."""
    import _thread

    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    radios = [Radio(air.ble()) for _ in range(3)]
    for radio in radios:
        radio.ble.irq(None)
        radio.ble.gap_advertise(20_000, connectable=False)
    with pytest.raises(KeyboardInterrupt):
        air.run(1e6)
    timer.join()
    air.run(1)


def test_connections_of_one_radio(air):
    """As many as there can be: thirty-two peripherals at once."""
    central = Radio(air.ble())
    peripherals = [Radio(air.ble()) for _ in range(32)]
    handles = [connect(air, central, peripheral)[0] for peripheral in peripherals]
    assert len(set(handles)) == 32
    for handle in handles:
        central.ble.gattc_discover_services(handle)
    assert air.run_until(lambda: len(central.all(bluetooth.IRQ_GATTC_SERVICE_DONE)) == 32, 30)
    assert all(status == 0 for _, status in central.all(bluetooth.IRQ_GATTC_SERVICE_DONE))


def test_time_does_not_go_back(air):
    for seconds in (-1, -1e-9, float("-inf")):
        with pytest.raises(ValueError, match="does not go back"):
            air.run(seconds)
    assert air.now == 0
    air.run(0)
