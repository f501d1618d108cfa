"""`bluet air`: what it says of who comes and goes, in a pipe, as JSON and on a terminal; and how it ends."""

import json
import os
import pty
import re
import select
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
