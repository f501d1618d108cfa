"""MicroPython's heap: a collector that runs all the time, and a heap on which allocations fail."""

import os
import re
import subprocess

import pytest
from conftest import HERE, finish

EXAMPLES = HERE.parents[1] / "examples"

# Runs a program with a collection at every allocation that can have one.
COLLECTING = """
import gc, sys
sys.path.insert(0, "{folder}")
gc.threshold(1)
with open("{folder}/{name}.py") as file:
    exec(compile(file.read(), "{name}", "exec"), {{"__name__": "__main__"}})
"""

PAIRS = (
    ("nordic_uart_peripheral", "nordic_uart_central"),
    ("environmental_sensor", "environmental_reader"),
    ("file_sender", "file_receiver"),
)


@pytest.mark.parametrize("names", PAIRS, ids=lambda names: names[0])
def test_collecting_all_the_time(names, on_micropython):
    """Every block of the host's that the collector does not find is used again for something else."""
    plain = [on_micropython.start(EXAMPLES / f"{name}.py") for name in names]
    expected = [len(finish(process)) for process in plain]
    processes = [on_micropython.start("-c", COLLECTING.format(folder=EXAMPLES, name=name)) for name in names]
    assert [len(finish(process)) for process in processes] == expected


SMALL = """
import bluetooth, gc, sys, time
ble = bluetooth.BLE()
heard = 0
def irq(event, data):
    global heard
    heard += 1
ble.irq(irq)

def steps():
    yield lambda: ble.active(True)
    yield lambda: ble.config(gap_name="a device with a name of some length")
    yield lambda: ble.gatts_register_services(
        tuple((bluetooth.UUID(0xa000 + i), ((bluetooth.UUID(0xb000 + i), 0x3a),) * 4) for i in range(10)))
    yield lambda: ble.gatts_write(25, bytes(500))
    yield lambda: ble.gatts_set_buffer(25, 512, True)
    yield lambda: ble.gap_advertise(100_000, b"abc")
    yield lambda: ble.l2cap_listen(0x81, 512)
    yield lambda: ble.gap_scan(10, 30_000, 30_000)
    yield lambda: ble.gap_scan(None)
    yield lambda: ble.hci_cmd(4, 9, b"", bytearray(6))
    yield lambda: ble.gap_advertise(None)
    yield lambda: ble.active(False)

FILL = {fill}
results = []
for _ in range(3):
    ballast = None
    for step in steps():
        try:
            # As much as leaves this step what it may just not live on.
            while gc.mem_free() > FILL:
                ballast = (bytearray(256), ballast)
        except MemoryError:
            pass
        try:
            step()
            results.append("done")
        except MemoryError:
            results.append("refused")
        except OSError as error:
            results.append("refused" if error.errno in (12, 16, 19, 22, 114) else str(error.errno))
        for _ in range(20):
            if ballast:
                ballast = ballast[1]
    ballast = None
    gc.collect()
    # With memory again, all is well.
    ble.active(False)
    for step in steps():
        step()
print(sorted(set(results)))
"""


@pytest.mark.parametrize("fill", [1000, 2000, 4000, 8000, 16000, 24000, 32000, 64000])
def test_hardly_any_memory(fill, on_micropython):
    """Whatever is refused for want of memory, is refused in words, and what follows works."""
    (line,) = on_micropython.run("-c", SMALL.format(fill=fill), options=("-X", "heapsize=1M"))
    assert set(re.findall(r"\w+", line)) <= {"done", "refused"}, line


def test_some_of_it_is_refused(on_micropython):
    (least,) = on_micropython.run("-c", SMALL.format(fill=2000), options=("-X", "heapsize=1M"))
    assert "refused" in least


@pytest.mark.parametrize("kilobytes", [24, 32, 40, 48, 56, 64, 80, 96])
def test_small_heap(kilobytes, on_micropython, micropython):
    """A program ends by itself on any heap: well, or with MemoryError or ENOMEM."""
    process = subprocess.run(
        [micropython, "-X", f"heapsize={kilobytes}k", EXAMPLES / "beacon.py"],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    output = process.stdout + process.stderr
    assert process.returncode == 0 or (process.returncode == 1 and ("MemoryError" in output or "ENOMEM" in output))
