"""Every file is used: built, included, imported, collected by a test runner, or named by another file."""

import re
from pathlib import Path

from project import files, is_data, text

# What a build, a test runner or a tool takes in by pattern.
COLLECTED = (
    "src/*/*.c",
    "cli/*.c",
    "python/**/*.c",
    "micropython/bluet/micropython.mk",
    "micropython/micropython.cmake",
    "examples/**/*",
    "bench/*.c",
    "firmware/*.c",
    "tests/*/*.c",
    "tests/**/test_*.py",
    "tests/**/conftest.py",
    "**/corpus/**/*",
    "**/__init__.py",
    "**/__main__.py",
    "**/py.typed",
    "**/.clang-tidy",
    "docs/*.md",
)
# What people, git, and tools know by name.
KNOWN = {
    ".ci/run",
    ".clang-format",
    ".editorconfig",
    ".gitignore",
    "CHANGELOG.md",
    "CMakeLists.txt",
    "CMakePresets.json",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "do",
    "pyproject.toml",
}


def is_collected(path: Path) -> bool:
    return any(glob_matches(path, pattern) for pattern in COLLECTED)


def glob_matches(path: Path, pattern: str) -> bool:
    """Path.match() as later versions of Python have it: `**` stands for any number of folders."""
    expression = re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return re.fullmatch(expression, str(path)) is not None


def test_no_file_is_dead() -> None:
    paths = [path for path in files() if not is_collected(path) and str(path) not in KNOWN]
    everything = {path: text(path) for path in files() if not is_data(path)}
    dead = []
    for path in paths:
        # An import names a module without its suffix; a stub stands beside what it describes.
        names = {path.name} | ({path.stem} if path.suffix in (".py", ".pyi") else set())
        word = re.compile("|".join(rf"(?<![\w-]){re.escape(name)}(?![\w-])" for name in names))
        if not any(word.search(content) for other, content in everything.items() if other != path):
            dead.append(str(path))
    assert not dead, "used by nothing: " + ", ".join(dead)


def test_headers_have_guards_of_their_path() -> None:
    wrong = []
    for path in files():
        if path.suffix != ".h" or path.parts[0] not in ("include", "src"):
            continue
        inner = path.relative_to(path.parts[0])
        parts = inner.with_suffix("").parts
        words = parts if parts[0] == "bluet" else ("bluet", *parts)
        guard = re.sub(r"\W", "_", "_".join(words)).upper() + "_H"
        if f"#ifndef {guard}\n#define {guard}\n" not in text(path):
            wrong.append(f"{path}: the guard should be {guard}")
    assert not wrong, "\n".join(wrong)
