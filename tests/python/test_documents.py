"""The programs and commands in the documents, run as they stand there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from radios import python

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

EXPECTED = {
    "gatt-server": [
        "the control point answered [0, 128]",
        "sent 2",
        "subscribed to the rate: 0",
        "subscribed: [1]",
        "the server is called Renamed",
    ],
    "gatt-client": [
        "includes [(20, 22, UUID(0x180f))]",
        "made by The makers of this long text, which does not fit one packet",
        "battery [(22, 0, b'W')]",
        "together [(22, 0, b'W'), (28, 0, b'A1')]",
        "Nobody B2",
        "switched on",
    ],
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_program_of_a_page(name):
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / f"{name}.md").read_text(), re.MULTILINE | re.DOTALL)
    result = subprocess.run([sys.executable, "-c", "\n".join(blocks)], capture_output=True, text=True, timeout=120)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == EXPECTED[name]


def test_the_commands_of_the_page_on_channels(own_air, monkeypatch, tmp_path):
    page = (DOCS / "l2cap-channels.md").read_text()
    commands = [line.split() for line in re.findall(r"^    python (.*)$", page, re.MULTILINE)]
    assert len(commands) == 2
    snoop = re.search(r"`BLUET_SNOOP=(\S+)`", page)[1]
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("BLUET_SNOOP", str(tmp_path / snoop))
    sender = python(*commands[0])
    monkeypatch.delenv("BLUET_SNOOP")
    receiver = python(*commands[1])
    output, errors = receiver.communicate(timeout=120)
    assert (errors, receiver.returncode) == ("", 0), output
    assert "received 20000 bytes, all of them right" in output
    sender.communicate(timeout=120)

    assert f"`btmon -r {snoop}`" in page
    if not shutil.which("btmon"):
        pytest.skip("btmon is not installed")
    shown = subprocess.run(["btmon", "-r", tmp_path / snoop], capture_output=True, text=True, timeout=120).stdout
    for what in ("Enhanced Credit Connection Request", "LE Flow Control Credit", "sdu 1024"):
        assert what in shown
