"""Help, versions, wrong command lines: what every subcommand has in common."""

import subprocess

import pytest
from surroundings import PROGRAM, Surroundings

COMMANDS = ("air", "scan", "gatt", "explain")


def test_overview_names_every_command(here: Surroundings) -> None:
    for arguments in (["--help"], ["-h"], ["help"]):
        result = here.run(*arguments)
        assert result.returncode == 0
        assert result.stderr == ""
        for command in COMMANDS:
            assert f"\n  {command} " in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(here: Surroundings, command: str) -> None:
    result = here.run(command, "--help")
    assert result.returncode == 0
    assert result.stderr == ""
    assert result.stdout.startswith(f"Usage: bluet {command} ")
    assert "-h, --help" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert here.run("help", command).stdout == result.stdout
    assert here.run(command, "-h").stdout == result.stdout


def test_version(here: Surroundings) -> None:
    result = here.run("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("bluet ")
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["help", "nonsense"],
        ["explain"],
        ["explain", "1", "2"],
        ["explain", "1", "--space", "nonsense"],
        ["explain", ""],
        ["scan", "--nonsense"],
        ["scan", "surplus"],
        ["scan", "--seconds", "soon"],
        ["scan", "--seconds", "-3"],
        ["scan", "--seconds", "nan"],
        ["scan", "--address", "C0:FF:EE"],
        ["scan", "--transport", "nonsense"],
        ["gatt"],
        ["gatt", "nonsense"],
        ["gatt", "C0:FF:EE:00:00:01:02"],
        ["gatt", "C0:FF:EE:00:00:0G"],
        ["gatt", "--timeout", "0", "C0:FF:EE:00:00:01"],
        ["gatt", "--transport", "nonsense:", "C0:FF:EE:00:00:01"],
    ],
)
def test_wrong_usage_is_said(here: Surroundings, arguments: list[str]) -> None:
    result = here.run(*arguments)
    assert result.returncode == 2
    assert result.stdout == ""
    if arguments:
        assert result.stderr.startswith("bluet: ")
        assert result.stderr.count("\n") == 1
    else:
        assert result.stderr.startswith("Usage: ")


def test_full_disk_is_said(here: Surroundings) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [PROGRAM, "explain", "5"], env=here.environment, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert result.returncode == 1
    assert result.stderr == "bluet: cannot write to the standard output\n"
