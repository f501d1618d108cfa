"""`bluet snoop`: captures in words, damaged ones, and one that grows; `bluet controllers`."""

import json
import os
import random
import re
import struct
from pathlib import Path

import pytest
from surroundings import Surroundings, wait_until

HEADER = b"btsnoop\0" + struct.pack(">II", 1, 1002)


def record(octets: bytes, received: bool, time: int) -> bytes:
    return struct.pack(">IIIIq", len(octets), len(octets), int(received), 0, time) + octets


def capture(path: Path, *packets: str) -> Path:
    """Packets in hexadecimal, after '<' or '>', a second apart."""
    octets = HEADER
    for number, packet in enumerate(packets):
        octets += record(bytes.fromhex(packet[1:]), packet[0] == ">", 1_000_000 * number)
    path.write_bytes(octets)
    return path


@pytest.mark.parametrize(
    ("packet", "words"),
    [
        ("< 01 03 0c 00", "Reset"),
        ("< 01 7f fc 02 aa bb", "command 0xfc7f aa bb"),
        ("> 04 0e 04 01 03 0c 00", "Command Complete: Reset"),
        ("> 04 0e 04 01 05 20 0c", "Command Complete: LE Set Random Address: Command Disallowed (0x0c)"),
        ("> 04 0f 04 12 01 0d 20", "Command Status: LE Create Connection: Invalid HCI Command Parameters (0x12)"),
        ("> 04 05 04 00 40 00 13", "Disconnection Complete link 64: Remote User Terminated Connection (0x13)"),
        ("> 04 10 01 42", "Hardware Error 42"),
        (
            "> 04 3e 13 01 00 40 00 01 00 06 05 04 03 02 01 18 00 00 00 f4 01 00",
            "LE Connection Complete link 64 with 01:02:03:04:05:06 as peripheral",
        ),
        ("> 04 3e 0c 02 01 00 01 06 05 04 03 02 c1 00 c4", "LE Advertising Report C1:02:03:04:05:06 type 0, -60 dBm"),
        ("< 02 40 00 07 00 03 00 04 00 0a 03 00", "link 64: ATT Read Request 03 00"),
        (
            "> 02 40 20 09 00 05 00 04 00 01 0a 03 00 05",
            "link 64: ATT Error Response to Read Request, handle 0x0003: Insufficient Authentication (0x05)",
        ),
        ("> 02 40 20 06 00 02 00 06 00 05 04", "link 64: SMP Pairing Failed: Confirm Value Failed (0x04)"),
        ("< 02 40 00 0c 00 08 00 05 00 16 01 04 00 40 00 01 00", "link 64: L2CAP Flow Control Credit 40 00 01 00"),
        ("< 02 40 00 06 00 02 00 41 00 aa bb", "link 64: L2CAP channel 0x0041, 2 octets aa bb"),
        ("> 02 40 10 02 00 aa bb", "link 64: continued aa bb"),
        ("> 04 0e 04 01 03", "[malformed]"),
        ("> 09 01 02", "packet of kind 0x09 01 02"),
    ],
)
def test_packets_in_words(here: Surroundings, packet: str, words: str) -> None:
    result = here.run("snoop", capture(here.folder / "capture", "< 01 03 0c 00", packet))
    assert (result.returncode, result.stderr) == (0, "")
    first, second = result.stdout.splitlines()
    assert first == "    0.000000 < Reset"
    assert second.startswith(f"    1.000000 {packet[0]} ")
    assert words in second


def test_what_the_program_itself_captures(here: Surroundings) -> None:
    path = here.folder / "capture"
    peripheral = here.peripheral(data="020106", services=True)
    assert here.run("gatt", peripheral.address, BLUET_SNOOP=str(path)).returncode == 0
    shown = here.run("snoop", BLUET_SNOOP=str(path))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"with {peripheral.address}" in shown.stdout
    assert "ATT Read By Group Type Request" in shown.stdout
    assert "malformed" not in shown.stdout
    assert not re.search(r"code 0x|command 0x|kind 0x", shown.stdout)  # all that we say has a name

    objects = [json.loads(line) for line in here.run("snoop", "--json", path).stdout.splitlines()]
    assert len(objects) == len(shown.stdout.splitlines())
    assert objects[0] == {"time": 0.0, "from": "host", "packet": "Reset", "octets": "01030c00"}


def test_capture_that_grows_and_begins_anew(here: Surroundings) -> None:
    path = here.folder / "later"
    process = here.start_program("snoop", "--follow", path)
    assert process.stdout is not None
    capture(path, "< 01 03 0c 00")
    assert process.stdout.readline() == "    0.000000 < Reset\n"
    with path.open("ab") as file:
        whole = record(bytes.fromhex("040e0401030c00"), True, 2_000_000)
        file.write(whole[:26])
        file.flush()
        os.fsync(file.fileno())
        file.write(whole[26:])
    assert process.stdout.readline() == "    2.000000 > Command Complete: Reset\n"
    capture(path, "< 01 01 10 00")
    assert process.stdout.readline() == "    0.000000 < Read Local Version Information\n"
    process.terminate()


def test_what_is_no_capture(here: Surroundings) -> None:
    path = here.folder / "file"
    for octets, words in (
        (b"", "ends in the middle of its header"),
        (b"GET / HTTP/1.1\r\n\r\n", "is no capture in btsnoop form"),
        (HEADER[:12] + struct.pack(">I", 2001), "is a btsnoop of kind 2001"),
        (HEADER + b"\0" * 10, "ends in the middle of a packet"),
        (HEADER + record(b"\x01\x03\x0c\x00", False, 0)[:-1], "ends in the middle of a packet"),
        (HEADER + b"\xff" * 24, "is damaged: a packet of 4294967295 octets"),
    ):
        path.write_bytes(octets)
        result = here.run("snoop", path)
        assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1), octets
        assert words in result.stderr
    missing = here.run("snoop", here.folder / "none")
    assert missing.returncode == 1
    assert "No such file" in missing.stderr
    assert here.run("snoop").returncode == 2


def test_packets_of_chance(here: Surroundings) -> None:
    """Whatever the octets are, each packet is one line."""
    noise = random.Random(1)
    octets = HEADER
    for number in range(2000):
        packet = bytes([noise.choice((1, 2, 4, 4, noise.randrange(256)))]) + noise.randbytes(noise.randrange(40))
        octets += record(packet, bool(number & 1), number)
    path = here.folder / "noise"
    path.write_bytes(octets)
    result = here.run("snoop", path)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(result.stdout.splitlines()) == 2000


def test_controllers(here: Surroundings) -> None:
    lab = here.start_program("air", "--name", "lab")
    wait_until(lambda: "air:lab" in here.run("controllers").stdout)
    listed = here.run("controllers")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert listed.stdout.splitlines()[0].split() == ["TRANSPORT", "WHAT", "PROBLEM"]
    found = {one["transport"]: one for one in json.loads(here.run("controllers", "--json").stdout)}
    assert {"air", "air:lab"} <= set(found)
    assert found["air:lab"]["problem"] is None
    # Looking is not noticed: nobody came.
    assert lab.stdout is not None
    lab.terminate()
    assert "has come" not in lab.communicate()[0]
    assert "air:lab" not in here.run("controllers").stdout
