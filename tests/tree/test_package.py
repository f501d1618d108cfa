"""What is installed can be used: through CMake, through pkg-config, from C++, and as a Python package."""

import os
import shlex
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BLUET_BUILD", ROOT / "build"))
CONSUMER = Path(__file__).parent / "consumer"


def run(*command: object, cwd: Path | None = None, **environment: str) -> str:
    words = [str(word) for word in command]
    # What the tests themselves need must not be what makes it work.
    surroundings = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "LD_PRELOAD")}
    result = subprocess.run(
        words,
        cwd=cwd,
        env=surroundings | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, f"{' '.join(words)}\n{result.stdout}"
    return result.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", BUILD, "--prefix", folder)
    return folder


def library_folder(prefix: Path) -> Path:
    return next(prefix.glob("lib/**/libbluet.a")).parent


def test_cmake_finds_the_package(prefix: Path, tmp_path: Path) -> None:
    run("cmake", "-G", "Ninja", "-S", CONSUMER, "-B", tmp_path, f"-DCMAKE_PREFIX_PATH={prefix}")
    run("cmake", "--build", tmp_path)
    assert run(tmp_path / "consumer").startswith("active as")


def test_pkg_config_finds_the_package(prefix: Path, tmp_path: Path) -> None:
    folder = library_folder(prefix) / "pkgconfig"
    # The file names the prefix it was configured for; this is another one.
    query = ("pkg-config", "--define-variable", f"prefix={prefix}", "--static", "--cflags", "--libs", "bluet")
    flags = shlex.split(run(*query, PKG_CONFIG_PATH=str(folder)))
    run("cc", "-std=c11", CONSUMER / "main.c", "-o", tmp_path / "consumer", *flags)
    assert run(tmp_path / "consumer").startswith("active as")


def test_a_program_that_uses_little_carries_little(prefix: Path, tmp_path: Path) -> None:
    """Sections stay apart in the archive, so that a linker can leave out what is not called."""
    source = tmp_path / "little.c"
    source.write_text(
        "#include <bluet/bluet.h>\n"
        "int main(void) { struct bluet_config config = {0}; struct bluet *host;\n"
        "    return bluet_create(&host, &config) == BLUET_EINVAL ? 0 : 1; }\n"
    )
    flags = (f"-I{prefix}/include", f"-L{library_folder(prefix)}", "-lbluet", "-Wl,--gc-sections")
    run("cc", source, "-o", tmp_path / "little", *flags)
    run(tmp_path / "little")
    names = run("nm", tmp_path / "little")
    assert "bluet_create" in names
    assert "bluet_gatts_notify" not in names


def test_headers_are_good_cpp(prefix: Path, tmp_path: Path) -> None:
    for header in sorted((prefix / "include" / "bluet").glob("*.h")):
        source = tmp_path / f"{header.stem}.cpp"
        source.write_text(f"#include <bluet/{header.name}>\n")
        run("c++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{prefix}/include", source)


def test_headers_stand_alone(prefix: Path, tmp_path: Path) -> None:
    for header in sorted((prefix / "include" / "bluet").glob("*.h")):
        source = tmp_path / f"{header.stem}.c"
        source.write_text(f"#include <bluet/{header.name}>\n")
        run(
            "cc",
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-Wpedantic",
            "-Werror",
            "-fsyntax-only",
            f"-I{prefix}/include",
            source,
        )


def test_the_program_is_installed(prefix: Path) -> None:
    assert "Usage" in run(prefix / "bin" / "bluet", "--help")


@pytest.mark.timeout(600)
def test_pip_installs_the_package(tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    assert "-cp311-abi3-" in wheel.name
    content = zipfile.ZipFile(wheel).namelist()
    assert "bluet/py.typed" in content
    assert not [name for name in content if name.endswith((".c", ".h"))]

    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / "bin" / "python"
    run(python, "-m", "pip", "install", "--no-index", wheel)
    script = "import bluet, bluetooth; air = bluet.Air(seed=1); ble = air.ble(); ble.active(True); print(ble.active())"
    assert run(python, "-c", script, cwd=tmp_path).strip() == "True"
    plugins = "from importlib.metadata import entry_points as e; print([p.value for p in e(group='pytest11')])"
    assert "bluet.pytest_plugin" in run(python, "-c", plugins, cwd=tmp_path)
