"""os.fork(): the radios stay the parent's, whatever becomes of the child."""

import errno
import os
import sys
import traceback

import pytest
from bluet import Air, bluetooth
from radios import Radio, wait_for


def in_child(function):
    """What a child of this process returns, or how it fails; it ends as programs do, with what atexit has."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reading)
            answer = repr(function())
        except BaseException:
            answer = traceback.format_exc()
        os.write(writing, answer.encode())
        sys.modules["bluet._bluetooth"]._shut_down()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read().decode()
    assert os.waitpid(pid, 0)[1] == 0
    return answer


def error_of(function, *arguments):
    with pytest.raises(OSError) as raised:
        function(*arguments)
    return raised.value.errno


@pytest.fixture
def pair(own_air):
    advertiser, scanner = (Radio(bluetooth.BLE(transport="air:fork")) for _ in range(2))
    advertiser.ble.gap_advertise(20_000, b"\x02\x01\x06")
    scanner.ble.gap_scan(0, 30_000, 30_000)
    yield advertiser, scanner
    for radio in (advertiser, scanner):
        radio.ble.active(False)


def still_hears(scanner):
    scanner.forget()
    return wait_for(lambda: len(scanner.all(bluetooth.IRQ_SCAN_RESULT)) > 3)


def test_child_that_leaves_the_radios_alone(pair):
    _, scanner = pair
    assert in_child(lambda: "nothing") == "'nothing'"
    assert scanner.ble.active() and still_hears(scanner)


def test_child_that_uses_the_radios_of_its_parent(pair):
    advertiser, scanner = pair

    def use():
        errors = [error_of(scanner.ble.gap_scan, None), error_of(advertiser.ble.active, True)]
        return scanner.ble.active(), scanner.ble.active(False), errors, scanner.ble.gatts_read(1)

    assert in_child(use) == repr((False, False, [errno.ENODEV] * 2, b""))
    assert scanner.ble.active() and still_hears(scanner)


def test_child_that_drops_the_radios_of_its_parent(pair):
    advertiser, scanner = pair

    def drop():
        advertiser.ble.irq(None)
        del advertiser.ble, scanner.ble
        return "gone"

    assert in_child(drop) == "'gone'"
    assert scanner.ble.active() and still_hears(scanner)


def test_child_with_radios_of_its_own(pair):
    _, scanner = pair

    def begin():
        radio = Radio(bluetooth.BLE(transport="air:fork"))
        radio.ble.gap_scan(0, 30_000, 30_000)
        return wait_for(lambda: radio.has(bluetooth.IRQ_SCAN_RESULT)), bluetooth.BLE() is bluetooth.BLE()

    assert in_child(begin) == "(True, True)"
    assert still_hears(scanner)


def test_child_keeps_nothing_open_or_locked(own_air, tmp_path):
    """Its parent's air ends with its parent's radio, and the parent can have its store anew, while the child lives."""
    ble = bluetooth.BLE(transport="air:kept", store=tmp_path / "store")
    ble.active(True)
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(writing)
        os.read(reading, 1)
        os._exit(0)
    try:
        ble.active(False)
        assert wait_for(lambda: not os.path.exists(f"{own_air}/bluet/kept.socket"))
        assert ble.active(True)
    finally:
        os.write(writing, b"x")
        os.waitpid(pid, 0)
        os.close(reading)
        os.close(writing)
    ble.active(False)


def test_virtual_air_goes_on_in_a_child():
    """It has no thread, and is copied as it stands."""
    with Air(seed=1) as air:
        one, other = Radio(air.ble()), Radio(air.ble())
        one.ble.gap_advertise(100_000)
        other.ble.gap_scan(0, 30_000, 30_000)

        def run():
            air.run(1)
            return len(other.events)

        heard = in_child(run)
        assert int(heard) > 5
        assert str(run()) == heard
