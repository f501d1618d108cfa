"""The fixture `air` for pytest: an air in virtual time, seeded by the name of the test, its seed told on failure.

`@pytest.mark.air(seed=1, loss=0.1)` chooses otherwise, and `--air-seed=N` runs every test with that seed.
"""

import zlib
from collections.abc import Iterator

import pytest

from bluet.air import Air

_SEED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bluet")
    group.addoption("--air-seed", type=int, default=None, metavar="N", help="seed of the fixture `air` in every test")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "air(seed=None, loss=0.0): seed and loss of the fixture `air`")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed and _SEED in item.stash:
        seed = item.stash[_SEED]
        report.sections.append(("bluet", f"seed of the air: {seed} (again with --air-seed={seed})"))


@pytest.fixture
def air(request: pytest.FixtureRequest) -> Iterator[Air]:
    """An air in virtual time that is closed after the test."""
    marker = request.node.get_closest_marker("air")
    wanted = marker.kwargs if marker else {}
    seed = request.config.getoption("--air-seed", None)
    if seed is None:
        seed = wanted.get("seed", zlib.crc32(request.node.nodeid.encode()))
    request.node.stash[_SEED] = seed
    with Air(seed=seed, loss=wanted.get("loss", 0.0)) as made:
        yield made
