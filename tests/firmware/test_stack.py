"""What docs/porting.md says of the stack and of the time that pairing takes, measured.

The stack is painted before the start, and looked at while the machine runs. Time is counted in instructions.
"""

import re
import socket
import subprocess
import time

from conftest import ROOT, board
from test_sensor import Central, use_everything

PAINT = b"\xa5"
SIZE = 4 * 1024  # firmware/board.ld
SAID = re.compile(r"stack: (\d+) octets without pairing, (\d+) with it")
INSTRUCTIONS = re.compile(r"(\d+) million instructions for the public key, and (\d+) million for what both share")


def top_of_stack(image):
    listing = subprocess.run(["arm-none-eabi-nm", image], capture_output=True, check=True, text=True).stdout
    return int(re.search(r"^([0-9a-f]+) . board_stack_top$", listing, re.MULTILINE)[1], 16)


class Monitor:
    """QEMU's own, for people: a prompt, a line, and its answer until the next prompt."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        until = time.monotonic() + 30
        while True:
            try:
                self._socket.connect(str(path))
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.05)
        self._read()

    def _read(self):
        heard = b""
        while not heard.endswith(b"(qemu) "):
            part = self._socket.recv(4096)
            assert part, heard
            heard += part

    def save(self, address, size, path):
        self._socket.sendall(f'pmemsave {address} {size} "{path}"\n'.encode())
        self._read()


def test_the_stack_is_as_deep_as_is_said(own_air, firmware):
    paint = own_air / "paint"
    paint.write_bytes(PAINT * SIZE)
    top = top_of_stack(firmware)
    bottom = top - SIZE
    seen = []
    options = (
        *("-monitor", f"unix:{own_air}/monitor,server=on,wait=off"),
        *("-device", f"loader,file={paint},addr={bottom:#x},force-raw=on"),
    )
    central = Central()
    with board(firmware, own_air / "bluet" / "air.socket", *options):
        monitor = Monitor(own_air / "monitor")

        def look():
            monitor.save(bottom, SIZE, own_air / "stack")
            left = (own_air / "stack").read_bytes()
            seen.append(SIZE - (len(left) - len(left.lstrip(PAINT))))

        use_everything(central, look)
        look()
    central.close()
    compare(SAID, seen)


def test_pairing_takes_as_long_as_is_said(firmware):
    made = firmware.parent
    program = made / "p256.elf"
    objects = [made / "bluet.o", made / "arena.o", *made.glob("mbedtls_*.o")]
    subprocess.run(
        [
            *(
                "arm-none-eabi-gcc",
                "-mcpu=cortex-m3",
                "-mthumb",
                "-std=c11",
                "-Os",
                "-nostartfiles",
                "--specs=nano.specs",
            ),
            *(
                "-T",
                ROOT / "firmware" / "board.ld",
                "-Wl,--gc-sections",
                f"-I{ROOT / 'build' / 'onefile'}",
                "-o",
                program,
            ),
            *(ROOT / "tests" / "firmware" / "p256.c", *objects),
        ],
        check=True,
    )
    run = subprocess.run(
        [
            *("qemu-system-arm", "-machine", "mps2-an385", "-nographic", "-monitor", "none", "-serial", "none"),
            *("-icount", "shift=0", "-semihosting-config", "enable=on,target=native", "-kernel", program),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
    )
    figures = [int(figure) / 1_000_000 for figure in re.findall(r"^(?:public|agree) (\d+)$", run.stdout, re.MULTILINE)]
    assert len(figures) == 2, run.stdout
    compare(INSTRUCTIONS, figures)


def compare(pattern, figures):
    """What is said is enough, and not far too much: the compiler's next version may do a little otherwise."""
    said = pattern.search(" ".join((ROOT / "docs" / "porting.md").read_text().split()))
    limits = [float(figure) for figure in said.groups()]
    assert all(figure <= limit <= figure * 1.6 for figure, limit in zip(figures, limits, strict=True)), figures
