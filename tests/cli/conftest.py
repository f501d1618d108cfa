"""Fixtures for the tests of the program."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from surroundings import Surroundings


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Surroundings]:
    surroundings = Surroundings(tmp_path)
    yield surroundings
    surroundings.end()
