"""Compiles the host for a machine with some of its features left out: for size.py, and for those who try them all."""

import hashlib
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "cmake"))

from features import FEATURES, in_effect, left_out  # noqa: E402, F401

KEPT = ROOT / "build" / "size"
INCLUDES = [f"-I{ROOT / 'include'}", f"-I{ROOT / 'src'}"]
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wmissing-prototypes", "-Werror"]
HOST_FLAGS = ["-ffreestanding", "-fbuiltin", "-fvisibility=hidden", "-ffunction-sections", "-fdata-sections"]


def host_sources(off: Iterable[str]) -> list[Path]:
    missing = left_out(off)
    sources = [*(ROOT / "src" / "spec").glob("*.c"), *(ROOT / "src" / "host").glob("*.c")]
    return sorted(source for source in sources if source.stem not in missing)


class Compiler:
    """One compiler with its flags. What comes out the same of the preprocessor is compiled once."""

    def __init__(self, *command: str) -> None:
        self.command = [*command, *WARNINGS, *INCLUDES]
        self.folder = KEPT / "objects"
        self.folder.mkdir(parents=True, exist_ok=True)

    def compile(self, source: Path, off: Iterable[str], flags: list[str]) -> Path:
        options = [*flags, *(f"-DBLUET_{name}=0" for name in sorted(off))]
        text = self.run([*options, "-E", "-P", str(source)]).encode()
        key = hashlib.sha256(" ".join([*self.command, *flags]).encode() + text).hexdigest()[:24]
        made = self.folder / f"{source.stem}-{key}.o"
        if not made.exists():
            written = made.with_suffix(".new")
            self.run([*options, "-c", str(source), "-o", str(written)])
            written.rename(made)
        return made

    def compile_host(self, off: Iterable[str]) -> dict[str, Path]:
        """Object by name of its source."""
        off = frozenset(off)
        sources = host_sources(off)
        with ThreadPoolExecutor(2) as pool:
            made = pool.map(lambda source: self.compile(source, off, HOST_FLAGS), sources)
            return {source.stem: path for source, path in zip(sources, made, strict=True)}

    def run(self, arguments: list[str]) -> str:
        result = subprocess.run([*self.command, *arguments], capture_output=True, text=True)
        if result.returncode:
            raise SystemExit(f"{' '.join(arguments)}\n{result.stderr}")
        return result.stdout
