"""The names of assigned numbers, as they were generated, against a list that others keep."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from surroundings import ROOT

pytest.importorskip("bluetooth_numbers")


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, str]]:
    out = tmp_path_factory.mktemp("numbers") / "tables.c"
    subprocess.run([sys.executable, ROOT / "cli/numbers.py", out], check=True)
    found: dict[str, dict[int, str]] = {}
    for name, rows in re.findall(r"struct number (\w+)_short\[\] = \{\n(.*?)\n\};", out.read_text(), re.DOTALL):
        pairs = re.findall(r'\{0x([0-9a-f]+), "((?:[^"\\]|\\.)*)"\}', rows)
        found[name] = {int(value, 16): text for value, text in pairs}
        # For the binary search.
        assert list(found[name]) == sorted(found[name])
    return found


def test_well_known_numbers(tables: dict[str, dict[int, str]]) -> None:
    assert tables["services"][0x180D] == "Heart Rate"
    assert tables["characteristics"][0x2A37] == "Heart Rate Measurement"
    assert tables["descriptors"][0x2902] == "Client Characteristic Configuration"
    assert tables["companies"][0x004C] == "Apple, Inc."
    assert tables["appearances"][0x0341] == "Heart Rate Belt"
    # The UUIDs of members, and names outside of ASCII, are mended.
    assert tables["services"][0xFEFF] == "GN Netcom"
    assert max(tables["services"]) <= 0xFFFF
    assert not any("Ã" in name for name in tables["companies"].values())


def test_names_against_those_of_tshark(tables: dict[str, dict[int, str]], theirs: dict[str, dict[int, str]]) -> None:
    def agree(ours: str, other: str) -> bool:
        """They say the same in other words: 'Heart Rate Sensor: Heart Rate Belt', 'Generic Phone'."""
        plain = [set(re.findall(r"[a-z0-9]+", name.lower())) - {"generic", "service"} for name in (ours, other)]
        return bool(plain[0] & plain[1]) or ours == other

    for table, field, least in (
        ("appearances", "eir_ad.entry.appearance", 100),
        ("companies", "eir_ad.entry.company_id", 2000),
        ("services", "eir_ad.entry.uuid_16", 50),
    ):
        common = {key for key in tables[table] if key in theirs[f"btcommon.{field}"]}
        assert len(common) >= least, f"{table}: only {len(common)} in common"
        different = [
            (hex(key), tables[table][key], theirs[f"btcommon.{field}"][key])
            for key in sorted(common)
            if not agree(tables[table][key], theirs[f"btcommon.{field}"][key])
        ]
        # Companies change their names, and appearances were renamed here and there.
        assert len(different) <= len(common) // 20, different


def test_missing_package_is_said(tmp_path: Path) -> None:
    assert importlib.util.find_spec("bluetooth_numbers") is not None
    result = subprocess.run(
        [sys.executable, "-S", "-E", ROOT / "cli/numbers.py", tmp_path / "tables.c"], capture_output=True, text=True
    )
    assert result.returncode == 1
    assert "pip install bluetooth-numbers" in result.stderr
    assert "Traceback" not in result.stderr
