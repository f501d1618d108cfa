"""The fixture `air` for pytest: an air in virtual time, seeded by the name of the test.

`@pytest.mark.air(seed=1, loss=0.1)` chooses otherwise, and `--air-seed=N` runs every test with that seed. A test that
fails leaves a capture of all that passed, and its output says where; and with it the seed, what was drawn by
`air.draw()`, and what happened last on each link.
"""

import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from bluet.air import Air

_AIR = pytest.StashKey[tuple[Air, Path, float]]()
_FAILED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("bluet")
    group.addoption("--air-seed", type=int, default=None, metavar="N", help="seed of the fixture `air` in every test")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "air(seed=None, loss=0.0): seed and loss of the fixture `air`")


def _story(air: Air, capture: Path, loss: float) -> str:
    lines = [f"seed of the air: {air.seed} (again with --air-seed={air.seed})", f"loss: {loss}"]
    lines += [f"drawn: {name} = {value!r}" for name, value in air.drawn.items()]
    lines.append(f"capture: {capture}")
    try:
        lines += air.control("last").splitlines()
    except ValueError:  # the test has closed it
        pass
    return "\n".join(lines)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed and _AIR in item.stash:
        item.stash[_FAILED] = True
        report.sections.append(("bluet", _story(*item.stash[_AIR])))


@pytest.fixture
def air(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Air]:
    """An air in virtual time that is closed after the test."""
    marker = request.node.get_closest_marker("air")
    wanted = marker.kwargs if marker else {}
    seed = request.config.getoption("--air-seed", None)
    if seed is None:
        seed = wanted.get("seed", zlib.crc32(request.node.nodeid.encode()))
    loss = wanted.get("loss", 0.0)
    folder = tmp_path_factory.mktemp("air")
    capture = folder / (re.sub(r"\W+", "_", request.node.name) + ".pcapng")
    with Air(seed=seed, loss=loss, capture=capture) as made:
        request.node.stash[_AIR] = (made, capture, loss)
        yield made
    if not request.node.stash.get(_FAILED, False):
        capture.unlink()
        folder.rmdir()
