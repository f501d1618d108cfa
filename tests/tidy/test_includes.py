"""Who may know whom: the include tree of docs/architecture.md, between rooms and inside the host."""

import re
from pathlib import Path

from project import ROOT, sources, text

FREESTANDING = {"limits.h", "stdalign.h", "stdbool.h", "stddef.h", "stdint.h", "string.h"}

# Folder: what its files may include of the project, as prefixes of the path that stands in the directive.
MAY_INCLUDE = {
    "include/bluet": ("bluet/",),
    "src/spec": ("spec/",),
    "src/host": ("host/", "spec/", "crypto/crypto.h", "bluet/bluet.h"),
    "src/crypto": ("crypto/", "spec/"),
    "src/air": ("air/", "spec/", "crypto/crypto.h", "bluet/air.h", "bluet/bluet.h"),
    "src/runtime": ("runtime/", "spec/", "bluet/"),
    "cli": ("bluet/", "spec/reader.h"),
    "python": ("bluet/",),
    "micropython": ("bluet/", "spec/hci.h", "spec/reader.h", "runtime/transport.h"),
    "firmware": ("bluet.h",),
    "examples": ("bluet/",),
}

# The host from the ground up. A file knows those beneath it, and of its own storey those of its own family.
STOREYS = (
    ("features", "memory", "event", "buffer", "timer"),
    ("hci",),
    ("link",),
    ("l2cap", "l2cap_stream"),
    ("l2cap_signal",),
    ("l2cap_channel",),
    ("att",),
    ("gatt_type",),
    ("gatt_db", "gatt_prepared", "gatt_procedure", "sm"),
    ("gatt_server", "gatt_client", "gap"),
    ("gatt",),
    ("host",),
)


def includes(path: Path) -> tuple[list[str], list[str]]:
    """What a file includes: of the project, and of the system."""
    found = re.findall(r'^\s*#\s*include\s+(["<])([^">]+)[">]', text(path), flags=re.MULTILINE)
    return [name for quote, name in found if quote == '"'], [name for quote, name in found if quote == "<"]


def folder_of(path: Path) -> str | None:
    return next((folder for folder in MAY_INCLUDE if path.is_relative_to(folder)), None)


def storey(stem: str) -> tuple[int, str]:
    """The storey of a file of the host and its family: the longest name there that its own begins with."""
    names = [(len(name), level, name) for level, row in enumerate(STOREYS) for name in row]
    fitting = [entry for entry in names if stem == entry[2] or stem.startswith(entry[2] + "_")]
    assert fitting, f"src/host/{stem}: which storey of the host is it on? Say so in STOREYS"
    _, level, family = max(fitting)
    return level, family


def resolve(path: Path, name: str) -> Path | None:
    """The project's file that an include directive names, looked for where the build looks."""
    for folder in (path.parent, Path("include"), Path("src"), Path("tests"), Path("cli")):
        if (ROOT / folder / name).is_file():
            return folder / name
    return None


def test_rooms_include_only_what_they_may_know() -> None:
    wrong = []
    for path in sources(".c", ".h"):
        folder = folder_of(path)
        if not folder:
            continue
        for name in includes(path)[0]:
            beside = "/" not in name and (ROOT / path.parent / name).is_file()
            own_folder = beside and folder in ("cli", "python", "micropython", "firmware", "examples")
            if not own_folder and not name.startswith(MAY_INCLUDE[folder]):
                wrong.append(f'{path} includes "{name}"')
    assert not wrong, "\n".join(wrong)


def test_the_host_is_freestanding() -> None:
    wrong = [
        f"{path} includes <{name}>"
        for path in sources(".c", ".h")
        if path.is_relative_to("src/host") or path.is_relative_to("src/spec")
        for name in includes(path)[1]
        if name not in FREESTANDING
    ]
    assert not wrong, "\n".join(wrong)


def test_the_host_includes_downward_only() -> None:
    wrong = []
    for path in sources(".c", ".h"):
        if not path.is_relative_to("src/host"):
            continue
        level, family = storey(path.stem)
        for name in includes(path)[0]:
            if not name.startswith("host/"):
                continue
            other_level, other_family = storey(Path(name).stem)
            if other_level > level or (other_level == level and other_family != family and level > 0):
                wrong.append(f'{path} includes "{name}", which is not beneath it')
    assert not wrong, "\n".join(wrong)


def test_includes_make_no_circle() -> None:
    graph = {
        path: [target for name in includes(path)[0] if (target := resolve(path, name))] for path in sources(".c", ".h")
    }
    done: set[Path] = set()

    def visit(path: Path, trail: tuple[Path, ...]) -> None:
        assert path not in trail, "a circle: " + " -> ".join(map(str, (*trail[trail.index(path) :], path)))
        if path in done:
            return
        for target in graph.get(path, []):
            visit(target, (*trail, path))
        done.add(path)

    for path in graph:
        visit(path, ())


def test_every_included_file_is_there() -> None:
    wrong = [
        f'{path} includes "{name}"'
        for path in sources(".c", ".h")
        for name in includes(path)[0]
        if not resolve(path, name) and name not in GENERATED
    ]
    assert not wrong, "\n".join(wrong)


# Made by the build, and by `./do onefile`.
GENERATED = {"numbers.h", "bluet.h"}
