"""Scanning and reading services through every transport that can be had here, most of all serial lines."""

import fcntl
import os
import pty
import select
import socket
import threading
import tty
from collections.abc import Iterator
from pathlib import Path

import pytest
from surroundings import PATIENCE, Surroundings, wait_until


class Line:
    """A pseudo-terminal; what is written to it goes to a socket, and back."""

    def __init__(self, path: Path) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        self.name = os.ttyname(self.slave)
        self.controller = socket.socket(socket.AF_UNIX)
        self.controller.connect(str(path))
        self.thread = threading.Thread(target=self.pass_on, daemon=True)
        self.stopping = False
        self.thread.start()

    def pass_on(self) -> None:
        while not self.stopping:
            for end in select.select([self.master, self.controller], [], [], 0.02)[0]:
                if end is self.controller:
                    os.write(self.master, self.controller.recv(4096))
                else:
                    self.controller.sendall(os.read(self.master, 4096))

    def hang_up(self) -> None:
        self.stopping = True
        self.thread.join()
        self.controller.close()
        os.close(self.slave)
        os.close(self.master)


@pytest.fixture
def line(here: Surroundings) -> Iterator[Line]:
    path = here.folder / "socket"
    air = here.start_program("air", "--unix", path)
    assert air.stdout is not None
    assert air.stdout.readline().startswith("serves")
    made = Line(path)
    yield made
    if not made.stopping:
        made.hang_up()


OLD = "version=4.0,without=privacy+2m+coded+extended+periodic+length,acl=27x2"


@pytest.mark.parametrize("controller", ["", OLD], ids=["new", "old"])
@pytest.mark.parametrize("kind", ["unix", "tcp", "pty"])
def test_each_transport(here: Surroundings, kind: str, controller: str) -> None:
    """Long values too, with what a controller of today can do, and with what one of 2010 could."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    link = here.folder / "tty"
    places = {"unix": f"unix:{here.folder / 'socket'}", "tcp": f"tcp:127.0.0.1:{port}", "pty": f"pty:{link}"}
    options = f",{controller}" if controller else ""
    air = here.start_program("air", "--name", "lab", "--listen", places[kind] + options)
    assert air.stdout is not None
    assert air.stdout.readline().startswith("serves")
    wait_until(lambda: kind != "pty" or link.exists())
    here.python_environment["BLUET_TRANSPORT"] = "air:lab"
    peripheral = here.peripheral(data="020106", services=True)
    transport = places[kind] if kind != "pty" else f"serial:{link},921600"

    scanned = here.run("scan", "--seconds", "1", "--transport", transport)
    assert scanned.returncode == 0, scanned.stderr
    assert peripheral.address in scanned.stdout
    drawn = here.run("gatt", peripheral.address, "--transport", transport)
    assert drawn.returncode == 0, drawn.stderr
    assert "Battery" in drawn.stdout
    assert "Bluet works" in drawn.stdout


def test_scan_and_gatt(here: Surroundings, line: Line) -> None:
    here.python_environment["BLUET_TRANSPORT"] = f"unix:{here.folder / 'socket'}"
    peripheral = here.peripheral(data="020106", services=True)
    transport = f"serial:{line.name},1000000,rtscts"
    scanned = here.run("scan", "--seconds", "1", "--transport", transport)
    assert scanned.returncode == 0, scanned.stderr
    assert peripheral.address in scanned.stdout
    drawn = here.run("gatt", peripheral.address, BLUET_TRANSPORT=transport)
    assert drawn.returncode == 0, drawn.stderr
    assert "Battery" in drawn.stdout


def test_line_that_is_in_use(here: Surroundings, line: Line) -> None:
    fcntl.flock(line.slave, fcntl.LOCK_EX)
    result = here.run("scan", "--seconds", "0.1", "--transport", f"serial:{line.name}")
    assert result.returncode == 1
    assert "another program uses it" in result.stderr
    assert result.stderr.count("\n") == 1


def test_unplugged(here: Surroundings, line: Line) -> None:
    here.python_environment["BLUET_TRANSPORT"] = f"unix:{here.folder / 'socket'}"
    here.peripheral(data="020106")
    scan = here.start_program("scan", "--seconds", "30", "--transport", f"serial:{line.name}")
    assert scan.stdout is not None
    assert scan.stdout.readline()
    line.hang_up()
    errors = scan.communicate(timeout=PATIENCE)[1]
    assert scan.returncode == 1
    assert "the line has been hung up" in errors


@pytest.mark.parametrize(
    ("transport", "code", "words"),
    [
        ("serial", 2, "needs the path"),
        ("serial:/dev/null,12345", 2, "'12345' is neither 'rtscts' nor a speed"),
        ("serial:/dev/null", 1, "is not a serial line"),
        ("serial:/dev/ttyNOWHERE", 1, "is it plugged in?"),
    ],
)
def test_what_cannot_be(here: Surroundings, transport: str, code: int, words: str) -> None:
    result = here.run("scan", "--seconds", "0.1", "--transport", transport)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (code, "", 1)
    assert words in result.stderr
