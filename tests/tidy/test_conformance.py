"""What tests/conformance/ids.txt claims is what its tests replay, neither more nor less."""

import re

from project import ROOT

FOLDER = ROOT / "tests/conformance"
CASE = re.compile(r'\{"([A-Z0-9]+/[^"]+)",')


def replayed() -> list[tuple[str, str]]:
    return [(case, path.name) for path in sorted(FOLDER.glob("test_*.c")) for case in CASE.findall(path.read_text())]


def claimed() -> list[list[str]]:
    lines = (FOLDER / "ids.txt").read_text().splitlines()
    return [line.split(" ", 2) for line in lines if not line.startswith("#")]


def test_claims_are_kept() -> None:
    assert sorted((row[0], row[1]) for row in claimed() if row[1] != "-") == sorted(replayed())


def test_all_else_has_a_reason() -> None:
    assert not [row[0] for row in claimed() if row[1] == "-" and not (len(row) == 3 and row[2])]


def test_ids_are_said_once() -> None:
    ids = [row[0] for row in claimed()]
    assert ids == sorted(set(ids))
