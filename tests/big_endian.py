"""Builds the C tests for a big-endian machine, with cmocka and mbedTLS of the distribution's source packages.

What is built stands in build/big-endian; prepare() makes the two libraries there and returns settings for CMake.
"""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "cmake"))

import source_package  # noqa: E402

CROSS = "powerpc-linux-gnu-"
FOLDER = ROOT / "build" / "big-endian"
# Minutes each, where every instruction is translated; what they try at length others try shortly. And what is Linux's.
LEFT_OUT = ("test_l2cap_streams", "test_sm_every_step", "test_sm_models", "test_whole_cut", "test_runtime_*")
EMULATOR = ("qemu-ppc", "-L", "/usr/powerpc-linux-gnu")
PACKAGES = ("gcc-powerpc-linux-gnu", "libc6-dev-powerpc-cross", "qemu-user")
# What cmocka's own build would find out of this compiler and this C library.
CMOCKA = [
    *("HAVE_STDINT_H", "HAVE_INTTYPES_H", "HAVE_STDLIB_H", "HAVE_STRING_H", "HAVE_TIME_H", "HAVE_SIGNAL_H"),
    *("HAVE_SETJMP_H", "HAVE_MALLOC_H", "HAVE_STRUCT_TIMESPEC", "HAVE_CLOCK_GETTIME", "HAVE_GCC_THREAD_LOCAL_STORAGE"),
]


def install() -> None:
    """Where there is no such compiler, and this may be changed."""
    try:
        subprocess.run([f"{CROSS}gcc", "--version"], check=True, capture_output=True)
        subprocess.run(["qemu-ppc", "--version"], check=True, capture_output=True)
    except OSError:
        command = ["apt-get", "install", "-y", "--no-install-recommends", *PACKAGES]
        subprocess.run(command, check=True, capture_output=True)


def archive(name: str, sources: list[Path], *options: str) -> None:
    objects = []
    (FOLDER / name).mkdir(parents=True, exist_ok=True)
    for source in sources:
        made = FOLDER / name / f"{source.stem}.o"
        if not made.exists():
            subprocess.run([f"{CROSS}gcc", "-O1", "-w", *options, "-c", source, "-o", made], check=True)
        objects.append(made)
    subprocess.run([f"{CROSS}ar", "rcs", FOLDER / f"lib{name}.a", *objects], check=True)


def prepare() -> list[str]:
    """Raises OSError or CalledProcessError where something of it is not to be had."""
    install()
    cmocka = source_package.fetch("cmocka", ROOT / "build" / "cmocka")
    mbedtls = source_package.fetch("mbedtls", ROOT / "build" / "mbedtls")
    defined = [f"-D{name}=1" for name in CMOCKA]
    archive("cmocka", [cmocka / "src" / "cmocka.c"], f"-I{cmocka / 'include'}", "-D_GNU_SOURCE", *defined)
    archive("mbedcrypto", sorted((mbedtls / "library").glob("*.c")), f"-I{mbedtls / 'include'}", "-DMBEDTLS_CMAC_C")
    (FOLDER / "cmocka.pc").write_text(
        "Name: cmocka\nDescription: for the machine of the tests\nVersion: 1\n"
        f"Cflags: -I{cmocka / 'include'}\nLibs: -L{FOLDER} -lcmocka\n"
    )
    off = [f"-DBLUET_BUILD_{what}=OFF" for what in ("PROGRAM", "PYTHON", "EXAMPLES")]
    return [
        *off,
        "-DBLUET_BUILD_TESTS=ON",
        "-DCMAKE_BUILD_TYPE=None",
        "-DCMAKE_C_FLAGS=-O1",
        f"-DCMAKE_TOOLCHAIN_FILE={ROOT / 'cmake' / 'big-endian.cmake'}",
        f"-DCMAKE_EXE_LINKER_FLAGS=-L{FOLDER}",
        "-DCMAKE_C_STANDARD_LIBRARIES=-latomic",  # of the runtime's times, 64 bits on a machine of 32
        f"-DBLUET_MBEDTLS_INCLUDE={mbedtls / 'include'}",
        f"-DBLUET_MBEDCRYPTO={FOLDER / 'libmbedcrypto.a'}",
    ]
