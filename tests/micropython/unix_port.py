"""MicroPython's source, and its unix port built with this host: python tests/micropython/unix_port.py

The source is a checkout that MICROPYTHON_DIR names, or the distribution's source package, fetched into build/. None of
its files is changed.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "cmake"))

import source_package  # noqa: E402

FOLDER = ROOT / "build" / "micropython"
# Which release to take the package from where the machine's own has none.
LATER_SUITES = {"bookworm": "trixie"}


class NotToBeHad(Exception):
    """The source cannot be had here; the text says why."""


def run(what: str, *words: object, folder: Path = FOLDER) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    log = FOLDER / f"{what}.log"
    # A ccache that writes relative paths into dependencies hides from make that headers have been generated anew.
    environment = {name: value for name, value in os.environ.items() if name != "CCACHE_BASEDIR"}
    with log.open("w") as output:
        code = subprocess.call(
            [str(word) for word in words],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    if code:
        lines = log.read_text(errors="replace").splitlines()
        raise RuntimeError(f"{what} failed, see {log}:\n" + "\n".join(lines[-40:]))


@contextmanager
def locked() -> Iterator[None]:
    """One at a time: tests run in several processes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# ---- The source ----


def paragraphs(text: str) -> Iterator[dict[str, str]]:
    """Of a file in the form deb822 (sources.list(5)); lines that go on are joined."""
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)
    for block in re.split(r"\n\s*\n", re.sub(r"\n[ \t]+", " ", text)):
        fields = dict(re.findall(r"^([\w-]+):\s*(.*)$", block, flags=re.MULTILINE))
        if fields:
            yield {name.lower(): value.strip() for name, value in fields.items()}


def one_line_entries(text: str) -> Iterator[dict[str, str]]:
    for options, uri, suite, rest in re.findall(r"^deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s*(.*)$", text, re.MULTILINE):
        signed = re.search(r"signed-by=(\S+)", options)
        entry = {"types": "deb", "uris": uri, "suites": suite, "components": rest}
        yield entry | ({"signed-by": signed.group(1)} if signed else {})


def machine_entries() -> Iterator[dict[str, str]]:
    apt = Path("/etc/apt")
    for path in (*sorted(apt.glob("sources.list.d/*.sources")), apt / "sources.list"):
        if path.is_file():
            text = path.read_text()
            yield from paragraphs(text) if path.suffix == ".sources" else one_line_entries(text)
    for path in sorted(apt.glob("sources.list.d/*.list")):
        yield from one_line_entries(path.read_text())


def os_release() -> dict[str, str]:
    text = Path("/etc/os-release").read_text() if Path("/etc/os-release").exists() else ""
    return {name: value.strip('"') for name, value in re.findall(r"^(\w+)=(.*)$", text, flags=re.MULTILINE)}


def private_sources() -> str:
    """Where this machine gets its packages from, asked for source packages of a release that has MicroPython's."""
    codename = os_release().get("VERSION_CODENAME", "")
    for entry in machine_entries():
        if "deb" in entry.get("types", "").split() and codename and codename in entry.get("suites", "").split():
            lines = [
                "Types: deb-src",
                f"URIs: {entry['uris'].split()[0]}",
                f"Suites: {LATER_SUITES.get(codename, codename)}",
                f"Components: {entry.get('components', 'main')}",
            ]
            signed = entry.get("signed-by")
            return "\n".join([*lines, f"Signed-By: {signed}"] if signed else lines) + "\n"
    raise NotToBeHad("this machine's list of package sources does not tell where its distribution is")


def fetch() -> Path:
    """The distribution's source package, by an apt of its own that changes nothing of the machine's."""
    for program in ("apt-get", "dpkg-source"):
        if not shutil.which(program):
            raise NotToBeHad(f"there is no {program}: name a checkout in MICROPYTHON_DIR")
    apt = FOLDER / "apt"
    for name in ("sources", "lists/partial", "cache/archives/partial"):
        (apt / name).mkdir(parents=True, exist_ok=True)
    (apt / "sources" / "micropython.sources").write_text(private_sources())
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": apt / "sources",
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "",
    }
    words = ["apt-get", *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]
    try:
        run("apt-update", *words, "update")
        run("apt-source", *words, "source", "--download-only", "micropython", folder=apt)
    except RuntimeError as error:
        raise NotToBeHad(str(error)) from error
    description = max(apt.glob("micropython_*.dsc"), key=lambda path: path.stat().st_mtime)
    made = FOLDER / "unpacking"
    shutil.rmtree(made, ignore_errors=True)
    run("unpack", "dpkg-source", "--extract", description, made)
    made.rename(FOLDER / "source")
    return FOLDER / "source"


def source() -> Path:
    named = os.environ.get("MICROPYTHON_DIR")
    if named:
        folder = Path(named).resolve()
        if not (folder / "extmod" / "modbluetooth.h").is_file():
            raise NotToBeHad(f"MICROPYTHON_DIR={named} is no checkout of MicroPython")
        return folder
    kept = FOLDER / "source"
    return kept if kept.is_dir() else fetch()


# ---- The ports ----


def compiler(name: str) -> str:
    return f"ccache {name}" if shutil.which("ccache") else name


def make(what: str, folder: Path, *words: object, cc: str = "gcc") -> None:
    run(what, "make", f"-j{os.cpu_count() or 1}", f"CC={compiler(cc)}", "-C", folder, *words)


def workshop(top: Path) -> Path:
    """Where a source is built: make looks at times only, and would take another source's objects for its own."""
    return FOLDER / f"built-{hashlib.sha256(str(top).encode()).hexdigest()[:8]}"


def settings(top: Path) -> list[str]:
    """The compiler for frozen modules is built once for both ports."""
    cross = workshop(top) / "mpy-cross" / "mpy-cross"
    make("mpy-cross", top / "mpy-cross", f"BUILD={cross.parent}")
    return [f"MICROPY_MPYCROSS={cross}", f"MICROPY_MPYCROSS_DEPENDENCY={cross}"]


def build() -> Path:
    """Builds of the unix port what has to be built anew, and returns the program."""
    with locked():
        top = source()
        make(
            "unix",
            top / "ports" / "unix",
            *(f"BUILD={workshop(top) / 'unix'}", f"USER_C_MODULES={ROOT / 'micropython'}", *settings(top)),
            # Without what would need submodules or libraries that have nothing to do with Bluetooth.
            *("MICROPY_PY_BTREE=0", "MICROPY_PY_FFI=0", "MICROPY_PY_SSL=0"),
            f"FROZEN_MANIFEST={top / 'extmod' / 'asyncio' / 'manifest.py'}",
        )
        return workshop(top) / "unix" / "micropython"


def mbedtls() -> Path | None:
    """The source of what encrypts: MicroPython's own copy of it is not in the distribution's package."""
    try:
        return source_package.fetch("mbedtls", ROOT / "build" / "mbedtls")
    except (OSError, ValueError, subprocess.CalledProcessError):
        return None


def build_firmware() -> tuple[Path, bool]:
    """The same of the `qemu` port, for a Cortex-M3, with the board of the tests; and whether it can pair."""
    for program in ("arm-none-eabi-gcc", "qemu-system-arm"):
        if not shutil.which(program):
            raise NotToBeHad(f"there is no {program}")
    with locked():
        top = source()
        crypto = mbedtls()
        modules = FOLDER / "modules"
        modules.mkdir(exist_ok=True)
        for folder in (ROOT / "micropython" / "bluet", ROOT / "tests" / "micropython" / "qemu_board"):
            link = modules / folder.name
            link.unlink(missing_ok=True)
            link.symlink_to(folder)
        name = "qemu-mbedtls" if crypto else "qemu"
        make(
            name,
            top / "ports" / "qemu",
            *(f"BUILD={workshop(top) / name}", f"USER_C_MODULES={modules}", *settings(top), "FROZEN_MANIFEST="),
            *(["BLUET_CRYPTO=mbedtls", f"MBEDTLS_DIR={crypto}"] if crypto else ["BLUET_CRYPTO=none"]),
            cc="arm-none-eabi-gcc",
        )
        return workshop(top) / name / "firmware.elf", crypto is not None


def build_firmware_by_cmake() -> tuple[Path, bool]:
    """The same once more, by micropython.cmake and what MicroPython has for ports that CMake builds."""
    for program in ("arm-none-eabi-gcc", "qemu-system-arm", "cmake", "ninja"):
        if not shutil.which(program):
            raise NotToBeHad(f"there is no {program}")
    with locked():
        top = source()
        crypto = mbedtls()
        made = workshop(top) / ("cmake-mbedtls" if crypto else "cmake")
        settings = {
            "CMAKE_SYSTEM_NAME": "Generic",
            "CMAKE_C_COMPILER": "arm-none-eabi-gcc",
            "CMAKE_TRY_COMPILE_TARGET_TYPE": "STATIC_LIBRARY",
            "MICROPY_DIR": top,
            "USER_C_MODULES": ROOT / "micropython" / "micropython.cmake",
            **({"MBEDTLS_DIR": crypto} if crypto else {"BLUET_CRYPTO": "none"}),
        }
        project = ROOT / "tests" / "micropython" / "cmake_port"
        run(
            "cmake-configure",
            "cmake",
            "-G",
            "Ninja",
            "-S",
            project,
            "-B",
            made,
            *(f"-D{n}={v}" for n, v in settings.items()),
        )
        run("cmake-build", "cmake", "--build", made)
        return made / "firmware.elf", crypto is not None


if __name__ == "__main__":
    try:
        print(build())
    except NotToBeHad as error:
        sys.exit(f"MicroPython is not to be had: {error}")
