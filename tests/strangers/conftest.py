"""What all tests against strangers share: an air, judges of what went over it, and the table of what was tried."""

import json
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import linux_guest
import nimble_host
import pytest
from judges import judge
from ours import BUILD, air_at, can_connect, free_port

HEAD = """# What was tried with whom

Written by the tests against other people's hosts and controllers (tests/strangers/README.md says how). A role is
theirs; a controller of theirs had our host on it.

| stranger | version | role | tried | tests |
| --- | --- | --- | --- | --- |
"""


@pytest.fixture(autouse=True)
def judged(request, tmp_path, monkeypatch):
    """The folder of captures, which are judged at the end. Our host writes one of all that it says and hears."""
    on_our_air = not {"served_air", "air"}.isdisjoint(request.fixturenames)
    folder = tmp_path / "captures"
    folder.mkdir()
    monkeypatch.setenv("BLUET_SNOOP", str(folder / "ours"))
    yield folder
    for capture in sorted(folder.iterdir()):
        assert judge(capture, ours_alone=not on_our_air) == [], f"in {capture}"


@pytest.fixture
def served_air(judged):
    """The address of an air that is served on TCP, and of which a capture is made."""
    port = free_port()
    options = ("--tcp", f"127.0.0.1:{port}", "--capture", judged / "air.pcapng")
    with air_at(*options, ready=lambda: can_connect(port)):
        yield f"127.0.0.1:{port}"


# ---- The table ----


def _of_python(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _of_node(name):
    description = BUILD / "strangers/node/node_modules/@stoprocent" / name / "package.json"
    return json.loads(description.read_text())["version"] if description.exists() else "none"


def _of_linux():
    return linux_guest.versions(BUILD / "strangers/linux")


VERSIONS = {
    "Bumble": lambda: _of_python("bumble"),
    "Linux and BlueZ": _of_linux,
    "NimBLE": lambda: nimble_host.version(BUILD / "strangers/nimble"),
    "noble": lambda: _of_node("noble"),
    "bleno": lambda: _of_node("bleno"),
}


def pytest_addoption(parser):
    parser.addoption("--interop", metavar="FILE", help="write a table of what was tried with whom")


def pytest_configure(config):
    config.addinivalue_line("markers", "stranger(name, role, tries): whom a test meets, in which role, and for what")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Table(config.getoption("--interop", None)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item):
    marker = item.get_closest_marker("stranger")
    if marker:
        name, role, tries = marker.args
        item.user_properties.append(("stranger", [name, VERSIONS[name](), role, tries]))


class Table:
    """Collects what the tests came to, also from processes of pytest-xdist's."""

    def __init__(self, path):
        self._path = path
        self._outcomes, self._rows = {}, {}

    def pytest_runtest_logreport(self, report):
        before = self._outcomes.get(report.nodeid, "passed")
        self._outcomes[report.nodeid] = report.outcome if report.outcome != "passed" else before
        for key, value in report.user_properties:
            if key == "stranger":
                self._rows[report.nodeid] = tuple(value)

    def pytest_sessionfinish(self):
        if not self._path:
            return
        counts = {}
        for node, row in self._rows.items():
            counts.setdefault(row, Counter())[self._outcomes[node]] += 1
        table = HEAD
        for row in sorted(counts):
            result = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts[row].items()))
            table += f"| {' | '.join(row)} | {result} |\n"
        Path(self._path).write_text(table)
