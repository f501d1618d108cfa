"""What the tests of the MicroPython backend share."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import unix_port

HERE = Path(__file__).resolve().parent
SECONDS = 60


@pytest.fixture(scope="session")
def micropython():
    """The unix port with this host, built when it is first needed."""
    try:
        return unix_port.build()
    except unix_port.NotToBeHad as error:
        pytest.skip(f"MicroPython is not to be had: {error}")


@pytest.fixture
def own_air(monkeypatch):
    """An air that nobody else is on: a runtime folder of this test's own."""
    with tempfile.TemporaryDirectory(prefix="bluet-", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.delenv("BLUET_TRANSPORT", raising=False)
        yield folder


class Interpreter:
    """Something that runs programs for MicroPython."""

    def __init__(self, name, *words):
        self.name = name
        self.words = [str(word) for word in words]

    def start(self, *arguments, options=(), environment=(), **settings):
        environment = os.environ | {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"} | dict(environment)
        return subprocess.Popen(
            [*self.words, *options, *map(str, arguments)],
            env=environment,
            text=True,
            stdin=settings.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **settings,
        )

    def run(self, *arguments, **settings):
        """The lines that a program prints. It has to end well."""
        return finish(self.start(*arguments, **settings))


def finish(process, code=0):
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == code, output
    return output.splitlines()


@pytest.fixture
def on_micropython(micropython, own_air):
    return Interpreter("micropython", micropython)


@pytest.fixture
def on_cpython(own_air):
    return Interpreter("cpython", sys.executable, HERE / "as_micropython.py")
