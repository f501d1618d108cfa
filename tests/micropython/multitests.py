"""Programs in the form of MicroPython's multitests, which its own runner runs: instance0() here, instance1() there."""

import os
import subprocess
import sys

import unix_port
from conftest import HERE

# The runner ends a program that has printed nothing for ten seconds; on a busy machine it is to wait longer.
RUNNER = """
import os, sys
with open("run-multitests.py") as file:
    text = file.read()
assert "INSTANCE_READ_TIMEOUT_S = 10\\n" in text
text = text.replace("INSTANCE_READ_TIMEOUT_S = 10\\n", "INSTANCE_READ_TIMEOUT_S = 60\\n")
path = os.path.abspath("run-multitests.py")
exec(compile(text, path, "exec"), {"__name__": "__main__", "__file__": path})
"""


def instance(script, *words, before=""):
    """The word by which the runner knows an interpreter, which is made patient. `before`: what its shell does first."""
    command = " ".join(map(str, (sys.executable, HERE / "patient.py", *words)))
    script.write_text(f'#!/bin/sh\n{before}\nexec {command} "$@"\n')
    script.chmod(0o755)
    return f"exec:{script}"


def run(program, *instances):
    """The program has to pass: to print what the file beside it says, or what CPython prints."""
    words = [sys.executable, "-c", RUNNER]
    for word in instances:
        words += ["-i", word]
    result = subprocess.run(
        [*words, program],
        cwd=unix_port.source() / "tests",
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0 and "1 tests passed" in result.stdout, result.stdout + result.stderr
