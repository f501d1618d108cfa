"""`bluet scan` in a pipe: what it hears, how it says so, and how it ends."""

import json
import re
import signal
import subprocess
import time

import pytest
from surroundings import PATIENCE, PROGRAM, Surroundings, wait_until

# Flags; services Heart Rate and Battery; appearance Heart Rate Sensor; tx power 4 dBm.
HEART_RATE = "02010605030d180f1803194003020a04"
NAME = "0c09" + b"Heart sense".hex()


def scan_json(here: Surroundings, *arguments: object) -> list[dict]:
    result = here.run("scan", "--json", "--seconds", "1.5", *arguments)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_plain_line(here: Surroundings) -> None:
    peripheral = here.peripheral(data=HEART_RATE, response=NAME)
    result = here.run("scan", "--seconds", "1.5")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    (line,) = result.stdout.splitlines()
    assert re.match(rf"{peripheral.address}  (public|random static)  -\d+ dBm  ADV_IND  ", line)
    assert '"Heart sense"' in line
    assert "services: Heart Rate (0x180d), Battery Service (0x180f)" in line
    assert "appearance: Heart Rate Sensor (0x0340)" in line
    assert "tx power: 4 dBm" in line
    assert "LE General Discoverable, BR/EDR Not Supported" in line


def test_json(here: Surroundings) -> None:
    peripheral = here.peripheral(data=HEART_RATE, response=NAME)
    (device,) = scan_json(here)
    assert device["address"] == peripheral.address
    assert device["address_type"] in ("public", "random")
    assert -127 <= device["rssi"] <= 20
    assert device["pdu"] == "ADV_IND"
    assert device["connectable"] is True
    assert device["data"] == HEART_RATE
    assert device["response"] == NAME
    assert device["name"] == "Heart sense"
    assert device["name_complete"] is True
    assert device["flags"] == {"value": 6, "names": ["LE General Discoverable", "BR/EDR Not Supported"]}
    assert device["services"] == [
        {"uuid": "0x180d", "name": "Heart Rate"},
        {"uuid": "0x180f", "name": "Battery Service"},
    ]
    assert device["appearance"] == {"value": 0x0340, "name": "Heart Rate Sensor"}
    assert device["tx_power"] == 4
    assert "malformed" not in device


def test_every_kind_of_element(here: Surroundings) -> None:
    nordic_uart = "6e400001b5a3f393e0a9e50e24dcca9e"
    here.peripheral(
        data="05ff4c000215" + "04160f1863" + "0505d8180000" + "0824" + "17" + b"abc.de".hex(),
        response="1107" + bytes.fromhex(nordic_uart)[::-1].hex() + "03140d18" + "022b99",
        connectable=False,
    )
    (device,) = scan_json(here)
    assert device["pdu"] == "ADV_SCAN_IND"
    assert device["connectable"] is False
    assert device["manufacturer_data"] == [{"company": 0x4C, "name": "Apple, Inc.", "data": "0215"}]
    assert device["service_data"] == [{"uuid": "0x180f", "name": "Battery Service", "data": "63"}]
    assert device["uri"] == "https:abc.de"
    assert [service["uuid"] for service in device["services"]] == ["0x000018d8", "6e400001-b5a3-f393-e0a9-e50e24dcca9e"]
    assert device["services"][1]["name"] == "Nordic UART Service"
    assert device["solicited_services"] == [{"uuid": "0x180d", "name": "Heart Rate"}]
    assert device["other"] == [{"type": 0x2B, "data": "99"}]
    (line,) = here.run("scan", "--seconds", "1.5").stdout.splitlines()
    for part in (
        "Apple, Inc. (0x004c): 02 15",
        "data of Battery Service (0x180f): 63",
        "uri: https:abc.de",
        "Nordic UART Service (6e400001-b5a3-f393-e0a9-e50e24dcca9e)",
        "solicits: Heart Rate (0x180d)",
        "type 0x2b: 99",
    ):
        assert part in line


@pytest.mark.parametrize(
    "data",
    [
        "0206",  # an element longer than the rest
        "0201061f0941",  # the same behind a good one
        "04030d180f",  # half a UUID
        "0a0701020304050607080910"[:22],  # a 128-bit list with too little
        "010a",  # a transmit power without a value
        "02ff4c",  # half a company
        "02160d",  # half a UUID before service data
        "021940",  # half an appearance
    ],
)
def test_malformed_data_is_said_and_survived(here: Surroundings, data: str) -> None:
    here.peripheral(data=data)
    (device,) = scan_json(here)
    assert device["data"] == data
    assert device["malformed"]
    result = here.run("scan", "--seconds", "1.5")
    assert result.returncode == 0
    assert f"malformed: {device['malformed']}" in result.stdout


@pytest.mark.parametrize("data", ["", "00", "0201060000", "0101", "0109", "020106020105"])
def test_odd_but_legal_data_is_no_fault(here: Surroundings, data: str) -> None:
    here.peripheral(data=data)
    (device,) = scan_json(here)
    assert device["data"] == data
    assert "malformed" not in device


def test_name_cannot_harm_the_terminal(here: Surroundings) -> None:
    evil = b"a\x1b[2J\x07\xff\xe2\x80\xaeb\r\nc"
    here.peripheral(data=bytes([len(evil) + 1, 9]).hex() + evil.hex())
    result = here.run("scan", "--seconds", "1.5")
    (line,) = result.stdout.splitlines()
    assert r'"a\x1b[2J\x07\xff\xe2\x80\xaeb\x0d\x0ac"' in line
    (device,) = scan_json(here)
    assert device["name"] == r"a\x1b[2J\x07\xff\xe2\x80\xaeb\x0d\x0ac"


def test_name_in_utf_8(here: Surroundings) -> None:
    name = "Größe 心".encode()
    here.peripheral(data=bytes([len(name) + 1, 9]).hex() + name.hex())
    (device,) = scan_json(here)
    assert device["name"] == "Größe 心"


def test_filters(here: Surroundings) -> None:
    first = here.peripheral(data="0609" + b"first".hex())
    second = here.peripheral(data="0709" + b"second".hex())
    assert first.address != second.address
    assert {device["name"] for device in scan_json(here)} == {"first", "second"}
    (device,) = scan_json(here, "--name", "cond")
    assert device["address"] == second.address
    (device,) = scan_json(here, "--address", first.address.lower())
    assert device["name"] == "first"
    result = here.run("scan", "--seconds", "1.5", "--name", "third")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == "bluet: no such advertiser was heard\n"


def test_passive_scan_hears_no_response(here: Surroundings) -> None:
    here.peripheral(data=HEART_RATE, response=NAME)
    (device,) = scan_json(here, "--passive")
    assert device["response"] == ""
    assert "name" not in device


def test_all_reports(here: Surroundings) -> None:
    here.peripheral(data=HEART_RATE, response=NAME)
    reports = scan_json(here, "--all")
    assert len(reports) > 5
    assert {report["pdu"] for report in reports} == {"ADV_IND", "SCAN_RSP"}
    for report in reports:
        assert report["data" if report["pdu"] == "ADV_IND" else "response"] in (HEART_RATE, NAME)


def test_nobody_there(here: Surroundings) -> None:
    result = here.run("scan", "--seconds", "0.5")
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == "bluet: no advertiser was heard\n"


def test_first_line_only(here: Surroundings) -> None:
    """`bluet scan | head -1`: the first line comes at once, and the scan ends quietly when nobody reads any more."""
    peripheral = here.peripheral(data=HEART_RATE, response=NAME)
    began = time.monotonic()
    result = subprocess.run(
        ["bash", "-c", 'set -o pipefail; "$0" scan --seconds 50 | head -1; echo "${PIPESTATUS[0]}"', PROGRAM],
        env=here.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    line, status = result.stdout.splitlines()
    assert line.startswith(peripheral.address)
    assert '"Heart sense"' in line
    assert result.stderr == ""
    # Killed by SIGPIPE, like every other program in that place.
    assert int(status) == 128 + signal.SIGPIPE
    assert time.monotonic() - began < 40


def test_interrupt_ends_the_scan(here: Surroundings) -> None:
    here.peripheral(data=HEART_RATE, response=NAME)
    process = here.start_program("scan", "--seconds", "0")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert errors == ""


def test_interrupt_before_anybody_was_heard(here: Surroundings) -> None:
    process = here.start_program("scan", "--seconds", "0")
    wait_until(lambda: any(here.runtime_folder.glob("**/*.socket")))
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode in (1, 130)
    assert output == ""
    assert errors.startswith("bluet: ")


@pytest.mark.parametrize("columns", [50, 80, 200])
def test_live_table_on_a_terminal(here: Surroundings, columns: int) -> None:
    peripheral = here.peripheral(data=HEART_RATE, response=NAME)
    output, code = here.run_on_terminal("scan", columns=columns, interrupt_when=f"(?s)(?:{peripheral.address}.*){{5}}")
    assert code == 0
    assert output.count(peripheral.address) > 2
    assert output.endswith("\x1b[?25h")
    assert output.count("\x1b[?25l") == 1
    # What is left standing after the last redrawing.
    last = re.split(r"\x1b\[\d+A\r", output)[-1]
    assert last.count(peripheral.address) == 1
    for part in ("ADDRESS", "RSSI", "Heart sense", *(["flags"] if columns > 50 else [])):
        assert part in last
    # No line is broken by the terminal, or the table would not be drawn over in place.
    for part in re.findall(r"\x1b\[\?7h(.*?)\x1b\[\?7l", output, re.DOTALL):
        assert "ADDRESS" not in part
    if columns >= 80:
        for line in output.splitlines():
            assert len(re.sub(r"\x1b\[[?0-9;]*[A-Za-z]|\r", "", line)) <= columns


def test_plain_lines_on_a_dumb_terminal_or_without_color(here: Surroundings) -> None:
    here.peripheral(data=HEART_RATE, response=NAME)
    here.environment["NO_COLOR"] = "1"
    output, code = here.run_on_terminal("scan", "--seconds", "1.5", columns=80)
    assert code == 0
    assert "\x1b[1m" not in output
    output, code = here.run_on_terminal("scan", "--seconds", "1.5", "--all", columns=80)
    assert code == 0
    assert "\x1b" not in output


def test_radio_lost_during_the_scan(here: Surroundings) -> None:
    path = here.folder / "radio"
    air = here.start_program("air", "--unix", path)
    assert air.stdout is not None
    assert air.stdout.readline().startswith("serves")
    snoop = here.folder / "snoop"
    here.environment["BLUET_SNOOP"] = str(snoop)
    process = here.start_program("scan", "--seconds", "0", "--transport", f"unix:{path}")
    begin_to_scan = bytes.fromhex("010c200201")
    wait_until(lambda: snoop.exists() and begin_to_scan in snoop.read_bytes())
    air.kill()
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert output == ""
    assert errors.startswith("bluet: the radio was lost")
