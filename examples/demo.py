"""Runs the heart-rate sensor and the monitor, in two processes, on a virtual air of their own; ./do demo.

Shows what each prints, leaves a btsnoop capture of each, and exits 0 if everything has happened that should.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
SECONDS = 30

EXPECTED = {
    "sensor": {
        "advertises": r"advertising as",
        "a central connects": r"central connected",
        "the central leaves": r"central disconnected",
    },
    "monitor": {
        "finds the advertisement": r"found .* dBm",
        "connects": r"^connected to",
        "discovers the service": r"service UUID\(0x180d\)",
        "discovers the characteristic": r"characteristic UUID\(0x2a37\)",
        "subscribes": r"^subscribed",
        "gets five notifications with rates": r"(?s)(heart rate \d+ bpm.*){5}",
        "disconnects": r"^disconnected",
    },
}


class Program:
    """An example in a process of its own, whose lines are shown as they come."""

    def __init__(self, role: str, captures: Path, environment: dict[str, str]) -> None:
        self.role = role
        self.capture = captures / f"{role}.btsnoop"
        self.capture.unlink(missing_ok=True)
        self.output = ""
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "bluet.run", EXAMPLES / f"heart_rate_{role}.py"],
            env=environment | {"BLUET_SNOOP": str(self.capture)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.output += line
            print(f"{self.role:>8} | {line}", end="", flush=True)

    def wait(self, until: float) -> list[str]:
        """What has not happened."""
        try:
            code = self.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self._reader.join()
        expected = EXPECTED[self.role].items()
        missing = [what for what, pattern in expected if not re.search(pattern, self.output, re.MULTILINE)]
        if code:
            missing.append(f"ends well (it ended with {code})")
        if not self.capture.exists() or self.capture.stat().st_size <= 16:
            missing.append("leaves a capture")
        return [f"the {self.role} {what}" for what in missing]


def run(captures: Path) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="bluet-demo-") as folder:
        environment = os.environ | {"XDG_RUNTIME_DIR": folder, "BLUET_TRANSPORT": "air"}
        path = [os.environ["PYTHONPATH"]] if "PYTHONPATH" in os.environ else []
        environment["PYTHONPATH"] = os.pathsep.join([*path, str(ROOT / "build" / "python")])
        until = time.monotonic() + SECONDS
        programs = [Program(role, captures, environment) for role in EXPECTED]
        return [missing for program in programs for missing in program.wait(until)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--captures", type=Path, default=ROOT / "build" / "demo", help="folder for the captures")
    captures = parser.parse_args().captures
    captures.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    missing = run(captures)
    for what in missing:
        print(f"missing: {what}", file=sys.stderr)
    print(f"\ncaptures: {', '.join(str(captures / f'{role}.btsnoop') for role in EXPECTED)}  (btmon -r, tshark -r)")
    print(f"{'failed' if missing else 'all as expected'}, in {time.monotonic() - started:.1f} s")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
