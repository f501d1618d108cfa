"""MicroPython's own tests of its `bluetooth` module between two devices, run from its source: tests/multi_bluetooth."""

import sys

import multitests
import pytest
import unix_port
from conftest import HERE

PROGRAMS = (
    "ble_characteristic",
    "ble_descriptor",
    "ble_gap_advertise",
    "ble_gap_connect",
    "ble_gap_device_name",
    "ble_gap_pair",
    "ble_gap_pair_bond",
    "ble_gatt_data_transfer",
    "ble_gattc_discover_services",
    "ble_irq_calls",
    "ble_l2cap",
    "ble_mtu",
    "ble_mtu_peripheral",
    "ble_subscribe",
    "perf_gatt_char_write",
    "perf_gatt_notify",
    "perf_l2cap",
    "stress_log_filesystem",
)
# Each with what it needs and has not got.
LEFT_OUT = {
    "stress_deepsleep_reconnect": "a board that sleeps and keeps its serial line: the unix port has no deep sleep",
}
# The same for the side that CPython would play: it has our module, but is not MicroPython.
NOT_ON_CPYTHON = {
    ("ble_irq_calls", 0): "str and bytes that can be joined",
    ("ble_l2cap", 0): "MicroPython's random numbers, which both sides compute",
    ("ble_l2cap", 1): "MicroPython's random numbers, which both sides compute",
    ("perf_gatt_char_write", 1): "bytearrays that take 256 for 0",
}


def test_every_program_is_known(micropython):
    folder = unix_port.source() / "tests" / "multi_bluetooth"
    assert {path.stem for path in folder.glob("*.py")} == {*PROGRAMS, *LEFT_OUT}


@pytest.fixture
def instances(tmp_path, micropython):
    """CPython has the order of one thread."""
    on_cpython = (sys.executable, HERE / "as_micropython.py", "--one-thread")
    return {
        "micropython": multitests.instance(tmp_path / "micropython", micropython),
        "cpython": multitests.instance(tmp_path / "cpython", *on_cpython),
    }


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "sides", [("micropython", "micropython"), ("micropython", "cpython"), ("cpython", "micropython")], ids="-".join
)
def test_program(program, sides, instances, own_air):
    if "cpython" in sides and (program, sides.index("cpython")) in NOT_ON_CPYTHON:
        pytest.skip(f"needs {NOT_ON_CPYTHON[program, sides.index('cpython')]}")
    multitests.run(f"multi_bluetooth/{program}.py", *(instances[side] for side in sides))
