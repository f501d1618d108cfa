"""A controller behind a serial line, which goes and comes back."""

import errno
import os
import subprocess
from pathlib import Path

import pytest
from bluet import bluetooth
from radios import Radio, wait_for

PROGRAM = Path(os.environ.get("BLUET_BUILD", Path(__file__).resolve().parents[2] / "build")) / "bluet"


@pytest.fixture
def line(tmp_path):
    """Starts an air that serves a pseudo-terminal, as often as it is called; and where that is found."""
    if not PROGRAM.exists():
        pytest.skip("the program has not been built")
    link = tmp_path / "tty"
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    processes = []

    def start():
        process = subprocess.Popen([PROGRAM, "air", "--pty", link], env=environment, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        assert process.stdout.readline().startswith("serves")
        return process

    yield start, link
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def refused(function, *arguments):
    with pytest.raises(OSError) as raised:
        function(*arguments)
    assert raised.value.errno == errno.ENODEV
    return str(raised.value)


@pytest.mark.filterwarnings("ignore:the Bluetooth controller is gone")
def test_unplugged_and_plugged_in_again(line):
    start, link = line
    ble = bluetooth.BLE(transport=f"serial:{link},1000000,rtscts")
    assert "is it plugged in?" in refused(ble.active, True)
    for _ in range(2):
        process = start()
        Radio(ble)
        assert ble.active()
        ble.gap_scan(0, 30_000, 30_000)
        process.kill()
        process.wait()
        assert wait_for(lambda: not ble.active())
        refused(ble.gap_scan, 0, 30_000, 30_000)
        link.unlink(missing_ok=True)


def test_line_in_use(line):
    start, link = line
    start()
    first, second = (bluetooth.BLE(transport=f"serial:{link}") for _ in range(2))
    first.active(True)
    assert "another program uses it" in refused(second.active, True)
    first.active(False)
    for _ in range(20):  # each opens it when the other has hardly left
        assert second.active(True)
        second.active(False)
        assert first.active(True)
        first.active(False)
    second.active(False)
