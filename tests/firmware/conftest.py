"""The firmware, built as ./do firmware builds it, on a Cortex-M3 that QEMU plays."""

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from bluet.pytest_plugin import pytest_configure, pytest_runtest_makereport

__all__ = ["pytest_configure", "pytest_runtest_makereport"]

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "cmake"))

import source_package  # noqa: E402


@pytest.fixture(scope="session")
def firmware():
    """Its image."""
    for program in ("arm-none-eabi-gcc", "qemu-system-arm", "make"):
        if not shutil.which(program):
            pytest.skip(f"there is no {program}")
    with (ROOT / "build" / "firmware.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of several processes one makes it; the others find it made
        return made()


def made():
    try:
        mbedtls = source_package.fetch("mbedtls", ROOT / "build" / "mbedtls")
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        pytest.skip(f"the source of mbedTLS is not to be had: {error}")
    onefile, folder = ROOT / "build" / "onefile", ROOT / "build" / "firmware"
    subprocess.run([sys.executable, ROOT / "cmake/onefile.py", onefile], check=True)
    command = ["make", "-C", ROOT / "firmware", f"ONEFILE={onefile}", f"MBEDTLS={mbedtls}", f"OUT={folder}"]
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder / "sensor.elf"


@pytest.fixture
def own_air(monkeypatch):
    """Airs in real time that nobody else is on: a runtime folder of this test's own. Gives its path, which is short."""
    with tempfile.TemporaryDirectory(prefix="bluet-", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.delenv("BLUET_TRANSPORT", raising=False)
        yield Path(folder)


@contextlib.contextmanager
def board(image, socket_path, *options):
    """The firmware runs, its UART at that socket."""
    log = ROOT / "build" / f"firmware-{os.getpid()}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                *("qemu-system-arm", "-machine", "mps2-an385", "-nographic", *(options or ("-monitor", "none"))),
                *("-chardev", f"socket,id=hci,path={socket_path}", "-serial", "chardev:hci", "-kernel", str(image)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
            assert process.poll() is None, log.read_text()
        finally:
            process.kill()
            process.wait()
    log.unlink()
