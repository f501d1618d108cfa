"""Fixtures for the tests of the program."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from surroundings import Surroundings


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Surroundings]:
    surroundings = Surroundings(tmp_path)
    yield surroundings
    surroundings.end()


@pytest.fixture(scope="session")
def theirs() -> dict[str, dict[int, str]]:
    """The names that tshark has for numbers, by the name of the field."""
    if not shutil.which("tshark"):
        pytest.skip("there is no tshark to compare with")
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    listing = subprocess.run(["tshark", "-G", "values"], capture_output=True, check=True, env=environment).stdout
    found: dict[str, dict[int, str]] = {}
    for line in listing.decode(errors="replace").splitlines():
        fields = line.split("\t")
        if fields[0] == "V" and fields[1].startswith(("btcommon.", "bthci_evt.")):
            # Of several tables for a field the first is the general one.
            found.setdefault(fields[1], {}).setdefault(int(fields[2], 0), fields[3])
    return found
