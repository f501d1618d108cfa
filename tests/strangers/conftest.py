"""What all tests against strangers share: an air, judges of what went over it, and the table of what was tried."""

import json
import shutil
import subprocess
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import linux_guest
import pytest
from ours import BUILD, air_at, can_connect, free_port

# What btmon says of what it cannot make out.
JUDGEMENTS = ("malformed", "invalid packet size", "invalid attribute", "too short packet")
HEAD = """# What was tried with whom

Written by the tests against other people's hosts and controllers (tests/strangers/README.md says how). A role is
theirs; a controller of theirs had our host on it.

| stranger | version | role | tried | tests |
| --- | --- | --- | --- | --- |
"""


@pytest.fixture
def served_air():
    """The address of an air that is served on TCP."""
    port = free_port()
    with air_at("--tcp", f"127.0.0.1:{port}", ready=lambda: can_connect(port)):
        yield f"127.0.0.1:{port}"


# ---- Judges ----


def judge(capture, ours_alone):
    """What tshark and btmon hold to be wrong in a capture, or in what our host said in it."""
    faults = []
    if shutil.which("tshark"):
        command = ["tshark", "-r", capture, "-Y", "_ws.malformed" + " && hci_h4.direction == 0" * ours_alone]
        faults += subprocess.run(command, capture_output=True, text=True, timeout=60).stdout.splitlines()
    if shutil.which("btmon") and not ours_alone:
        shown = subprocess.run(["btmon", "-r", capture], capture_output=True, text=True, timeout=60).stdout
        faults += [line for line in shown.splitlines() if any(word in line.lower() for word in JUDGEMENTS)]
    return faults


@pytest.fixture(autouse=True)
def judged(request, tmp_path, monkeypatch):
    """All that our host says and hears in a test is captured, and judged by those who wrote no line of it."""
    on_our_air = not {"served_air", "air"}.isdisjoint(request.fixturenames)
    folder = tmp_path / "captures"
    folder.mkdir()
    monkeypatch.setenv("BLUET_SNOOP", str(folder / "ours"))
    yield
    for capture in sorted(folder.iterdir()):
        assert judge(capture, not on_our_air) == [], f"in {capture}"


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
