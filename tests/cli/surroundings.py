"""The program as its users run it: real processes, each test with an air of its own."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PROGRAM = Path(os.environ.get("BLUET_PROGRAM") or Path(os.environ.get("BLUET_BUILD", ROOT / "build")) / "bluet")

# Long enough for a machine that is busy; nothing waits for so long that succeeds.
PATIENCE = 60


class Surroundings:
    """An environment in which nothing of the user's own is seen, and whatever was started is ended."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runtime_folder = folder / "run"
        self.runtime_folder.mkdir(mode=0o700)
        self.processes: list[subprocess.Popen[str]] = []
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BLUET_")}
        folders = {"XDG_RUNTIME_DIR": str(self.runtime_folder), "XDG_STATE_HOME": str(folder / "state")}
        self.python_environment = kept | folders | {"LC_ALL": "C.UTF-8"}
        # The program brings its own sanitizer; leaks count there.
        self.environment = {name: value for name, value in self.python_environment.items() if name != "LD_PRELOAD"}
        if "ASAN_OPTIONS" in self.environment:
            self.environment["ASAN_OPTIONS"] = "detect_leaks=1"

    def run(self, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs `bluet` to its end, in a pipe."""
        return subprocess.run(
            [PROGRAM, *map(str, arguments)],
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def run_on_terminal(self, *arguments: str, columns: int, interrupt_when: str | None = None) -> tuple[str, int]:
        """Runs `bluet` on a terminal of 24 rows, pressing Ctrl-C when this fits: what it wrote, and its exit code."""
        environment = self.environment | {"TERM": "xterm"}
        pid, terminal = pty.fork()
        if pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
            os.execve(PROGRAM, [str(PROGRAM), *arguments], environment)
        output, began = b"", time.monotonic()
        while time.monotonic() - began < PATIENCE:
            if interrupt_when is not None and re.search(interrupt_when, output.decode(errors="replace")):
                os.write(terminal, b"\x03")
                interrupt_when = None
            if select.select([terminal], [], [], 0.1)[0]:
                try:
                    output += os.read(terminal, 65536)
                except OSError:
                    break
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(terminal)
        return output.decode(), code

    def terminal(self, *arguments: object) -> "Terminal":
        """Starts `bluet` on a terminal, for somebody who reads and types."""
        return Terminal([str(PROGRAM), *map(str, arguments)], self.environment | {"TERM": "dumb"})

    def start(self, command: list[object], environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            list(map(str, command)),
            env=environment or self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def start_program(self, *arguments: object) -> subprocess.Popen[str]:
        return self.start([PROGRAM, *arguments])

    def peripheral(self, **settings: object) -> "Peripheral":
        """An advertiser in another process, with the services that `settings` say."""
        process = self.start([sys.executable, HERE / "peripheral.py", json.dumps(settings)], self.python_environment)
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if not address:
            raise AssertionError(process.communicate(timeout=PATIENCE)[1])
        return Peripheral(process, address)

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.communicate()


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.output = ""
        self.seen = 0
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execve(command[0], command, environment)

    def _read(self, end: float) -> bool:
        assert time.monotonic() < end, f"it does not go on: {self.output}"
        if select.select([self.terminal], [], [], 0.1)[0]:
            try:
                self.output += os.read(self.terminal, 65536).decode().replace("\r\n", "\n")
            except OSError:
                return False
        return True

    def expect(self, pattern: str) -> re.Match[str]:
        """Waits until the program has written something new that fits."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, self.output[self.seen :])):
            assert self._read(end), f"it has ended without {pattern}: {self.output}"
        self.seen += found.end()
        return found

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def end(self) -> int:
        """Waits for its end; gives its exit code."""
        end = time.monotonic() + PATIENCE
        while self._read(end):
            pass
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Peripheral:
    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self.process = process
        self.address = address


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
