"""The pytest plugin, as another project uses it."""

import os
import re
import shutil
import subprocess
import sys

import pytest

TESTS = """
import pytest

def test_one(air):
    air.ble().active(True)
    print("seed", air.seed)

def test_two(air):
    print("seed", air.seed)
    assert air.now == 0 and air.seed == 0.5

@pytest.mark.air(seed=5, loss=1.0)
def test_marked(air):
    from bluet import bluetooth
    a, b = air.ble(), air.ble()
    a.active(True); b.active(True)
    events = []
    b.irq(lambda event, data: events.append(event))
    a.gap_advertise(20_000); b.gap_scan(1000, 30_000, 30_000)
    assert not air.run_until(lambda: bluetooth.IRQ_SCAN_RESULT in events, 5)
    assert air.seed == 5
"""


def run(folder, *arguments):
    (folder / "test_it.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-p", "bluet.pytest_plugin", "-p", "no:cacheprovider", "-rA"]
    return subprocess.run([*command, "--strict-markers", *arguments, folder], capture_output=True, text=True).stdout


def test_fixture(tmp_path):
    output = run(tmp_path)
    assert "2 passed, 1 failed" in output or "1 failed, 2 passed" in output
    seeds = re.findall(r"^seed (\d+)$", output, re.MULTILINE)
    assert len(set(seeds)) == 2
    told = re.findall(r"seed of the air: (\d+) \(again with --air-seed=(\d+)\)", output)
    assert len(told) == 1 and told[0][0] == told[0][1] and told[0][0] in seeds
    # The same names, the same seeds.
    assert re.findall(r"^seed (\d+)$", run(tmp_path, "-k", "one or two"), re.MULTILINE) == seeds


def test_chosen_seed(tmp_path):
    output = run(tmp_path, "--air-seed=99", "-k", "one or two")
    assert re.findall(r"^seed (\d+)$", output, re.MULTILINE) == ["99", "99"]


FAILING = """
import pytest
from bluet import bluetooth

@pytest.mark.air(seed=7)
def test_failing(air):
    a, b = air.ble(), air.ble()
    a.active(True); b.active(True)
    assert 3 <= air.draw("seconds", 3, 4) <= 4
    air.fault("drop", packet="l2cap", cid=4)
    events = []
    b.irq(lambda event, data: events.append(event))
    a.gap_advertise(20_000)
    b.gap_connect(*a.config("mac"))
    assert air.run_until(lambda: bluetooth.IRQ_PERIPHERAL_CONNECT in events, 5)
    b.gattc_exchange_mtu(0)
    air.run(air.drawn["seconds"])
    assert False

def test_passing(air):
    air.ble().active(True)
"""


def test_what_a_failing_test_leaves(tmp_path):
    (tmp_path / "test_it.py").write_text(FAILING)
    base = tmp_path / "base"
    command = [sys.executable, "-m", "pytest", "-p", "bluet.pytest_plugin", "-p", "no:cacheprovider", "-rA"]
    output = subprocess.run([*command, f"--basetemp={base}", tmp_path], capture_output=True, text=True).stdout
    assert "1 failed, 1 passed" in output, output
    assert re.search(r"^drawn: seconds = 3\.\d+$", output, re.MULTILINE)
    (capture,) = re.findall(r"^capture: (.+)$", output, re.MULTILINE)
    assert [str(path) for path in base.rglob("*.pcapng")] == [capture]
    (story,) = re.findall(r"^link 0x\w{8}: at .+$", output, re.MULTILINE)
    assert re.search(r"at \d\.\d{6} s radio 2 \(central\) sent opcode 0x02 on CID 0x0004: dropped \(fault 1\)$", story)


def test_capture_is_well_formed(tmp_path):
    """By tshark: every packet of the air and of HCI, and the faults as comments."""
    if not shutil.which("tshark"):
        pytest.skip("there is no tshark to judge")
    test_what_a_failing_test_leaves(tmp_path)
    (capture,) = (tmp_path / "base").rglob("*.pcapng")

    def fields(*names):
        command = ["tshark", "-r", str(capture), "-T", "fields"]
        command += [word for name in names for word in ("-e", name)]
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        output = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
        return [line.split("\t") for line in output.splitlines()]

    packets = fields(
        "frame.interface_name", "_ws.malformed", "_ws.expert.message", "frame.comment", "btle.crc.incorrect"
    )
    assert {packet[0] for packet in packets} == {"air", "radio 1", "radio 2"}
    wrong = [packet for packet in packets if packet[1] or "alformed" in packet[2] or packet[4]]
    assert not wrong, wrong[:5]
    assert any("dropped (fault 1)" in packet[3] for packet in packets)
