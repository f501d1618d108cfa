"""The pytest plugin, as another project uses it."""

import re
import subprocess
import sys

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
