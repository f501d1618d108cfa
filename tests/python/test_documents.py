"""The programs in the documents, run as they stand there."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"

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
    result = subprocess.run([sys.executable, "-c", "\n".join(blocks)], capture_output=True, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == EXPECTED[name]
