"""`bluet explain` knows every code, in every way in which it may be given."""

import json

import pytest
from surroundings import Surroundings

# Reserved in the table of Vol 1 Part F, 1.3.
HCI = [code for code in range(0x49) if code not in (0x2B, 0x31, 0x33)]
ATT = [*range(0x14), *range(0x80, 0xA0), *range(0xE0, 0x106)]
SMP = [*range(0x01, 0x11)]
L2CAP = [*range(0x10)]
ERRORS = [0, -5, -12, -16, -19, -22, -95, -106, -107, -110, -114, -125, -126]


def explain(here: Surroundings, *arguments: object) -> list[dict]:
    result = here.run("explain", "--json", *arguments)
    assert result.returncode in (0, 1)
    found = json.loads(result.stdout)
    assert (result.returncode == 0) == bool(found)
    return found


@pytest.mark.parametrize(
    ("space", "codes"), [("hci", HCI), ("att", ATT), ("smp", SMP), ("l2cap", L2CAP), ("error", ERRORS)]
)
def test_every_code_is_explained(here: Surroundings, space: str, codes: list[int]) -> None:
    listed = {found["code"]: found for found in explain(here, "--list", "--space", space)}
    # Codes that share an explanation are listed once.
    assert set(listed) <= set(codes)
    for found in listed.values():
        assert found["space"].lower() == space
        for key in ("name", "words", "causes", "remedy"):
            assert found[key].strip() == found[key] != ""
        assert found["words"].endswith(".")
    for code in set(codes) - set(listed):
        (found,) = explain(here, "--space", space, str(code))
        assert found["code"] == code
        assert found["words"] == listed[max(first for first in listed if first < code)]["words"]


def test_list_of_everything(here: Surroundings) -> None:
    spaces = [found["space"] for found in explain(here, "--list")]
    assert sorted(set(spaces), key=spaces.index) == ["HCI", "ATT", "SMP", "L2CAP", "error"]
    for arguments in (["--list", "5"], []):
        assert here.run("explain", *arguments).returncode == 2


@pytest.mark.parametrize(
    ("space", "codes"),
    [
        ("hci", [0x2B, 0x31, 0x33, 0x49, 0xFF, 0x100, -1]),
        ("att", [0x14, 0x7F, 0xA0, 0xDF, 0x106, -1]),
        ("smp", [0, 0x11, 0xFF]),
        ("l2cap", [0x10, 0xFFFF]),
        ("error", [-1, -1000, 1]),
    ],
)
def test_unknown_codes_are_not_found(here: Surroundings, space: str, codes: list[int]) -> None:
    for code in codes:
        result = here.run("explain", "--space", space, str(code))
        assert result.returncode == 1
        assert result.stdout == ""
        assert result.stderr.startswith(f"bluet: {code}: no such code")


def test_without_a_space_every_space_is_searched(here: Surroundings) -> None:
    assert [found["space"] for found in explain(here, "0x05")] == ["HCI", "ATT", "SMP", "L2CAP", "error"]
    assert explain(here, "0x3e")[0]["name"].startswith("Connection Failed to be Established")
    assert explain(here, "0x3e") == explain(here, "62") == explain(here, "0X3E")


def test_status_of_an_event_is_explained(here: Surroundings) -> None:
    (timeout,) = explain(here, "0x101")
    assert timeout["space"] == "ATT"
    assert "30 s" in timeout["words"]


@pytest.mark.parametrize("text", ["-19", "ENODEV", "enodev", "BLUET_ENODEV"])
def test_errors_by_number_and_name(here: Surroundings, text: str) -> None:
    (found,) = explain(here, text)
    assert (found["space"], found["code"], found["name"]) == ("error", -19, "ENODEV")


def test_error_as_python_says_it(here: Surroundings) -> None:
    """OSError.errno is positive."""
    assert -19 in [found["code"] for found in explain(here, "19")]


def test_negative_number_anywhere_in_the_line(here: Surroundings) -> None:
    for arguments in (["-19"], ["--", "-19"], ["-19", "--space", "error"], ["--space", "error", "-19"]):
        result = here.run("explain", *arguments)
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith("error -19: ENODEV\n")


def test_search_by_part_of_a_name(here: Surroundings) -> None:
    (found,) = explain(here, "mic failure")
    assert found["text"] == "0x3d"
    assert len(explain(here, "insufficient")) >= 6
    assert explain(here, "no such words anywhere") == []


def test_plain_text(here: Surroundings) -> None:
    result = here.run("explain", "0x08", "--space", "hci")
    lines = result.stdout.splitlines()
    assert lines[0] == "HCI 0x08: Connection Timeout"
    assert [line.split(":")[0].strip() for line in lines[2:]] == ["where", "causes", "to do"]
    assert "\x1b" not in result.stdout


def test_names_are_those_that_others_use(here: Surroundings, theirs: dict[str, dict[int, str]]) -> None:
    status = theirs["bthci_evt.status"]
    assert len(status) > 60

    def words(name: str) -> set[str]:
        """Without those that one edition of the specification has, and another has not."""
        plain = "".join(letter.lower() if letter.isalnum() else " " for letter in name).split()
        return set(plain) - {"acl", "directed", "lmp", "ll", "synchronization", "timeout", "feature", "to", "be"}

    ours = {found["code"]: found["name"] for found in explain(here, "--list", "--space", "hci")}
    different = [(code, name, ours[code]) for code, name in status.items() if not words(name) <= words(ours[code])]
    assert different == []
