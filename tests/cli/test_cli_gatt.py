"""`bluet gatt`: a peer's services as a tree and as JSON; refusals, missing peers, links that are lost."""

import json
import re
import signal
import time

import pytest
from surroundings import PATIENCE, Surroundings, wait_until

UNNAMED = "0badcafe-0000-4000-8000-00805f9b0001"


def by_uuid(attributes: list[dict], uuid: str) -> dict:
    (found,) = [attribute for attribute in attributes if attribute["uuid"] == uuid]
    return found


def test_tree(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True, name="Bluet test")
    result = here.run("gatt", peripheral.address)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert result.stdout.startswith(f"{peripheral.address}  ")
    assert "ATT MTU " in result.stdout.splitlines()[0]
    lines = result.stdout.splitlines()

    def line(*parts: str) -> str:
        (found,) = [line for line in lines if all(part in line for part in parts)]
        return found

    service, included = (line for line in lines if "Heart Rate (0x180d)" in line)
    assert not service.startswith((" ", "│", "├", "└"))
    assert included.startswith((" ", "│", "├", "└"))
    assert "included: 0x0014 to 0x" in included
    assert "notify" in line("Heart Rate Measurement (0x2a37)")
    assert '"Bluet test"' in line("Device Name (0x2a00)", "read")
    assert "87 %" in line("Battery Level (0x2a19)")
    assert '"Bluet works"' in line("Manufacturer Name String (0x2a29)")
    assert '"Größe"' in line("(0x2901)")
    assert UNNAMED in line(UNNAMED)
    refusal = line("Model Number String (0x2a24)")
    assert "not read: Insufficient Authentication: The attribute wants a link that has been paired" in refusal
    assert len([line for line in lines if "(0x2902)" in line]) >= 2
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("columns", [80, 140])
def test_tree_on_a_terminal(here: Surroundings, columns: int) -> None:
    peripheral = here.peripheral(services=True)
    output, code = here.run_on_terminal("gatt", peripheral.address, columns=columns)
    assert code == 0
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output)
    lines = plain.splitlines()
    assert "Device Name" in plain
    assert ("Heart Rate (0x180d)" in plain) == (columns > 100)
    assert "... (512 octets)" in " ".join(plain.replace("│", " ").split())
    # What a refusal means stands once, under the tree.
    assert lines[-1].startswith("Insufficient Authentication: The attribute wants")
    assert plain.count("The attribute wants") == 1
    for line in lines[:-1]:
        assert len(line) <= columns


def test_json(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True, name="Bluet test")
    result = here.run("gatt", "--json", peripheral.address.lower())
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["address"] == peripheral.address
    assert found["complete"] is True
    assert found["mtu"] > 23
    services = found["services"]
    assert {"0x1800", "0x1801", "0x180d", "0x180f", UNNAMED} <= {service["uuid"] for service in services}
    assert [service["handle"] for service in services] == sorted(service["handle"] for service in services)

    heart_rate = by_uuid(services, "0x180d")
    assert heart_rate["name"] == "Heart Rate"
    measurement, location = heart_rate["characteristics"]
    assert measurement["properties"] == ["notify"]
    assert "value" not in measurement and "error" not in measurement
    (configuration,) = measurement["descriptors"]
    assert configuration["uuid"] == "0x2902"
    assert configuration["value"] == "0000"
    assert configuration["value_text"] == "off"
    assert location["value"] == "01"
    assert location["value_handle"] == location["handle"] + 1

    (included,) = by_uuid(services, "0x180f")["included"]
    assert (included["uuid"], included["name"]) == ("0x180d", "Heart Rate")
    assert (included["start_handle"], included["end_handle"]) == (heart_rate["handle"], heart_rate["end_handle"])
    assert heart_rate["included"] == []

    unnamed = by_uuid(services, UNNAMED)
    assert "name" not in unnamed
    refused = by_uuid(unnamed["characteristics"], "0x2a24")
    assert refused["error"]["status"] == 5
    assert refused["error"]["name"] == "Insufficient Authentication"
    assert by_uuid(unnamed["characteristics"], "0x2a29")["descriptors"][0]["value_text"] == '"Größe"'
    for service in services:
        for characteristic in service["characteristics"]:
            assert service["handle"] < characteristic["handle"] < characteristic["value_handle"]
            assert characteristic["end_handle"] <= service["end_handle"]


@pytest.mark.parametrize("length", [0, 254, 255, 256, 510, 512])
def test_long_values_are_read_to_their_end(here: Surroundings, length: int) -> None:
    peripheral = here.peripheral(services=True, long_value=length)
    found = json.loads(here.run("gatt", "--json", peripheral.address).stdout)
    value = by_uuid(by_uuid(found["services"], UNNAMED)["characteristics"], "0x2a3d")["value"]
    assert value == "00" * length


def test_type_of_the_address_may_be_said(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True)
    heard = json.loads(here.run("scan", "--json", "--seconds", "1.5").stdout)
    right, wrong = ("--random", "--public") if heard["address_type"] == "random" else ("--public", "--random")
    assert here.run("gatt", right, peripheral.address).returncode == 0
    result = here.run("gatt", wrong, "--timeout", "1", peripheral.address)
    assert result.returncode == 1
    assert result.stderr.startswith(f"bluet: {peripheral.address}: no connection within 1 s")


def test_missing_address(here: Surroundings) -> None:
    for arguments, words in (([], "not found"), (["--public"], "no connection"), (["--random"], "no connection")):
        began = time.monotonic()
        result = here.run("gatt", "--timeout", "1", *arguments, "C0:FF:EE:00:00:01")
        assert result.returncode == 1
        assert result.stdout == ""
        assert result.stderr.startswith(f"bluet: C0:FF:EE:00:00:01: {words}")
        assert result.stderr.count("\n") == 1
        assert time.monotonic() - began < 50


def test_peer_that_is_not_connectable(here: Surroundings) -> None:
    peripheral = here.peripheral(connectable=False)
    result = here.run("gatt", "--timeout", "1", peripheral.address)
    assert result.returncode == 1
    assert result.stderr == f"bluet: {peripheral.address}: it advertises, but does not accept connections\n"


def test_peer_that_leaves_half_way(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True, vanish_at_read=True)
    result = here.run("gatt", "--json", peripheral.address)
    assert result.returncode == 1
    found = json.loads(result.stdout)
    assert found["complete"] is False
    # What was read until then is there.
    assert by_uuid(found["services"], "0x180f")["characteristics"][0]["value"] == "57"
    assert "value" not in by_uuid(by_uuid(found["services"], UNNAMED)["characteristics"], "0x2a29")
    assert result.stderr.startswith("bluet: the connection ended half way: Remote User Terminated Connection: ")
    assert found["problem"] == result.stderr.strip().removeprefix("bluet: ")


def test_peer_that_dies_half_way(here: Surroundings) -> None:
    """kill -9: nothing more is heard of it, and the supervision timeout ends the link."""
    peripheral = here.peripheral(services=True, hang_at_read=True)
    process = here.start_program("gatt", peripheral.address)
    assert peripheral.process.stdout is not None
    assert peripheral.process.stdout.readline() == "asked\n"
    peripheral.process.kill()
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert "87 %" in output
    assert errors.startswith("bluet: the connection ended half way: Connection Timeout: ")


def test_interrupt(here: Surroundings) -> None:
    snoop = here.folder / "snoop"
    here.environment["BLUET_SNOOP"] = str(snoop)
    process = here.start_program("gatt", "--timeout", "50", "C0:FF:EE:00:00:01")
    begin_to_scan = bytes.fromhex("010c200201")
    wait_until(lambda: snoop.exists() and begin_to_scan in snoop.read_bytes())
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert output == ""
    assert errors == "bluet: interrupted\n"
