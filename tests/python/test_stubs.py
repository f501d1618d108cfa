"""The stubs say what the extension has: mypy compares the two."""

import subprocess
import sys

import pytest

# A buffer's method, which the interpreter shows from 3.12 on; and methods of more than one form.
ALLOWED = """\
bluet._bluetooth.UUID.__buffer__
bluet._bluetooth.BLE.gap_connect
bluet._bluetooth.BLE.gap_phy
bluet._bluetooth.BLE.gap_data_length
"""


def test_stubs(tmp_path):
    pytest.importorskip("mypy")
    allowed = tmp_path / "allowed"
    allowed.write_text(ALLOWED)
    command = [sys.executable, "-m", "mypy.stubtest", "bluet", f"--allowlist={allowed}", "--ignore-unused-allowlist"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
