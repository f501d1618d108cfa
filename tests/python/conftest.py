"""What the tests of the Python module share."""

import tempfile

import pytest
from bluet.pytest_plugin import air, pytest_configure, pytest_runtest_makereport

__all__ = ["air", "own_air", "pytest_configure", "pytest_runtest_makereport"]


@pytest.fixture
def own_air(monkeypatch):
    """Airs in real time that nobody else is on: a runtime folder of this test's own. Gives its path, which is short."""
    with tempfile.TemporaryDirectory(prefix="bluet-") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.delenv("BLUET_TRANSPORT", raising=False)
        yield folder
