"""Hosts in JavaScript on our air, through a pseudo-terminal: noble as a central, bleno as a peripheral, from npm."""

import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest
from bluet import bluetooth
from ours import BUILD, Ours, air_at, wait_for

SCRIPTS = Path(__file__).parent / "node"
PACKAGES = BUILD / "strangers/node"
NAME = "Bluet"
ADVERTISEMENT = bytes([2, 1, 6, len(NAME) + 1, 9]) + NAME.encode()
SERVICE, VALUE = "50db505c8ac4473884483b1d9cc09cc5", "50db505d8ac4473884483b1d9cc09cc5"
FLAGS = bluetooth.FLAG_READ | bluetooth.FLAG_WRITE | bluetooth.FLAG_NOTIFY
LONG = bytes(range(65, 91)) * 10
PATIENCE = 60
PUBLIC = 0

FETCH_SECONDS = 150

pytestmark = pytest.mark.timeout(2 * FETCH_SECONDS)


def uuid(text):
    return bluetooth.UUID(f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}")


@pytest.fixture(scope="module")
def packages():
    """The folder of the packages, which are fetched once for each list of them."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("noble cannot be had: node or npm is not installed")
    wanted = (SCRIPTS / "package.json").read_text()
    stamp = PACKAGES / "fetched"
    if not stamp.exists() or stamp.read_text() != wanted:
        PACKAGES.mkdir(parents=True, exist_ok=True)
        (PACKAGES / "package.json").write_text(wanted)
        # They bring what they need in machine code with them: nothing of theirs is run to install them.
        command = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"]
        options = {"cwd": PACKAGES, "stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
        try:
            subprocess.run(command, **options, timeout=FETCH_SECONDS, check=True)
        except subprocess.SubprocessError as error:
            pytest.skip(f"noble cannot be had: {error}: {str(error.stderr)[-500:]}")
        stamp.write_text(wanted)
    return PACKAGES / "node_modules"


class Script:
    """A script of ours that runs a host of theirs; what it says, it says in lines of JSON."""

    def __init__(self, name, packages, terminal, *arguments):
        environment = os.environ | {"NODE_PATH": str(packages), "BLUETOOTH_HCI_SOCKET_UART_PORT": str(terminal)}
        self._process = subprocess.Popen(
            ["node", SCRIPTS / name, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._said, self._other = [], []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self):
        for line in self._process.stdout:
            (self._said.append(json.loads(line)) if line.startswith("[") else self._other.append(line))

    def expect(self, word):
        """What was said with this word, which may have been a while ago."""

        def found():
            assert not any(said[0] == "failed" for said in self._said), self._said
            return next((said for said in self._said if said[0] == word), None)

        try:
            return wait_for(found, PATIENCE)[1]
        except AssertionError as error:
            raise AssertionError(f"not said: {word}, but {self._said}, {''.join(self._other)}") from error

    def ended(self):
        return self._process.wait(PATIENCE)

    def stop(self):
        self._process.kill()
        self._process.wait()
        self._thread.join()
        self._process.stdout.close()


@pytest.fixture
def air(tmp_path, judged):
    """The folder of an air's terminal and of its socket."""
    terminal, socket = tmp_path / "tty", tmp_path / "hci"
    options = ("--pty", terminal, "--unix", socket, "--capture", judged / "air.pcapng")
    with air_at(*options, ready=lambda: terminal.exists() and socket.exists()):
        yield tmp_path


@pytest.fixture
def run(packages, air):
    """Runs a script on the terminal of the air."""
    started = []

    def start(name, *arguments):
        started.append(Script(name, packages, air / "tty", *arguments))
        return started[-1]

    yield start
    for script in started:
        script.stop()


@pytest.fixture
def ours(air):
    values = ((uuid(VALUE), FLAGS),)
    radio = Ours(f"unix:{air / 'hci'}", services=((uuid(SERVICE), values),), patience=PATIENCE)
    yield radio
    radio.close()


@pytest.mark.stranger("noble", "central", "scan, connect, discover, read, read long, write, notify")
def test_noble_visits_our_peripheral(run, ours):
    (value,) = ours.handles
    ours.ble.gatts_set_buffer(value, len(LONG))
    ours.ble.gatts_write(value, b"from bluet")
    ours.ble.gap_advertise(50_000, ADVERTISEMENT)
    central = run("central.js", NAME, SERVICE, VALUE, "from noble")
    assert central.expect("found") == ours.address()[1].lower()
    assert SERVICE in central.expect("services")
    assert set(central.expect("properties")) == {"read", "write", "notify"}
    assert central.expect("read") == "from bluet"
    connection = ours.next(bluetooth.IRQ_CENTRAL_CONNECT)[0]
    assert ours.next(bluetooth.IRQ_GATTS_WRITE) == (connection, value)
    assert ours.ble.gatts_read(value) == b"from noble"
    central.expect("subscribed")
    ours.ble.gatts_write(value, LONG)
    ours.ble.gatts_notify(connection, value, b"news")
    assert central.expect("heard") == "news"
    assert central.expect("long") == len(LONG)
    ours.next(bluetooth.IRQ_CENTRAL_DISCONNECT)
    assert central.ended() == 0


@pytest.mark.stranger("bleno", "peripheral", "scan, connect, MTU, discover, read, write, notify")
def test_bleno_is_visited_by_our_central(run, ours):
    ble = ours.ble
    peripheral = run("peripheral.js", "Bleno", SERVICE, VALUE, LONG.decode(), "news")
    address = bytes.fromhex(peripheral.expect("advertising").replace(":", ""))
    ble.gap_scan(0, 30_000, 30_000, True)
    ours.next(bluetooth.IRQ_SCAN_RESULT, lambda data: data[:2] == (PUBLIC, address) and b"Bleno" in data[4])
    ble.gap_scan(None)
    connection = ours.connect(PUBLIC, address)[0]
    peripheral.expect("accepted")
    ble.gattc_exchange_mtu(connection)
    mtu = ours.next(bluetooth.IRQ_MTU_EXCHANGED)[1]
    assert 23 < mtu <= len(LONG)
    ble.gattc_discover_services(connection, uuid(SERVICE))
    ours.next(bluetooth.IRQ_GATTC_SERVICE_DONE)
    _, start, end, _ = ours.next(bluetooth.IRQ_GATTC_SERVICE_RESULT)
    ble.gattc_discover_characteristics(connection, start, end)
    ours.next(bluetooth.IRQ_GATTC_CHARACTERISTIC_DONE)
    _, _, value, _, found = ours.next(bluetooth.IRQ_GATTC_CHARACTERISTIC_RESULT)
    assert found == uuid(VALUE)
    ble.gattc_discover_descriptors(connection, value, end)
    ours.next(bluetooth.IRQ_GATTC_DESCRIPTOR_DONE)
    is_configuration = lambda data: data[2] == bluetooth.UUID(0x2902)  # noqa: E731
    configuration = ours.next(bluetooth.IRQ_GATTC_DESCRIPTOR_RESULT, is_configuration)[1]
    ble.gattc_read(connection, value)
    assert ours.next(bluetooth.IRQ_GATTC_READ_RESULT)[2] == LONG[: mtu - 1]
    ble.gattc_read(connection, value, mtu - 1)
    assert ours.next(bluetooth.IRQ_GATTC_READ_RESULT)[2] == LONG[mtu - 1 :]
    ble.gattc_write(connection, value, b"asked", 1)
    assert ours.next(bluetooth.IRQ_GATTC_WRITE_DONE) == (connection, value, 0)
    assert peripheral.expect("written") == "asked"
    ble.gattc_write(connection, value, b"told", 0)
    assert peripheral.expect("commanded") == "told"
    ble.gattc_write(connection, configuration, b"\1\0", 1)
    assert ours.next(bluetooth.IRQ_GATTC_NOTIFY) == (connection, value, b"news")
    ble.gap_disconnect(connection)
    ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    peripheral.expect("left")
