"""The one-file form of the host: it compiles alone, and asks for nothing but what a port brings."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "cmake"))

from features import in_effect, left_out  # noqa: E402

STRICT = ["-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Werror", "-O1"]
CRYPTO = {f"bluet_crypto_{name}" for name in ("aes128", "aes_cmac", "p256_public", "p256_agree")}
MEMORY = {"memcpy", "memmove", "memset", "memcmp"}
# 64 and 32 bit, both orders of octets.
SWITCHED_OFF = (
    {"CENTRAL"},
    {"GATT_CLIENT"},
    {"L2CAP_CHANNELS"},
    {"SECURITY"},
    {"EATT", "LEGACY_PAIRING", "SIGNING", "PRIVACY"},
    {"CENTRAL", "GATT_CLIENT", "L2CAP_CHANNELS", "SECURITY"},
)
MACHINES = ("x86_64-none-elf", "i386-none-elf", "arm-none-eabi", "powerpc-none-elf")


@pytest.fixture(scope="module")
def onefile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("onefile")
    subprocess.run([sys.executable, ROOT / "cmake/onefile.py", folder], check=True)
    assert sorted(path.name for path in folder.iterdir()) == ["bluet.c", "bluet.h"]
    return folder


def compile(folder: Path, compiler: str, *options: str) -> Path:
    if not shutil.which(compiler):
        pytest.skip(f"there is no {compiler}")
    made = folder / "bluet.o"
    built = subprocess.run(
        [compiler, *STRICT, *options, "-c", "bluet.c", "-o", made], cwd=folder, capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr[:4000]
    return made


def names(path: Path, which: str) -> set[str]:
    listing = subprocess.run(["nm", "-g", which, path], capture_output=True, check=True, text=True).stdout
    return {line.split()[-1] for line in listing.splitlines() if line.strip()}


def declared(folder: Path) -> set[str]:
    text = (folder / "bluet.h").read_text()
    return set(re.findall(r"^BLUET_API [^;()]*?\b(bluet_\w+)\(", text, re.MULTILINE))


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_a_linker_sees_the_public_names_only(onefile: Path, compiler: str) -> None:
    made = compile(onefile, compiler)
    public = declared(onefile)
    assert names(made, "--defined-only") == public - CRYPTO
    assert len(public) > 50 and public > CRYPTO


def defined_in(sources: Iterable[Path]) -> set[str]:
    definition = re.compile(r"^\w[^;={}#]*?\b(bluet_\w+)\([^;{]*\)\n\{", re.MULTILINE)
    return {name for path in sources for name in definition.findall(path.read_text())}


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("off", SWITCHED_OFF, ids=lambda off: "-".join(sorted(off)))
def test_features_can_be_switched_off(onefile: Path, compiler: str, off: set[str]) -> None:
    """The public functions of what is left are those that the library has, and nothing is asked for besides."""
    # Without optimization: nothing but the constants themselves may take code away.
    made = compile(onefile, compiler, "-O0", *(f"-DBLUET_{name}=0" for name in off))
    sources = {path.stem: path for path in (ROOT / "src/host").glob("*.c")}
    missing = left_out(off)
    kept = defined_in(path for stem, path in sources.items() if stem not in missing)
    assert defined_in(sources.values()) == declared(onefile) - CRYPTO
    assert names(made, "--defined-only") == kept
    crypto = set() if "SECURITY" in in_effect(off) else CRYPTO
    assert {name for name in names(made, "-u") if name != "bcmp"} <= crypto | MEMORY


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("backend", ["PSA", "MBEDTLS", "NONE"])
def test_a_backend_can_be_taken_in(onefile: Path, compiler: str, backend: str) -> None:
    made = compile(onefile, compiler, f"-DBLUET_CRYPTO_{backend}")
    shown = names(made, "--defined-only")
    assert shown > CRYPTO and all(name.startswith("bluet_") for name in shown)


@pytest.mark.parametrize("machine", MACHINES)
def test_freestanding(onefile: Path, machine: str) -> None:
    """With the headers that a compiler brings itself, and no others."""
    if not shutil.which("clang"):
        pytest.skip("there is no clang")
    own = subprocess.run(["clang", "-print-resource-dir"], capture_output=True, check=True, text=True).stdout.strip()
    options = [f"--target={machine}", "-ffreestanding", "-nostdinc", "-isystem", f"{own}/include"]
    made = compile(onefile, "clang", *options)
    # What begins with two underscores is the compiler's own: division of 64 by 32 bits, its names of memcpy().
    assert {name for name in names(made, "-u") if not name.startswith("__")} == CRYPTO | MEMORY
    included = set(
        re.findall(
            r"#include <(\w+\.h)>", (onefile / "bluet.c").read_text().partition("#if defined(BLUET_CRYPTO_PSA)")[0]
        )
    )
    assert included == {"limits.h", "stdbool.h", "stddef.h", "stdint.h"}


def test_the_header_is_for_c_plus_plus_too(onefile: Path) -> None:
    if not shutil.which("g++"):
        pytest.skip("there is no g++")
    command = ["g++", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-x", "c++", str(onefile / "bluet.h")]
    assert subprocess.run(command).returncode == 0
