"""The programs that the README shows, work as they stand there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BLUET_BUILD", ROOT / "build"))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_program(number: int, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(blocks("python")[number])
    environment = os.environ | {
        "PYTHONPATH": str(BUILD / "python"),
        "BLUET_TRANSPORT": "air:readme",
        "XDG_RUNTIME_DIR": str(tmp_path),
        "PATH": f"{BUILD}:{os.environ['PATH']}",
    }
    # A file of tests is run as one, any other as a program.
    is_test = "def test_" in program.read_text()
    arguments = ["-m", "pytest", "-q", "-p", "bluet.pytest_plugin", "-c", os.devnull] if is_test else []
    result = subprocess.run(
        [sys.executable, *arguments, program],
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_there_are_programs() -> None:
    assert len(blocks("python")) >= 1
    assert len(blocks("c")) >= 1


def private_libraries() -> list[str]:
    """What an archive asks of the system, as its build says it to pkg-config."""
    lines = (BUILD / "bluet.pc").read_text().splitlines()
    return next(line for line in lines if line.startswith("Libs.private:")).split()[1:]


@pytest.mark.parametrize("number", range(len(blocks("c"))))
def test_c_program(number: int, tmp_path: Path) -> None:
    source = tmp_path / "program.c"
    source.write_text(blocks("c")[number])
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", f"-I{ROOT}/include", str(source)]
    command += ["-o", str(tmp_path / "program"), str(BUILD / "libbluet.a"), *private_libraries()]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    run = subprocess.run([tmp_path / "program"], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
