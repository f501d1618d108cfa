"""The judges see what is wrong: else what they let pass would be worth nothing."""

import shutil
import struct

import pytest
from judges import judge

RESET = b"\x01\x03\x0c\x00"
SCAN_ENABLE = b"\x01\x0c\x20\x02\x01\x00"
SCAN_ENABLE_SHORT = b"\x01\x0c\x20\x01\x01"
CONNECTED_SHORT = b"\x04\x3e\x04\x01\x00\x01\x00"
EXCHANGE_MTU_SHORT = b"\x02\x01\x20\x05\x00\x01\x00\x04\x00\x02"


def write(path, packets):
    """A btsnoop of H4 packets, commands from us and the rest to us."""
    data = b"btsnoop\0" + struct.pack(">II", 1, 1002)
    for number, packet in enumerate(packets):
        flags = 2 if packet[0] == 1 else 3
        data += struct.pack(">IIIIq", len(packet), len(packet), flags, 0, 0x00DCDDB30F2F8000 + number) + packet
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("program", ["tshark", "btmon"])
def test_what_is_too_short_is_seen(tmp_path, monkeypatch, program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: which(name) if name == program else None)
    assert judge(write(tmp_path / "good", [RESET, SCAN_ENABLE])) == []
    for packet in SCAN_ENABLE_SHORT, CONNECTED_SHORT, EXCHANGE_MTU_SHORT:
        assert judge(write(tmp_path / "bad", [RESET, packet]))


def test_theirs_can_be_let_off(tmp_path):
    if not shutil.which("tshark"):
        pytest.skip("tshark is not installed")
    assert judge(write(tmp_path / "theirs", [RESET, CONNECTED_SHORT]), ours_alone=True) == []
    assert judge(write(tmp_path / "ours", [RESET, SCAN_ENABLE_SHORT]), ours_alone=True)
