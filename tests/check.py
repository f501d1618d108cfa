"""Builds everything, runs everything, and counts: ./do check. With words, only the steps in whose names they stand."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import big_endian
import fuzz

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOGS = BUILD / "check"
VENV = Path(sys.executable).parent
FUZZ_SECONDS = 10

# In the order of the closing table. A tool that finds nothing wrong is one test that passed.
STEPS: list[tuple[str, Callable[[], "Count"]]] = []


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)


def step(name: str) -> Callable[[Callable[[], Count]], Callable[[], Count]]:
    def register(function: Callable[[], Count]) -> Callable[[], Count]:
        STEPS.append((name, function))
        return function

    return register


@dataclass
class Run:
    code: int
    output: str

    def count(self) -> Count:
        return Count(passed=1) if self.code == 0 else Count(failed=1)


def run(name: str, command: Iterable[object], **environment: str) -> Run:
    """Runs a command, keeps its output in build/check, and shows it if it failed."""
    words = [str(word) for word in command]
    result = subprocess.run(
        words,
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    log = LOGS / f"{name}.log"
    log.write_text(result.stdout)
    if result.returncode:
        lines = result.stdout.splitlines()
        shown = "\n".join(lines[-200:])
        print(f"\n$ {' '.join(words)}\n{shown}\n(exit {result.returncode}; whole output: {log.relative_to(ROOT)})\n")
    return Run(result.returncode, result.stdout)


def build(preset: str, *settings: str) -> Run:
    configured = run(
        f"configure-{preset}", ["cmake", "--preset", preset, f"-DPython3_EXECUTABLE={sys.executable}", *settings]
    )
    return configured if configured.code else run(f"build-{preset}", ["cmake", "--build", "--preset", preset])


def files(*patterns: str) -> list[Path]:
    """The project's files, also if somebody else owns them, as in a container."""
    command = [
        "git",
        "-c",
        "safe.directory=*",
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "-z",
        *patterns,
    ]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return sorted({ROOT / name for name in listing.split("\0") if name and (ROOT / name).is_file()})


# ---- Builds ----


@step("build, release")
def build_release() -> Count:
    return build("release", "-DBLUET_WERROR=OFF").count()


@step("build, debug with sanitizers")
def build_debug() -> Count:
    return build("debug").count()


@step("builds without features")
def build_without_features() -> Count:
    """Some combinations are built; the tests of a peripheral that does not pair are run, too."""
    some = run("features", [sys.executable, ROOT / "bench/size.py", "--some"]).count()
    folder = BUILD / "peripheral"
    off = ("CENTRAL", "GATT_CLIENT", "L2CAP_CHANNELS", "SECURITY", "BUILD_AIR", "BUILD_RUNTIME", "BUILD_PROGRAM")
    settings = [f"-DBLUET_{name}=OFF" for name in (*off, "BUILD_PYTHON", "BUILD_EXAMPLES")]
    configure = ["cmake", "--preset", "debug", "-B", folder, "-DBLUET_CRYPTO=external", *settings]
    for name, command in (("configure", configure), ("build", ["cmake", "--build", folder])):
        done = run(f"{name}-peripheral", command)
        if done.code:
            return some + done.count()
    tested = run("ctest-peripheral", ["ctest", "--test-dir", folder, "--no-tests=error", "--output-on-failure", "-V"])
    return some + count_cmocka(tested.output, tested.code == 0)


# ---- Tests ----


def count_cmocka(output: str, ended_well: bool) -> Count:
    """A program tells its tests; one that died on the way is at least one failure."""

    def number(word: str) -> int:
        return sum(int(match) for match in re.findall(rf"\[\s+{word}\s+\] (\d+) test\(s\)", output))

    count = Count(number("PASSED"), number("FAILED"), number("SKIPPED"))
    if not ended_well and not count.failed:
        count.failed = 1
    if ended_well and count == Count():
        count.passed = 1
    return count


@step("C tests (cmocka, sanitizers)")
def c_tests() -> Count:
    report = LOGS / "ctest.xml"
    report.unlink(missing_ok=True)
    size = str(1 << 24)
    result = run(
        "ctest",
        [
            *("ctest", "--preset", "debug", "--no-tests=error", "--output-junit", report, "-j", os.cpu_count() or 1),
            *("--test-output-size-passed", size, "--test-output-size-failed", size),
        ],
    )
    total = Count()
    if report.exists():
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            total += count_cmocka(case.findtext("system-out") or "", case.get("status") == "run")
    if result.code and not total.failed:
        total.failed = 1
    return total


def preloaded_sanitizer() -> str:
    """The sanitizer has to be in a process before an extension that was built with it."""
    name = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, check=True, text=True).stdout
    return str(Path(name.strip()).resolve())


def pytest(name: str, words: Iterable[object], **environment: str) -> Count:
    report = LOGS / f"{name}.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", os.cpu_count() or 1, "--dist=worksteal"]
    result = run(name, [*command, f"--junitxml={report}", *words], **environment)
    if not report.exists():
        return Count(failed=1)
    total = Count()
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        total += Count(int(suite.get("tests", 0)) - bad - skipped, bad, skipped)
    if result.code and not total.failed:
        total.failed = 1
    return total


def pytest_with_sanitizers(name: str, folders: Iterable[object], built: Path) -> Count:
    return pytest(
        name,
        folders,
        BLUET_BUILD=str(built),
        PYTHONPATH=str(built / "python"),
        PYTHONMALLOC="malloc",
        LD_PRELOAD=preloaded_sanitizer(),
        ASAN_OPTIONS="detect_leaks=0",
        UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
    )


@step("Python tests (pytest, sanitizers)")
def python_tests() -> Count:
    folders = [folder for folder in (ROOT / "tests/python", ROOT / "tests/cli") if any(folder.glob("**/test_*.py"))]
    return pytest_with_sanitizers("pytest", folders, BUILD / "debug")


@step("strangers (pytest, release)")
def stranger_tests() -> Count:
    folder = ROOT / "tests/strangers"
    install = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "-q", "-r"]
    had = subprocess.run([*install, folder / "requirements.txt"], cwd=ROOT, capture_output=True, text=True)
    if had.returncode:
        print(f"    not to be had: {had.stderr.strip().splitlines()[-1] if had.stderr.strip() else 'no reason given'}")
    # A machine that is booted once serves all tests that need it; the table is to be compared with docs/interop.md.
    words = [folder, "--dist=loadfile", "--interop", LOGS / "interop.md"]
    return pytest("strangers", words, BLUET_BUILD=str(BUILD), PYTHONPATH=str(BUILD / "python"))


@step("MicroPython (pytest, release)")
def micropython_tests() -> Count:
    """With MicroPython's source, of the distribution or where MICROPYTHON_DIR is; skipped if it is not to be had."""
    return pytest("micropython", [ROOT / "tests/micropython"], BLUET_BUILD=str(BUILD), PYTHONPATH=str(BUILD / "python"))


@step("firmware (pytest, release)")
def firmware_tests() -> Count:
    """The host on a Cortex-M3; skipped if the source of mbedTLS is not to be had."""
    # One process: what is fetched and built first serves all of them.
    words = [ROOT / "tests/firmware", "--dist=loadfile"]
    return pytest("firmware", words, BLUET_BUILD=str(BUILD), PYTHONPATH=str(BUILD / "python"))


@step("big-endian (qemu-user)")
def big_endian_tests() -> Count:
    """Host, air and cryptography, 32 bits and the other order of octets; skipped if there is no compiler for it."""
    try:
        settings = big_endian.prepare()
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        print(f"    not to be had: {error}")
        return Count(skipped=1)
    with_cmocka = {"PKG_CONFIG_LIBDIR": str(big_endian.FOLDER)}
    folder = big_endian.FOLDER / "tree"
    command = ["cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", *settings]
    built = run("configure-big-endian", command, **with_cmocka)
    if built.code == 0:
        built = run("build-big-endian", ["cmake", "--build", folder], **with_cmocka)
    if built.code:
        return built.count()
    total = Count()
    for program in sorted((folder / "tests").glob("test_*")):
        if any(program.match(pattern) for pattern in big_endian.LEFT_OUT):
            continue
        result = run(f"big-endian-{program.name}", [*big_endian.EMULATOR, program])
        total += count_cmocka(result.output, result.code == 0)
    return total if total != Count() else Count(failed=1)


@step("tree tests (pytest, release)")
def tree_tests() -> Count:
    folders = [ROOT / "tests/tidy", ROOT / "tests/tree"]
    return pytest("tree", folders, BLUET_BUILD=str(BUILD), PYTHONPATH=str(BUILD / "python"))


# ---- Fuzzers ----


@step(f"fuzz targets, {FUZZ_SECONDS} s each")
def fuzzers() -> Count:
    built = build("fuzz")
    if built.code:
        return built.count()
    total = Count()
    for result in fuzz.run_all(FUZZ_SECONDS):
        (LOGS / f"{result.target}.log").write_text(result.output)
        print(f"    {result.target}: {fuzz.summary(result)}")
        if not result.passed:
            print(result.output)
        total += Count(passed=1) if result.passed else Count(failed=1)
    return total if total != Count() else Count(failed=1)


# ---- Linters ----


@step("clang-format")
def clang_format() -> Count:
    return run("clang-format", [VENV / "clang-format", "--dry-run", "-Werror", *files("*.c", "*.h")]).count()


def tidy_stamp(source: Path, settings: str) -> Path:
    """Names what the judgement on a source depends on: itself, all headers, the rules."""
    digest = hashlib.sha256(settings.encode())
    for path in [source, *files("*.h", "*.clang-tidy")]:
        digest.update(path.read_bytes())
    return BUILD / "tidy" / digest.hexdigest()[:32]


@step("clang-tidy")
def clang_tidy() -> Count:
    """Each source of the debug build, which knows them all; a verdict is kept until something it depends on changes."""
    folder = BUILD / "tidy"
    folder.mkdir(exist_ok=True)
    database = json.loads((BUILD / "debug" / "compile_commands.json").read_text())
    entries = {entry["file"]: entry for entry in database}
    # Clang does not know every option of gcc's.
    known = [entry | {"command": entry["command"].replace("-fprofile-update=atomic", "")} for entry in entries.values()]
    (folder / "compile_commands.json").write_text(json.dumps(known))
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True).stdout

    def judge(source: Path) -> Count:
        stamp = tidy_stamp(source, version + entries[str(source)]["command"])
        if stamp.exists():
            return Count(passed=1)
        name = "clang-tidy-" + "-".join(source.relative_to(ROOT).parts)
        result = run(name, ["clang-tidy", "--quiet", "-p", folder, source])
        if result.code == 0:
            stamp.touch()
        return result.count()

    ours = [path for path in files("*.c") if str(path) in entries]
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        return sum(pool.map(judge, ours), Count())


@step("ruff")
def ruff() -> Count:
    return (
        run("ruff-check", [VENV / "ruff", "check", "."]).count()
        + run("ruff-format", [VENV / "ruff", "format", "--check", "."]).count()
    )


@step("mypy")
def mypy() -> Count:
    """As a user sees the package: through its stubs and annotations."""
    if not any((ROOT / "python").glob("*/*.py*")):
        return Count(skipped=1)
    return run("mypy", [VENV / "mypy", "python/bluet", "python/bluetooth", "tests/tidy", "tests/tree"]).count()


@step("shellcheck")
def shellcheck() -> Count:
    scripts = [path for path in files() if path.suffix in ("", ".sh") and is_shell(path)]
    return run("shellcheck", ["shellcheck", *scripts]).count()


def is_shell(path: Path) -> bool:
    with path.open("rb") as file:
        return re.match(rb"#!.*\b(ba|da)?sh\b", file.readline()) is not None


# ---- Other ways to build ----


def build_otherwise(name: str, *settings: str, targets: Iterable[str] = ("all",)) -> Count:
    """With another compiler or other settings, warnings being errors."""
    folder = BUILD / "variants" / name
    common = ["-G", "Ninja", "-DBLUET_WERROR=ON", f"-DPython3_EXECUTABLE={sys.executable}"]
    result = run(f"configure-{name}", ["cmake", "-S", ROOT, "-B", folder, *common, *settings])
    if result.code == 0:
        result = run(f"build-{name}", ["cmake", "--build", folder, "--target", *targets])
    return result.count()


@step("other builds")
def other_builds() -> Count:
    library_only = ["-DBLUET_BUILD_PROGRAM=OFF", "-DBLUET_BUILD_PYTHON=OFF", "-DBLUET_BUILD_EXAMPLES=OFF"]
    return (
        build_otherwise("gcc")
        + build_otherwise("clang", "-DCMAKE_C_COMPILER=clang", "-DBLUET_BUILD_TESTS=ON")
        + build_otherwise("lto", "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=ON")
        + build_otherwise("small", "-DCMAKE_BUILD_TYPE=MinSizeRel", *library_only)
        + build_otherwise("host", "-DBLUET_BUILD_AIR=OFF", "-DBLUET_BUILD_RUNTIME=OFF", *library_only)
    )


@step("mbedTLS without PSA, or none")
def other_crypto() -> Count:
    """What has to do with cryptography, by its other backend; and that all can be built without any."""
    folder = BUILD / "variants" / "mbedtls"
    programs = ["test_crypto_crypto", "test_sm_keys", "test_host_pairing", "test_air_encryption"]
    settings = ["-DCMAKE_BUILD_TYPE=None", "-DCMAKE_C_FLAGS=-O1 -g", "-DBLUET_SANITIZE=address,undefined"]
    built = build_otherwise(
        "mbedtls", "-DBLUET_CRYPTO=mbedtls", "-DBLUET_BUILD_TESTS=ON", *settings, targets=[*programs, "bluet_python"]
    ) + build_otherwise("no-crypto", "-DBLUET_CRYPTO=none")
    if built.failed:
        return built
    results = [run(f"mbedtls-{program}", [folder / "tests" / program]) for program in programs]
    total = sum((count_cmocka(result.output, result.code == 0) for result in results), built)
    pairing = [ROOT / "tests/python/test_pairing.py", ROOT / "tests/python/test_store.py"]
    return total + pytest_with_sanitizers("pytest-mbedtls", pairing, folder)


# ---- The whole ----


def main() -> int:
    # Whoever starts this in the background may have it ignored, and so would the programs that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    started = time.monotonic()
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    rows = []
    words = sys.argv[1:]
    for name, function in STEPS:
        if words and not any(word in name for word in words):
            continue
        print(f"{name} ...", flush=True)
        before = time.monotonic()
        count = function()
        rows.append((name, count, time.monotonic() - before))
        if count.failed and function in (build_release, build_debug):
            break

    total = sum((count for _, count, _ in rows), Count())
    print(f"\n{'':34}{'passed':>8}{'failed':>8}{'skipped':>8}{'time':>8}")
    for name, count, seconds in rows:
        print(f"{name:34}{count.passed:8}{count.failed:8}{count.skipped:8}{seconds:7.0f}s")
    print(f"\nall of it in {time.monotonic() - started:.0f} s")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main())
