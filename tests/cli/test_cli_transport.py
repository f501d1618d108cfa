"""Radios that are not there, or not what they should be; and strangers on the air's socket."""

import random
import socket
import stat
import threading
import time

import pytest
from surroundings import PATIENCE, Surroundings, wait_until

COMMANDS = (["scan", "--seconds", "1"], ["gatt", "--timeout", "1", "C0:FF:EE:00:00:01"])


@pytest.mark.parametrize("command", COMMANDS, ids=["scan", "gatt"])
@pytest.mark.parametrize(
    ("transport", "code"),
    [
        ("nonsense", 2),
        ("unix:", 2),
        ("unix:/nowhere/at/all", 1),
        ("tcp:127.0.0.1:1", 1),
        ("tcp:127.0.0.1", 2),
    ],
)
def test_transport_that_does_not_exist(here: Surroundings, command: list[str], transport: str, code: int) -> None:
    for result in (here.run(*command, "--transport", transport), here.run(*command, BLUET_TRANSPORT=transport)):
        assert result.returncode == code, result.stderr
        assert result.stdout == ""
        assert result.stderr.startswith("bluet: ")
        assert result.stderr.count("\n") == 1
        if code == 1:
            assert transport.split(":", 1)[1] in result.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=["scan", "gatt"])
def test_runtime_folder_that_cannot_be_used(here: Surroundings, command: list[str]) -> None:
    """Also as root, for whom no mode forbids anything: there is a file in the folder's place."""
    in_the_way = here.folder / "file"
    in_the_way.write_text("")
    result = here.run(*command, XDG_RUNTIME_DIR=str(in_the_way))
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("bluet: ")
    assert str(in_the_way) in result.stderr
    assert result.stderr.count("\n") == 1


def test_runtime_folder_without_permission(here: Surroundings) -> None:
    here.runtime_folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        (here.runtime_folder / "probe").write_text("")
    except PermissionError:
        pass
    else:
        pytest.skip("for this user no mode forbids anything")
    result = here.run("scan", "--seconds", "1")
    here.runtime_folder.chmod(stat.S_IRWXU)
    assert result.returncode == 1
    assert result.stderr.startswith("bluet: ")
    assert str(here.runtime_folder) in result.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=["scan", "gatt"])
def test_controller_that_does_not_answer(here: Surroundings, command: list[str]) -> None:
    path = here.folder / "mute"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        began = time.monotonic()
        result = here.run(*command, "--transport", f"unix:{path}")
    assert result.returncode == 1
    assert result.stderr.startswith("bluet: cannot start the radio: ")
    assert result.stderr.count("\n") == 1
    assert time.monotonic() - began < 30


def test_controller_that_talks_nonsense(here: Surroundings) -> None:
    path = here.folder / "mad"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def rave() -> None:
            with listener.accept()[0] as connection:
                noise = random.Random(1)
                try:
                    for _ in range(1000):
                        connection.sendall(noise.randbytes(64))
                except OSError:
                    pass

        thread = threading.Thread(target=rave)
        thread.start()
        result = here.run("scan", "--seconds", "1", "--transport", f"unix:{path}")
        thread.join(PATIENCE)
    assert result.returncode == 1
    assert result.stderr.startswith("bluet: ")


# Random octets, half a packet, lengths that lie, packets of kinds that a host does not send.
GARBAGE = [
    random.Random(7).randbytes(4096),
    bytes.fromhex("01030c"),
    bytes.fromhex("01030cff") + bytes(10),
    bytes.fromhex("02010cffff"),
    bytes.fromhex("02400004000200"),
    bytes.fromhex("040e0401030c00"),
    bytes.fromhex("ff") * 1000,
    b"GET / HTTP/1.1\r\n\r\n",
    b"",
]


def test_garbage_on_the_air_while_a_scan_runs(here: Surroundings) -> None:
    peripheral = here.peripheral(data="020106")
    process = here.start_program("scan", "--seconds", "2.5", "--all")
    assert process.stdout is not None
    assert process.stdout.readline().startswith(peripheral.address)
    (path,) = [path for path in here.runtime_folder.glob("**/*") if path.is_socket()]
    for octets in GARBAGE:
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(path))
            try:
                stranger.sendall(octets)
                stranger.settimeout(0.05)
                while stranger.recv(4096):
                    pass
            except (TimeoutError, OSError):
                pass
    output, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert errors == ""
    # The advertiser was heard all the time: two seconds and a half at 20 to 30 ms each.
    assert len(output.splitlines()) > 50
    assert peripheral.process.poll() is None


def test_air_goes_with_its_last_user(here: Surroundings) -> None:
    assert here.run("scan", "--seconds", "0.2").returncode == 1
    wait_until(lambda: not any(path.is_socket() for path in here.runtime_folder.glob("**/*")))


def test_airs_of_different_names_do_not_hear_each_other(here: Surroundings) -> None:
    here.peripheral(data="020106")
    assert here.run("scan", "--seconds", "0.4", "--transport", "air:elsewhere").returncode == 1
    assert here.run("scan", "--seconds", "1.5", "--transport", "air").returncode == 0
