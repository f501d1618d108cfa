"""The stubs say what the extension has: mypy compares the two."""

import subprocess
import sys

import pytest

# A buffer's method, which the interpreter shows from 3.12 on; and two forms of one method.
ALLOWED = "bluet._bluetooth.UUID.__buffer__\nbluet._bluetooth.BLE.gap_connect\n"


def test_stubs(tmp_path):
    pytest.importorskip("mypy")
    allowed = tmp_path / "allowed"
    allowed.write_text(ALLOWED)
    command = [sys.executable, "-m", "mypy.stubtest", "bluet", f"--allowlist={allowed}", "--ignore-unused-allowlist"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
