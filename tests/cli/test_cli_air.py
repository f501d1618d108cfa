"""`bluet air`: what it says of who comes and goes, in a pipe, as JSON and on a terminal; and how it ends."""

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import time

import pytest
from surroundings import PATIENCE, PROGRAM, Surroundings, wait_until


def lines_until(process: subprocess.Popen[str], words: str) -> list[str]:
    """Reads lines up to the one that has these words."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip("\n"))
        if words in line:
            return lines
    raise AssertionError(f"{words!r} is not in {lines}: {process.communicate(timeout=PATIENCE)[1]}")


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> tuple[str, str]:
    process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE)
    return output, errors


def test_lines_of_who_comes_and_goes(here: Surroundings) -> None:
    air = here.start_program("air", "--seed", "3")
    assert lines_until(air, "serves") == ["serves air:air"]
    peripheral = here.peripheral(data="020106")
    (came,) = lines_until(air, "has come")
    assert re.fullmatch(rf"\S+\[{peripheral.process.pid}\] has come", came)
    assert here.run("scan", "--seconds", "0.5").returncode == 0
    lines_until(air, "has gone")
    peripheral.process.kill()
    assert f"[{peripheral.process.pid}] has gone" in lines_until(air, "has gone")[-1]
    output, errors = interrupt(air)
    assert (air.returncode, output, errors) == (0, "", "")
    assert not any(path.is_socket() for path in here.runtime_folder.glob("**/*"))


@pytest.mark.parametrize("options", [["--name", "lab"], ["--unix", "SOCKET"]], ids=["name", "unix"])
def test_json_and_where_it_listens(here: Surroundings, options: list[str]) -> None:
    path = here.folder / "socket"
    arguments = [str(path) if option == "SOCKET" else option for option in options]
    transport = f"unix:{path}" if "--unix" in options else "air:lab"
    air = here.start_program("air", "--json", *arguments)
    assert json.loads(lines_until(air, "serves")[0]) == {"event": "serves", "transport": transport}
    here.run("scan", "--seconds", "0.2", "--transport", transport)
    came, gone = (json.loads(line) for line in lines_until(air, "gone"))
    assert (came["event"], gone["event"]) == ("come", "gone")
    assert came["client"] == gone["client"]
    assert 0 < came["time"] < gone["time"]
    interrupt(air, signal.SIGTERM)
    assert air.returncode == 0


def test_dropped_client(here: Surroundings) -> None:
    path = here.folder / "socket"
    air = here.start_program("air", "--json", "--unix", path)
    lines_until(air, "serves")

    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(path))
        stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
        dropped = json.loads(lines_until(air, "dropped")[-1])
    assert dropped["event"] == "dropped"
    assert "0x47" in dropped["reason"]
    interrupt(air)
    assert air.returncode == 0


def test_one_air_of_a_name(here: Surroundings) -> None:
    air = here.start_program("air")
    lines_until(air, "serves")
    second = here.run("air")
    assert second.returncode == 1
    assert second.stdout == ""
    assert second.stderr.startswith("bluet: cannot run the air: ")
    assert second.stderr.count("\n") == 1
    interrupt(air)
    assert air.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--loss", "2"], "--loss"),
        (["--loss", "nan"], "--loss"),
        (["--speed", "0"], "--speed"),
        (["--speed", "-1"], "--speed"),
        (["--tcp", "localhost"], "HOST:PORT"),
        (["--name", "a/b"], "name"),
        (["--name", "a", "--unix", "b"], "--unix"),
        (["--seed", "x"], "--seed"),
        (["--nonsense"], "--nonsense"),
        (["extra"], "extra"),
    ],
)
def test_wrong_usage(here: Surroundings, arguments: list[str], words: str) -> None:
    result = here.run("air", *arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("bluet: ")
    assert words in result.stderr


@pytest.mark.parametrize("arguments", [["--unix", "/no/such/folder/socket"], ["--tcp", "no.such.host.invalid:9"]])
def test_cannot_listen(here: Surroundings, arguments: list[str]) -> None:
    result = here.run("air", *arguments)
    assert result.returncode == 1
    assert result.stdout == ""
    assert arguments[1] in result.stderr
    assert result.stderr.count("\n") == 1


def test_help(here: Surroundings) -> None:
    result = here.run("air", "--help")
    assert result.returncode == 0
    assert result.stderr == ""
    for option in ("--name", "--unix", "--tcp", "--seed", "--loss", "--speed", "--json", "--help"):
        assert option in result.stdout


def test_reader_that_goes_away(here: Surroundings) -> None:
    air = here.start_program("air")
    lines_until(air, "serves")
    assert air.stdout is not None
    air.stdout.close()
    wait_until(lambda: air.poll() is not None)
    assert air.returncode == -signal.SIGPIPE
    assert not any(path.is_socket() for path in here.runtime_folder.glob("**/*"))


def read_screen(terminal: int, words: str) -> str:
    """What is written on the terminal, until these words are there."""
    text = ""
    end = time.monotonic() + PATIENCE
    while words not in text:
        assert time.monotonic() < end, text
        if select.select([terminal], [], [], 0.1)[0]:
            text += os.read(terminal, 65536).decode()
    return text


def test_screen(here: Surroundings) -> None:
    terminal, end_of_program = pty.openpty()
    air = subprocess.Popen(
        [PROGRAM, "air"],
        env=here.environment | {"TERM": "xterm", "COLUMNS": "130"},
        stdin=end_of_program,
        stdout=end_of_program,
        stderr=end_of_program,
    )
    os.close(end_of_program)
    try:
        assert "CLIENT" in read_screen(terminal, "nobody is here")
        peripheral = here.peripheral(data="020106")
        shown = read_screen(terminal, "advertises")
        assert f"[{peripheral.process.pid}]" in shown
        assert peripheral.address in shown
        peripheral.process.kill()
        read_screen(terminal, "has gone")
        air.send_signal(signal.SIGINT)
        assert air.wait(PATIENCE) == 0
    finally:
        air.kill()
        air.wait()
        os.close(terminal)


RESET = bytes.fromhex("01030c00")


def exchange(descriptor: int, packet: bytes, length: int) -> bytes:
    os.write(descriptor, packet)
    answer = b""
    while len(answer) < length:
        assert select.select([descriptor], [], [], PATIENCE)[0], answer
        answer += os.read(descriptor, length - len(answer))
    return answer


def descriptors_of(process: subprocess.Popen[str]) -> int:
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def test_pseudo_terminal(here: Surroundings) -> None:
    """A host opens it, goes without a word, and the next finds a controller in its first state."""
    link = here.folder / "tty"
    air = here.start_program(
        "air", "--pty", f"{link},address=C0:FF:EE:00:00:01,version=4.2,without=extended+2m+coded,acl=27x3"
    )
    lines = lines_until(air, "MicroPython")
    assert f"serves pty:{link}" in lines
    assert any("btattach -B" in line and str(link) in line for line in lines)
    before = descriptors_of(air)
    for turn in range(100):
        wait_until(link.exists)
        descriptor = os.open(link, os.O_RDWR | os.O_NOCTTY)
        if turn % 3:
            assert exchange(descriptor, RESET, 7) == bytes.fromhex("040e0401030c00")
        if turn % 3 == 2:
            os.write(descriptor, bytes.fromhex("010a200101"))  # is cut off while it advertises
        if turn == 4:
            answer = exchange(descriptor, bytes.fromhex("01091000"), 13)
            assert answer[7:] == bytes.fromhex("010000eeffc0")
            assert exchange(descriptor, bytes.fromhex("01022000"), 10)[7:] == bytes.fromhex("1b0003")
            assert exchange(descriptor, bytes.fromhex("013b2000"), 7) == bytes.fromhex("040f0401013b20")
        os.close(descriptor)
        if turn % 3:
            lines_until(air, "has gone")
        else:
            time.sleep(0.1)
    wait_until(lambda: descriptors_of(air) == before)
    interrupt(air)
    assert not link.is_symlink()


def test_clients_that_are_cut_off(here: Surroundings) -> None:
    path = here.folder / "socket"
    air = here.start_program("air", "--unix", path, "--tcp", "localhost:0")
    lines_until(air, "serves tcp")
    before = descriptors_of(air)
    for turn in range(100):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall((RESET + bytes.fromhex("010a200101"))[: 1 + turn % 9])
    wait_until(lambda: descriptors_of(air) == before)
    interrupt(air)


def test_control(here: Surroundings) -> None:
    path, orders = here.folder / "socket", here.folder / "orders"
    air = here.start_program("air", "--unix", path, "--control", orders)
    lines_until(air, "serves")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        wait_until(lambda: here.run("air", "control", orders, "radios").stdout.startswith("1 "))

        def order(*words: str) -> str:
            done = here.run("air", "control", orders, *words)
            assert done.returncode == 0, done.stderr
            return done.stdout

        assert order("fault", "drop", "packet=l2cap", "cid=6", "opcode=4", "nth=3") == "fault 1\n"
        assert order("count", "1") == "matched 0, acted 0\n"
        assert order("dead", "1") == "fault 2\nfault 3\n"
        assert order("loss", "0.5") == ""
        assert order("jam", "37") == "fault 4\n"
        assert order("position", "1", "0", "2.5", "1") == ""
        assert order("completions", "1", "never") == ""
        order("remove", "1")
        order("hardware-error", "1")
        client.settimeout(PATIENCE)
        assert client.recv(16)[:3] == bytes.fromhex("041001")
        order("hci-delay", "1", "0.3")
        start = time.monotonic()
        client.sendall(RESET)
        assert client.recv(16)[:7] == bytes.fromhex("040e0401030c00")
        assert time.monotonic() - start > 0.28
        for wrong in (
            "fault",
            "fault burn",
            "fault drop nth=0",
            "dead 7",
            "loss 2",
            "remove 1",
            "nonsense",
            "path 1 1 3",
        ):
            done = here.run("air", "control", orders, *wrong.split())
            assert (done.returncode, done.stdout) == (1, ""), wrong
            assert done.stderr.strip(), wrong
    interrupt(air)


def test_capture_of_extended_advertising(here: Surroundings) -> None:
    """Judged by tshark while it grows: HCI of each host and the radio, on one clock."""
    if not shutil.which("tshark"):
        pytest.skip("there is no tshark to judge")
    path, capture = here.folder / "socket", here.folder / "air.pcapng"
    air = here.start_program("air", "--unix", path, "--capture", capture)
    lines_until(air, "serves")

    def command(client: socket.socket, opcode: int, parameters: bytes) -> None:
        client.sendall(bytes([1]) + opcode.to_bytes(2, "little") + bytes([len(parameters)]) + parameters)
        assert client.recv(300)[6] == 0

    with socket.socket(socket.AF_UNIX) as advertiser, socket.socket(socket.AF_UNIX) as scanner:
        for client in (advertiser, scanner):
            client.settimeout(PATIENCE)
            client.connect(str(path))
            command(client, 0x0C03, b"")
        command(advertiser, 0x2036, bytes.fromhex("01 4000 a00000 a00000 07 00 00 000000000000 00 7f 01 00 02 05 00"))
        # tshark does not join the parts of a chain, and an AD structure that goes on in the next is malformed to it.
        command(advertiser, 0x2037, bytes([1, 3, 1, 202]) + bytes([201, 0xFF]) + bytes(200))
        command(advertiser, 0x203E, bytes.fromhex("01 5000 5000 4000"))
        command(advertiser, 0x2040, bytes.fromhex("01 01"))
        command(advertiser, 0x2039, bytes.fromhex("01 01 01 0000 00"))
        command(scanner, 0x2001, bytes.fromhex("ffffffffff030000"))
        command(scanner, 0x2041, bytes.fromhex("00 00 01 00 6000 6000"))
        command(scanner, 0x2042, bytes.fromhex("01 00 0000 0000"))
        names = ("frame.interface_name", "_ws.malformed", "btle.advertising_header.pdu_type", "btle.crc.incorrect")
        arguments = [word for name in names for word in ("-e", name)]
        environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
        command_line = ["tshark", "-r", capture, "-T", "fields", *arguments]

        def read() -> list[list[str]]:
            output = subprocess.run(command_line, capture_output=True, text=True, env=environment).stdout
            return [line.split("\t") for line in output.splitlines()]

        wait_until(lambda: sum(packet[2] == "0x07" for packet in read()) > 20)
        packets = read()
    assert not [packet for packet in packets if packet[1] or packet[3]]
    assert len({packet[0] for packet in packets}) >= 2
    interrupt(air)
