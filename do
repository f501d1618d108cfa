#!/usr/bin/env bash
# The task runner. `./do help` lists what it does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

# ---- What has to be installed, by task ----

packages_build=(build-essential ca-certificates cmake libjansson-dev libmbedtls-dev libpopt-dev libsmartcols-dev
    libusb-1.0-0-dev ninja-build pkg-config python3 python3-dev python3-venv)
packages_check=("${packages_build[@]}" bluez clang clang-tidy gcc-arm-none-eabi libcmocka-dev libnewlib-arm-none-eabi
    qemu-system-arm shellcheck tshark valgrind)
packages_strangers=(bluez busybox-static dbus nodejs npm qemu-system-x86)
packages_fuzz=("${packages_build[@]}" clang libcmocka-dev)
packages_bench=("${packages_build[@]}" valgrind)
packages_size=("${packages_build[@]}" gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm)
packages_firmware=(dpkg-dev gcc-arm-none-eabi libnewlib-arm-none-eabi make python3)
packages_coverage=("${packages_build[@]}" libcmocka-dev)

say() {
    printf '%s\n' "$*"
}

fail() {
    printf '%s\n' "./do: $*" >&2
    exit 1
}

# Runs a command whose output matters only if it fails.
quietly() {
    "$@" >build/quiet.log 2>&1 </dev/null || {
        cat build/quiet.log >&2
        fail "this failed: $*"
    }
}

is_installed() {
    [[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" == installed ]]
}

# Installs those of the named packages that are missing.
need() {
    local missing=() package
    if ! command -v dpkg-query >/dev/null; then
        say "This is not Debian or Ubuntu: taking for granted that there is what these packages hold: $*"
        return
    fi
    for package in "$@"; do
        is_installed "$package" || missing+=("$package")
    done
    if ((${#missing[@]} == 0)); then
        return
    fi

    local as_root=()
    if ((EUID != 0)); then
        command -v sudo >/dev/null || fail "these packages are missing, and there is no sudo to install them with:" \
            "${missing[*]}"
        as_root=(sudo)
    fi
    say "Installing from the distribution: ${missing[*]}"
    local get=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3)
    quietly "${get[@]}" update
    quietly "${get[@]}" install -y --no-install-recommends "${missing[@]}"
}

# Installs what of the named packages can be had: without the rest less is tried, and said to be skipped.
want() {
    local missing=() package
    command -v dpkg-query >/dev/null || return 0
    for package in "$@"; do
        is_installed "$package" || command -v "$package" >/dev/null || missing+=("$package")
    done
    ((${#missing[@]} == 0)) || (need "${missing[@]}") || say "Going on without: ${missing[*]}"
}

# Debian 12 has a later one beside its own, which is too old for what is in the registry now.
want_cargo() {
    if ! command -v cargo >/dev/null; then
        if apt-cache show cargo-web >/dev/null 2>&1; then want cargo-web; else want cargo; fi
    fi
}

# Clang's sanitizers come in a package that has its version in the name.
need_clang_runtime() {
    if command -v dpkg-query >/dev/null; then
        need "libclang-rt-$(clang -dumpversion | cut -d. -f1)-dev"
    fi
}

# ---- Python ----

python_fits() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

# The system's own Python before any other: its headers are the ones that were just installed.
find_python() {
    local python
    for python in /usr/bin/python3 python3.14 python3.13 python3.12 python3.11 python3; do
        if python_fits "$python"; then
            command -v "$python"
            return
        fi
    done
    fail "no Python 3.11 or later was found"
}

# Makes build/venv with the packages of the named requirement files, once for each content of theirs.
need_venv() {
    local file stamp
    if ! [[ -x build/venv/bin/python ]] || ! python_fits build/venv/bin/python; then
        say "Making build/venv"
        quietly "$(find_python)" -m venv --clear build/venv
    fi
    for file in "$@"; do
        stamp=build/venv/$(basename "$file").$(sha256sum "$file" | cut -c 1-16)
        if ! [[ -e $stamp ]]; then
            say "Installing into build/venv what $file names"
            quietly build/venv/bin/python -m pip install --disable-pip-version-check -r "$file"
            touch "$stamp"
        fi
    done
}

venv_python() {
    printf '%s/build/venv/bin/python' "$PWD"
}

# ---- Building ----

configure() {
    local preset=$1
    shift
    quietly cmake --preset "$preset" "-DPython3_EXECUTABLE=$(venv_python)" "$@"
}

compile() {
    local preset=$1
    say "Building ($preset)"
    configure "$@"
    quietly cmake --build --preset "$preset"
}

task_build() {
    need "${packages_build[@]}"
    need_venv cmake/requirements.txt
    # Somebody else's compiler may warn of what ours does not.
    compile release -DBLUET_WERROR=OFF
    say "Built build/bluet, build/libbluet.a and build/python (put it on PYTHONPATH for \`import bluetooth\`)."
}

# ---- Tasks ----

task_demo() {
    task_build
    exec build/venv/bin/python examples/demo.py
}

task_check() {
    need "${packages_check[@]}"
    need_clang_runtime
    need_venv cmake/requirements.txt tests/requirements.txt
    if (($# == 0)) || [[ " $* " == *" stranger"* ]]; then
        want "${packages_strangers[@]}"
        want_cargo
    fi
    exec build/venv/bin/python tests/check.py "$@"
}

task_fuzz() {
    need "${packages_fuzz[@]}"
    need_clang_runtime
    need_venv cmake/requirements.txt
    compile fuzz
    exec build/venv/bin/python tests/fuzz.py "$@"
}

task_bench() {
    need "${packages_bench[@]}"
    need_venv cmake/requirements.txt
    compile bench
    exec build/venv/bin/python bench/bench.py "$@"
}

task_onefile() {
    "$(find_python)" cmake/onefile.py build/onefile
    say "Wrote build/onefile/bluet.c and build/onefile/bluet.h."
}

task_firmware() {
    need "${packages_firmware[@]}"
    task_onefile
    local mbedtls
    mbedtls=$("$(find_python)" cmake/source_package.py mbedtls build/mbedtls)
    quietly make -C firmware ONEFILE="$PWD/build/onefile" MBEDTLS="$PWD/$mbedtls" OUT="$PWD/build/firmware"
    say "Built build/firmware/sensor.elf."
}

task_size() {
    need "${packages_size[@]}"
    need_venv cmake/requirements.txt
    compile size
    exec build/venv/bin/python bench/size.py "$@"
}

task_coverage() {
    need "${packages_coverage[@]}"
    need_venv cmake/requirements.txt tests/requirements.txt
    compile coverage
    find build/coverage -name '*.gcda' -delete
    ctest --preset coverage
    build/venv/bin/gcovr --root . --object-directory build/coverage --filter src/ --filter cli/ \
        --html-details build/coverage/report.html --print-summary
    say "The report is build/coverage/report.html."
}

sources_in_c() {
    git -c "safe.directory=*" ls-files --cached --others --exclude-standard '*.c' '*.h'
}

task_format() {
    need "${packages_build[@]}"
    need_venv cmake/requirements.txt tests/requirements.txt
    sources_in_c | xargs build/venv/bin/clang-format -i
    build/venv/bin/ruff format .
    build/venv/bin/ruff check --fix .
}

task_clean() {
    rm -rf build
}

task_help() {
    cat <<'HELP'
Usage: ./do TASK

  demo       build, then run a heart-rate sensor and a monitor that talk over the virtual air
  check      build and run everything there is: tests under sanitizers, fuzzers, linters;
             ./do check WORD...: only the steps in whose names a word stands
  build      build build/bluet, build/libbluet.a and build/python
  bench      measure speed; table on the terminal, JSON in build/bench.json
  onefile    write the host as build/onefile/bluet.c and build/onefile/bluet.h
  firmware   build a heart-rate sensor for a Cortex-M3: build/firmware/sensor.elf
  size       weigh the host for a Cortex-M4 and a Cortex-M0+;
             ./do size --all (or --some): build it with every combination of its features
  fuzz       fuzz what comes from outside: ./do fuzz [SECONDS PER TARGET]
  coverage   run the C tests and report which lines they reach
  format     bring sources into the project's form
  clean      remove build/

What is missing is installed from the distribution first (Debian 12, Ubuntu 24.04), by root or through sudo.
HELP
}

mkdir -p build
task=${1:-help}
shift || true
case $task in
demo | check | build | bench | onefile | firmware | size | fuzz | coverage | format | clean | help) "task_$task" "$@" ;;
-h | --help) task_help ;;
*)
    task_help >&2
    fail "there is no task '$task'"
    ;;
esac
