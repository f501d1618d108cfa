"""`bluet pair` and `bluet bonds`: somebody before a terminal, a peer on the air, and the keys that come of it."""

import json
import stat
from pathlib import Path

import pytest
from surroundings import Peripheral, Surroundings

DISPLAY_ONLY, DISPLAY_YESNO, KEYBOARD_ONLY, NO_INPUT_OUTPUT = range(4)


def says(peripheral: Peripheral) -> str:
    assert peripheral.process.stdout
    return peripheral.process.stdout.readline().strip()


def store_of(here: Surroundings) -> Path:
    return here.folder / "state" / "bluet" / "bonds"


def bonds(here: Surroundings, *arguments: object) -> list[dict]:
    result = here.run("bonds", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_numeric_comparison(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True, security={"bond": True, "mitm": True, "io": DISPLAY_YESNO})
    terminal = here.terminal("pair", peripheral.address)
    shown = terminal.expect(r"This side shows (\d{3}) (\d{3})\. Does the other device show the same\? \[yes/no\] ")
    assert says(peripheral) == f"shows {shown[1]}{shown[2]}"
    terminal.type("perhaps\n")
    terminal.expect("yes or no: ")
    terminal.type("yes\n")
    terminal.expect(rf"Paired with {peripheral.address}: the link was encrypted with a key of 128 bits,\n")
    terminal.expect(r"protected against a man in the middle\.\n")
    terminal.expect(rf"Its keys are kept in {store_of(here)}\.\n")
    assert terminal.end() == 0
    assert says(peripheral) == "encrypted 1 1 1 16"
    assert stat.S_IMODE(store_of(here).stat().st_mode) == 0o600
    assert stat.S_IMODE(store_of(here).parent.stat().st_mode) == 0o700
    (bond,) = bonds(here)
    assert bond == {
        "address": peripheral.address,
        "address_type": "public",
        "secure_connections": True,
        "authenticated": True,
        "key_size": 16,
    }


def test_the_numbers_differ(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True, security={"bond": True, "mitm": True, "io": DISPLAY_YESNO})
    terminal = here.terminal("pair", peripheral.address)
    terminal.expect("show the same")
    terminal.type("no\n")
    terminal.expect(rf"bluet: {peripheral.address}: not paired: it was refused on this side\n")
    assert terminal.end() == 1
    assert bonds(here) == []


def test_the_other_side_says_that_they_differ(here: Surroundings) -> None:
    peripheral = here.peripheral(
        services=True, agrees=False, security={"bond": True, "mitm": True, "io": DISPLAY_YESNO}
    )
    terminal = here.terminal("pair", peripheral.address)
    terminal.expect("show the same")
    terminal.expect(rf"bluet: {peripheral.address}: not paired: Numeric Comparison Failed: ")
    assert terminal.end() == 1


def test_typing_here(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True, security={"bond": True, "mitm": True, "io": DISPLAY_ONLY})
    terminal = here.terminal("pair", peripheral.address)
    terminal.expect("The other device shows a number. Type it here: ")
    assert says(peripheral) == "shows 314159"
    for wrong in ("31415", "3141592", "nonsense", ""):
        terminal.type(f"{wrong}\n")
        terminal.expect("Six digits, please: ")
    terminal.type("314 159\n")
    terminal.expect(r"protected against a man in the middle\.\n")
    assert terminal.end() == 0


def test_typing_the_wrong_number(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True, security={"bond": True, "mitm": True, "io": DISPLAY_ONLY})
    terminal = here.terminal("pair", peripheral.address)
    terminal.expect("Type it here: ")
    terminal.type("000000\n")
    terminal.expect(rf"bluet: {peripheral.address}: not paired: Confirm Value Failed: ")
    assert terminal.end() == 1
    assert bonds(here) == []


def test_typing_there(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True, security={"bond": True, "mitm": True, "io": KEYBOARD_ONLY})
    terminal = here.terminal("pair", "--no-bond", peripheral.address)
    shown = terminal.expect(r"Type this number on the other device: (\d{3}) (\d{3})\n")
    assert peripheral.process.stdin
    peripheral.process.stdin.write(f"{shown[1]}{shown[2]}\n")
    peripheral.process.stdin.flush()
    terminal.expect("Its keys are not kept")
    assert terminal.end() == 0
    assert bonds(here) == []


def test_just_works_and_what_it_opens(here: Surroundings) -> None:
    """Encrypted values are read with the keys that `bluet pair` has kept, until they are forgotten."""
    peripheral = here.peripheral(services=True, security={"bond": True}, store=str(here.folder / "theirs"))
    assert "not read: Insufficient Authentication" in here.run("gatt", peripheral.address).stdout

    result = here.run("pair", peripheral.address)
    assert (result.returncode, result.stderr) == (0, "")
    assert "not protected against a man in the middle (nothing was typed or compared)" in result.stdout
    assert says(peripheral) == "encrypted 1 0 1 16"

    result = here.run("gatt", peripheral.address)
    assert (result.returncode, result.stderr) == (0, "")
    assert '"for friends"' in result.stdout and "not read" not in result.stdout
    assert says(peripheral) == "encrypted 1 0 1 16"

    again = here.run("pair", peripheral.address)
    assert again.stdout.startswith(f"Already paired with {peripheral.address}: ")
    assert says(peripheral) == "encrypted 1 0 1 16"
    assert [bond["address"] for bond in bonds(here)] == [peripheral.address]
    # The store of somebody who is running can be looked at.
    (ours,) = bonds(here, "--store", here.folder / "theirs")
    assert ours["authenticated"] is False and ours["secure_connections"] is True
    taken = here.run("bonds", "--store", here.folder / "theirs", "--remove", "all")
    assert taken.returncode == 1 and "is in use by another radio" in taken.stderr

    table = here.run("bonds").stdout.splitlines()
    assert table[0].split() == ["ADDRESS", "KIND", "PAIRED", "BY", "AUTHENTICATED", "KEY"]
    assert table[1].split() == [peripheral.address, "public", "LE", "Secure", "Connections", "no", "128", "bits"]

    removed = here.run("bonds", "--remove", peripheral.address.lower())
    assert (removed.returncode, removed.stdout) == (0, f"{peripheral.address} is forgotten\n")
    assert bonds(here) == []
    assert here.run("bonds").stdout == f"no bonds in {store_of(here)}\n"
    assert "not read: Insufficient" in here.run("gatt", peripheral.address).stdout


def test_own_address(here: Surroundings) -> None:
    """The peer sees what was asked for; once there is a bond, a private address that resolves is the same as ever."""
    store = str(here.folder / "theirs")
    peripheral = here.peripheral(services=True, security={"bond": True}, store=store, tells_who=True)

    def visit(command: str, *options: str) -> tuple[int, int]:
        """The type of the address that the peer has seen, and the two bits that tell kinds of random ones apart."""
        result = here.run(command, *options, peripheral.address)
        assert (result.returncode, result.stderr) == (0, "")
        words = says(peripheral).split()
        assert words[:2] == ["visited", "by"]
        return int(words[2]), int(words[3], 16) >> 46

    assert visit("gatt")[0] == visit("gatt", "-o", "public")[0] == 0
    assert visit("gatt", "--own-address", "static") == (1, 3)
    assert visit("gatt", "--own-address=rpa") == (1, 1)
    assert visit("gatt", "-o", "nrpa") == (1, 0)
    assert visit("pair", "-o", "rpa") == (1, 1)
    assert says(peripheral) == "encrypted 1 0 1 16"
    assert visit("gatt", "-o", "rpa")[0] == 0
    assert says(peripheral) == "encrypted 1 0 1 16"
    assert here.run("scan", "-o", "nrpa", "--seconds", "1").returncode == 0


def test_the_peer_has_lost_its_keys(here: Surroundings) -> None:
    settings = {"services": True, "security": {"bond": True}, "store": str(here.folder / "theirs")}
    server = here.start_program("air")  # stays while nobody is on it
    assert server.stdout and server.stdout.readline()
    peripheral = here.peripheral(**settings)
    assert here.run("pair", peripheral.address).returncode == 0
    peripheral.process.kill()
    peripheral.process.wait()
    assert here.run("bonds", "--store", settings["store"], "--remove", "all").returncode == 0

    another = here.peripheral(**settings)
    assert another.address == peripheral.address
    result = here.run("pair", peripheral.address)
    assert result.returncode == 1
    assert "not encrypted: there are keys for it here, but it has none any more (bluet bonds --remove" in result.stderr
    result = here.run("gatt", peripheral.address)
    assert "the link is not encrypted: the peer does not know the keys any more" in result.stderr
    assert "not read: Insufficient Authentication" in result.stdout


def test_asks_of_the_link_what_it_is_told_to(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True, security={"bond": True, "legacy": True})
    result = here.run("pair", "--secure", peripheral.address)
    assert result.returncode == 1
    assert "not paired: Authentication Requirements: " in result.stderr
    result = here.run("pair", "--io", "display", peripheral.address)
    assert result.returncode == 1
    assert "not paired: Authentication Requirements: " in result.stderr
    result = here.run("pair", "--io", "display", "--no-mitm", "--store", here.folder / "own", peripheral.address)
    assert result.returncode == 0, result.stderr
    assert bonds(here) == []
    (bond,) = bonds(here, "--store", here.folder / "own")
    assert bond["secure_connections"] is False


def test_the_peer_goes_away(here: Surroundings) -> None:
    security = {"bond": True, "mitm": True, "io": DISPLAY_YESNO}
    peripheral = here.peripheral(services=True, security=security, vanishes_when_asked=True)
    terminal = here.terminal("pair", peripheral.address)
    terminal.expect(rf"bluet: {peripheral.address}: not paired: the connection ended: ")
    assert terminal.end() == 1


def test_interrupted(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True, security={"bond": True, "mitm": True, "io": DISPLAY_YESNO})
    terminal = here.terminal("pair", peripheral.address)
    terminal.expect("show the same")
    terminal.type("\x03")
    terminal.expect("bluet: interrupted\n")
    assert terminal.end() == 130
    says(peripheral)
    assert says(peripheral).startswith("encrypted 0")


def test_nobody_answers(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True, security={"bond": True, "mitm": True, "io": DISPLAY_YESNO})
    result = here.run("pair", "--io", "yesno", peripheral.address)
    assert result.returncode == 1
    assert "it was refused on this side" in result.stderr


def test_keys_that_cannot_be_kept(here: Surroundings) -> None:
    peripheral = here.peripheral(services=True, security={"bond": True})
    store_of(here).parent.mkdir(parents=True)
    store_of(here).write_bytes(b"bluet secrets\n, or what is left of them")
    store_of(here).chmod(0o600)
    result = here.run("pair", peripheral.address)
    assert result.returncode == 1
    assert f"is damaged; it is kept as {store_of(here)}.damaged" in result.stderr
    assert here.run("pair", peripheral.address).returncode == 0
    store_of(here).chmod(0o644)
    for command in (["bonds"], ["pair", peripheral.address], ["gatt", peripheral.address]):
        result = here.run(*command)
        assert (result.returncode, result.stdout) == (1, "")
        assert "chmod 600" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["pair"], "an argument is missing"),
        (["pair", "nonsense"], "not an address"),
        (["pair", "--io", "telepathy", "C0:FF:EE:00:00:01"], "--io telepathy"),
        (["pair", "-o", "secret", "C0:FF:EE:00:00:01"], "--own-address secret: public, static, rpa or nrpa"),
        (["scan", "--own-address", "secret"], "--own-address secret"),
        (["bonds", "--remove", "nonsense"], "neither an address"),
        (["bonds", "C0:FF:EE:00:00:01"], "one argument too many"),
    ],
)
def test_usage(here: Surroundings, arguments: list[str], words: str) -> None:
    result = here.run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert words in result.stderr


def test_nobody_to_forget(here: Surroundings) -> None:
    result = here.run("bonds", "--remove", "C0:FF:EE:00:00:01")
    assert result.returncode == 1
    assert f"there is no bond with it in {store_of(here)}" in result.stderr
    assert here.run("bonds", "--remove", "all").returncode == 0
