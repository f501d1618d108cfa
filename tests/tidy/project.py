"""What the tidy tests look at: the project's own files, and the functions in its C sources."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BLUET_BUILD", ROOT / "build"))

# Folders that a build or a tool makes, for a tree that did not come with git.
MADE = {".git", "build", "dist", "__pycache__", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".hypothesis"}


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project, relative to its root."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
        names = {Path(name) for name in listing.split("\0") if name}
        return tuple(sorted(name for name in names if (ROOT / name).is_file()))
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*") if path.is_file())
    return tuple(sorted(path for path in found if not MADE.intersection(path.parts)))


def is_data(path: Path) -> bool:
    """Inputs of tests and texts that others wrote: not ours to keep tidy."""
    return "corpus" in path.parts or "data" in path.parts or path.name == "LICENSE"


def sources(*suffixes: str) -> list[Path]:
    return [path for path in files() if path.suffix in suffixes and not is_data(path)]


@cache
def text(path: Path) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@cache
def code(path: Path) -> str:
    """A C source without comments, strings and character constants; the lines stay where they are."""

    def blank(match: re.Match[str]) -> str:
        token = match.group(0)
        return token[0] + token[-1] if token[0] in "\"'" else "\n" * token.count("\n")

    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text(path), flags=re.DOTALL)


@dataclass(frozen=True)
class Function:
    """A function that is defined in a C source in the project's form: braces in the first column."""

    path: Path
    name: str
    signature: str
    first_line: int
    line_count: int

    def __str__(self) -> str:
        return f"{self.path}: {self.name}()"


def functions(path: Path) -> Iterator[Function]:
    lines = code(path).splitlines()
    start = None
    for number, line in enumerate(lines):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            head = start
            while head > 0 and lines[head - 1].strip() and not lines[head - 1].startswith(("#", "}")):
                head -= 1
            signature = " ".join(part.strip() for part in lines[head:start])
            signature = re.sub(r"__attribute__\(\((?:[^()]|\([^()]*\))*\)\)\s*", "", signature)
            name = re.search(r"(\w+)\(", signature)
            if name:
                yield Function(path, name.group(1), signature, head + 1, number - head + 1)
            start = None
