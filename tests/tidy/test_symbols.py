"""Names that linkers see, in what ./do build has built: only bluet_ leaves the archive, each room keeps its prefix."""

import re
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from project import BUILD, ROOT, functions, sources, text

ROOMS = ("spec", "host", "crypto", "air", "runtime")


@dataclass(frozen=True)
class Symbol:
    name: str
    kind: str  # of nm: upper case is global, U is undefined


def symbols(path: Path) -> list[Symbol]:
    """Of an object, or of all objects of an archive."""
    listing = subprocess.run(["nm", "--format=posix", path], capture_output=True, check=True, text=True).stdout
    rows = [line.split() for line in listing.splitlines()]
    return [Symbol(row[0], row[1]) for row in rows if len(row) >= 2]


def defined(path: Path) -> set[str]:
    """Global names that an object defines."""
    return {symbol.name for symbol in symbols(path) if symbol.kind.isupper() and symbol.kind not in "UVW"}


@cache
def objects() -> dict[Path, Path]:
    """The object of each C source of the rooms."""
    found = {}
    for room in ROOMS:
        folder = BUILD / "CMakeFiles" / f"bluet_{room}.dir"
        for path in sources(".c"):
            made = folder / path.with_suffix(".c.o")
            of_choice = path.is_relative_to("src/crypto") or path.name.startswith("usb")
            if of_choice and not made.exists():
                continue  # a backend that was not chosen
            if path.is_relative_to(f"src/{room}"):
                assert made.exists(), f"{path} has not been built: run ./do build first"
                found[path] = made
    return found


@cache
def public_names() -> set[str]:
    """What include/bluet declares."""
    names = set()
    for path in sources(".h"):
        if path.is_relative_to("include"):
            names.update(re.findall(r"\bBLUET_API\b[^;()]*?\b(bluet_\w+)\(", text(path)))
    return names


def test_the_archive_shows_public_names_only() -> None:
    assert defined(BUILD / "libbluet.a") == public_names()


def test_internal_names_carry_the_prefix_of_their_room() -> None:
    wrong = []
    for path, made in objects().items():
        # link.c has link_..., gatt_server.c gatt_..., and any file of a room may use the room's own name. What the
        # reader and the writer do is said with a verb.
        stem = path.stem.split("_")[0]
        verb = {"reader": "read_", "writer": "write_"}.get(stem, "bluet_")
        prefixes = ("bluet_", verb, path.parts[1] + "_", stem + "_")
        wrong += [f"{path}: {name}" for name in sorted(defined(made)) if not name.startswith(prefixes)]
    assert not wrong, "\n".join(wrong)


def test_functions_are_static_unless_another_file_needs_them() -> None:
    needed = {symbol.name for made in objects().values() for symbol in symbols(made) if symbol.kind == "U"}
    tested = "\n".join(text(path) for path in sources(".c") if path.is_relative_to("tests"))
    wrong = [
        f"{path}: {name}"
        for path, made in objects().items()
        for name in sorted(defined(made) - needed - public_names())
        if not re.search(rf"\b{name}\b", tested)
    ]
    assert not wrong, "\n".join(wrong)


def test_internal_functions_are_marked() -> None:
    wrong = [
        str(function)
        for path in sources(".c")
        if path.parts[0] == "src"
        for function in functions(path)
        if not re.match(r"(static|BLUET_INTERNAL)\b", function.signature) and function.name not in public_names()
    ]
    assert not wrong, "\n".join(wrong)


def test_the_host_needs_no_system() -> None:
    """Freestanding: four functions that every compiler may call anyway, and the cryptography."""
    allowed = {"memcpy", "memmove", "memset", "memcmp", "_GLOBAL_OFFSET_TABLE_"}
    host = [made for path, made in objects().items() if path.parts[1] in ("spec", "host")]
    own = set().union(
        *(defined(made) for path, made in objects().items() if path.parts[1] in ("spec", "host", "crypto"))
    )
    wrong = sorted(
        f"{made.relative_to(ROOT)}: {symbol.name}"
        for made in host
        for symbol in symbols(made)
        if symbol.kind == "U" and symbol.name not in allowed | own
    )
    assert not wrong, "\n".join(wrong)


def test_rooms_keep_no_state_of_their_own() -> None:
    """Several hosts in one process: no variable in the host or the air."""
    wrong = [
        f"{path}: {symbol.name}"
        for path, made in objects().items()
        if path.parts[1] in ("host", "air")
        for symbol in symbols(made)
        if symbol.kind in "bBdDC" and not symbol.name.startswith(".")
    ]
    # Tables of pointers stand in .data.rel.ro, which nm shows as d; the linker makes it read-only.
    writable = [entry for entry in wrong if not is_relocated_constant(entry)]
    assert not writable, "\n".join(writable)


def is_relocated_constant(entry: str) -> bool:
    path, name = entry.split(": ")
    listing = subprocess.run(
        ["objdump", "--syms", objects()[Path(path)]], capture_output=True, check=True, text=True
    ).stdout
    return re.search(rf"\.data\.rel\.ro\S*\s+\S+\s+(?:\.hidden )?{re.escape(name)}$", listing, re.MULTILINE) is not None
