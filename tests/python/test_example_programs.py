"""The examples, run as a user runs them, each against its other end."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from radios import python

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(*names):
    """Runs programs at the same time, to their ends."""
    processes = [python("-m", "bluet.run", EXAMPLES / f"{name}.py") for name in names]
    results = []
    for process in processes:
        output, errors = process.communicate(timeout=120)
        assert (errors, process.returncode) == ("", 0), output
        results.append(output)
    return results


def in_order(output, *patterns):
    assert re.search(".*".join(patterns), output, re.DOTALL), output


def test_heart_rate(own_air):
    sensor, monitor = run("heart_rate_sensor", "heart_rate_monitor")
    in_order(sensor, "advertising as Bluet HR", "central connected", "central disconnected")
    in_order(
        monitor,
        *("found Bluet HR", r"connected to", r"service UUID\(0x180d\)", r"characteristic UUID\(0x2a37\)", "subscribed"),
        *[r"heart rate \d+ bpm"] * 5,
        "disconnected",
    )
    rates = [int(rate) for rate in re.findall(r"heart rate (\d+)", monitor)]
    assert all(50 <= rate <= 180 for rate in rates)


def test_nordic_uart(own_air):
    peripheral, central = run("nordic_uart_peripheral", "nordic_uart_central")
    line = "this line is longer than one notification can be"
    in_order(peripheral, "central connected", "received hello", "received how are you", line, "central disconnected")
    in_order(central, "found Bluet UART", "sent hello", "received HELLO", f"received {line.upper()}", "disconnected")


def test_environmental(own_air):
    sensor, reader = run("environmental_sensor", "environmental_reader")
    in_order(sensor, "central connected", "read: handle", "central disconnected")
    in_order(reader, "found Bluet ESS", r"temperature 2\d\.\d+ C", r"humidity 4\d\.\d+ %", r"pressure 101\d\.\d+ hPa")


def test_file(own_air):
    sender, receiver = run("file_sender", "file_receiver")
    in_order(sender, "central connected", "channel open, SDUs of 1024", "sent 20000 bytes", "central disconnected")
    in_order(receiver, "found Bluet File", "MTU 1024 here and 512 there", "received 20000 bytes, all of them right")


def test_beacon(own_air):
    beacon, observer = run("beacon", "observer")
    assert beacon.splitlines()[-1] == "done"
    in_order(observer, r"([0-9A-F]{2}:){5}[0-9A-F]{2} -\d+ dBm https://example.org UUID\(0xfeaa\)", "seen 1")


def test_alone(own_air):
    """Who finds nobody, says so in the end, and fails."""
    names = ("heart_rate_monitor", "nordic_uart_central", "environmental_reader", "file_receiver")
    for process in [python("-m", "bluet.run", EXAMPLES / f"{name}.py") for name in names]:
        output, errors = process.communicate(timeout=120)
        assert (process.returncode, errors) == (1, "")
        assert "found" in output


def test_demo(own_air, tmp_path):
    result = subprocess.run(
        [sys.executable, EXAMPLES / "demo.py", f"--captures={tmp_path}"], capture_output=True, text=True, timeout=120
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "all as expected" in result.stdout
    assert len(re.findall(r"monitor \| heart rate", result.stdout)) >= 5
    for role in ("sensor", "monitor"):
        assert (tmp_path / f"{role}.btsnoop").read_bytes().startswith(b"btsnoop\0")


def program(name, *arguments):
    """Starts one of the programs in C, which bring their own sanitizer."""
    environment = {variable: value for variable, value in os.environ.items() if variable != "LD_PRELOAD"}
    return subprocess.Popen(
        [Path(os.environ["BLUET_BUILD"]) / "examples" / name, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


@pytest.mark.skipif("BLUET_BUILD" not in os.environ, reason="BLUET_BUILD does not say where the programs are")
def test_programs_in_c(own_air):
    peripheral, monitor = program("peripheral"), program("monitor", "3")
    output, errors = monitor.communicate(timeout=120)
    assert (errors, monitor.returncode) == ("", 0), output
    in_order(output, "found ", "connected", "subscribed", *[r"heart rate \d+"] * 3)
    peripheral.send_signal(signal.SIGINT)
    output, errors = peripheral.communicate(timeout=120)
    assert (errors, peripheral.returncode) == ("", 0), output
    in_order(output, "connected", r"heart rate \d+")


def test_every_example_is_run():
    tested = Path(__file__).read_text()
    for path in [*EXAMPLES.glob("*.py"), *EXAMPLES.glob("c/*.c")]:
        assert path.stem in tested or path.stem == "advertising"
