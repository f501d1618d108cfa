"""MicroPython's own tests of its `bluetooth` module between two devices, run from its source: tests/multi_bluetooth."""

import os
import subprocess
import sys

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
# The runner ends a program that has printed nothing for ten seconds; on a busy machine it is to wait longer.
RUNNER = """
import os, sys
with open("run-multitests.py") as file:
    text = file.read()
assert "INSTANCE_READ_TIMEOUT_S = 10\\n" in text
text = text.replace("INSTANCE_READ_TIMEOUT_S = 10\\n", "INSTANCE_READ_TIMEOUT_S = 60\\n")
path = os.path.abspath("run-multitests.py")
exec(compile(text, path, "exec"), {"__name__": "__main__", "__file__": path})
"""


def test_every_program_is_known(micropython):
    folder = unix_port.source() / "tests" / "multi_bluetooth"
    assert {path.stem for path in folder.glob("*.py")} == {*PROGRAMS, *LEFT_OUT}


@pytest.fixture
def instances(tmp_path, micropython):
    """The words by which the runner knows our interpreters. Either is patient; CPython has the order of one thread."""

    def instance(name, *words):
        script = tmp_path / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {HERE / "patient.py"} {" ".join(map(str, words))} "$@"\n')
        script.chmod(0o755)
        return f"exec:{script}"

    return {
        "micropython": instance("micropython", micropython),
        "cpython": instance("cpython", sys.executable, HERE / "as_micropython.py", "--one-thread"),
    }


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "sides", [("micropython", "micropython"), ("micropython", "cpython"), ("cpython", "micropython")], ids="-".join
)
def test_program(program, sides, instances, own_air):
    if "cpython" in sides and (program, sides.index("cpython")) in NOT_ON_CPYTHON:
        pytest.skip(f"needs {NOT_ON_CPYTHON[program, sides.index('cpython')]}")
    words = [sys.executable, "-c", RUNNER]
    for side in sides:
        words += ["-i", instances[side]]
    result = subprocess.run(
        [*words, f"multi_bluetooth/{program}.py"],
        cwd=unix_port.source() / "tests",
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0 and "1 tests passed" in result.stdout, result.stdout + result.stderr
