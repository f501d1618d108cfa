"""Prints what the host weighs on a Cortex-M4 and a Cortex-M0+, and writes it into build/size.json. Call: ./do size.

With --some or --all: compiles and links the host with some or all combinations of its features.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from combinations import try_combinations
from figures import SIZES

from build import FEATURES, HOST_FLAGS, KEPT, ROOT, Compiler

FLASH = (".text", ".rodata", ".ARM.ex")
STATIC = (".data", ".bss")
MACHINES = {"Cortex-M4": "-mcpu=cortex-m4", "Cortex-M0+": "-mcpu=cortex-m0plus"}

# By how the names of their files begin.
LAYERS = {
    "spec": ("reader", "writer"),
    "HCI": ("hci",),
    "links, buffers": ("link", "buffer", "memory"),
    "L2CAP, signalling": ("l2cap", "l2cap_signal"),
    "L2CAP channels": ("l2cap_channel", "l2cap_stream", "host_l2cap"),
    "ATT": ("att", "gatt"),
    "GATT server": ("gatt_server", "gatt_db", "gatt_type", "gatt_prepared", "host_gatt"),
    "GATT client": ("gatt_client", "host_gatt_client"),
    "Security Manager": ("sm", "host_security", "host_signing"),
    "GAP": ("gap", "host_gap", "host_central"),
    "host": ("host",),
}

# Rows beside those of WITHOUT.
EVERYTHING_ONE_FILE = "everything, in one file"
MICROPYTHON = "what MicroPython's module uses"
MICROPYTHON_ONE_FILE = "what MicroPython's module uses, in one file"
MICROPYTHON_LIKE_NIMBLE = f"{MICROPYTHON}, no EATT, no signing"
MICROPYTHON_PERIPHERAL = f"{MICROPYTHON}, peripheral, no pairing"
MICROPYTHON_ROWS = (MICROPYTHON, MICROPYTHON_ONE_FILE, MICROPYTHON_LIKE_NIMBLE, MICROPYTHON_PERIPHERAL)
ONE_FILE = "-onefile"
CRYPTO = ("crypto_aes128", "crypto_aes_cmac", "crypto_p256_public", "crypto_p256_agree")

BEYOND_NIMBLE = ("EATT", "SIGNING")
PERIPHERAL = ("CENTRAL", "GATT_CLIENT", "L2CAP_CHANNELS", "SECURITY")
WITHOUT = {
    "everything": (),
    **{f"without BLUET_{name}": (name,) for name in FEATURES},
    "peripheral, server, pairing": ("CENTRAL", "GATT_CLIENT", "L2CAP_CHANNELS"),
    "peripheral, server, no pairing": PERIPHERAL,
}


def layer_of(stem: str) -> str:
    """The longest beginning that fits."""
    fitting = [(len(start), layer) for layer, starts in LAYERS.items() for start in starts if stem.startswith(start)]
    return max(fitting)[1]


def public_functions(objects: Iterable[Path]) -> list[str]:
    listing = subprocess.run(
        ["arm-none-eabi-nm", "--defined-only", "--extern-only", "--format=just-symbols", *objects],
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted({name for name in listing.stdout.split() if name.startswith("bluet_")})


def used_by_micropython(objects: Iterable[Path]) -> list[str]:
    """What the sources of the module for MicroPython name of the public functions."""
    text = "".join(path.read_text() for path in (ROOT / "micropython" / "bluet").glob("*.c"))
    named = set(re.findall(r"\bbluet_\w+(?=\()", text))
    return [name for name in public_functions(objects) if name in named]


def link(compiler: Compiler, name: str, objects: list[Path], functions: list[str]) -> Path:
    """A program that holds the addresses of these functions, and calls none. Its map."""
    roots = KEPT / f"{name}-roots.c"
    roots.write_text(
        "typedef void (*any)(void);\nextern const any volatile size_roots[];\n"
        + "".join(f"void {function}(void);\n" for function in functions)
        + "const any volatile size_roots[] = {"
        + ", ".join(functions)
        + "};\n"
    )
    program = [roots, ROOT / "bench" / "size_root.c", ROOT / "bench" / "size_crypto.c"]
    public = [f"-D{name}=bluet_{name}" for name in CRYPTO] if name.endswith(ONE_FILE) else []
    added = [compiler.compile(source, (), [*HOST_FLAGS, *public]) for source in program]
    written = KEPT / f"{name}.map"
    script = ROOT / "bench" / "cortex-m4.ld"
    options = ["-nostartfiles", "--specs=nano.specs", "-T", str(script), "-Wl,--gc-sections", f"-Wl,-Map={written}"]
    compiler.run([*map(str, added), *map(str, objects), *options, "-o", str(written.with_suffix(".elf"))])
    return written


def weigh(compiler: Compiler, name: str, host: dict[str, Path], functions: list[str]) -> dict[str, dict[str, int]]:
    """Flash and static RAM by file of the host; what the C library lends is under another name."""
    stems = {path.name: stem for stem, path in host.items()}
    text = link(compiler, name, list(host.values()), functions).read_text()
    text = text[text.index("Linker script and memory map") :]
    # A long name has a line of its own.
    text = re.sub(r"^( \.\S+)\n\s+0x", r"\1 0x", text, flags=re.MULTILINE)
    weights: dict[str, dict[str, int]] = defaultdict(lambda: {"flash": 0, "RAM": 0})
    for section, size, path in re.findall(r"^ (\.\S+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+)$", text, flags=re.MULTILINE):
        stem = stems.get(Path(path).name, "C library" if ".a(" in path else "")
        if stem and section.startswith(FLASH):
            weights[stem]["flash"] += int(size, 16)
        elif stem and section.startswith(STATIC):
            weights[stem]["RAM"] += int(size, 16)
    return weights


def weigh_all(machine: str) -> dict[str, dict[str, dict[str, int]]]:
    """Every row: the host without some features, as a module for MicroPython links it, and the same in one file."""
    compiler = Compiler("arm-none-eabi-gcc", MACHINES[machine], "-mthumb", "-Os")
    rows = {}
    for name, without in WITHOUT.items():
        host = compiler.compile_host(without)
        program = f"{machine}-{'-'.join(without) or 'all'}"
        rows[name] = weigh(compiler, program, host, public_functions(host.values()))
    separate = compiler.compile_host(())
    folder = KEPT / "onefile"
    subprocess.run([sys.executable, ROOT / "cmake" / "onefile.py", folder], check=True)
    joined = {"bluet": compiler.compile(folder / "bluet.c", (), HOST_FLAGS)}
    for name, host, program in (
        (MICROPYTHON, separate, f"{machine}-micropython"),
        (MICROPYTHON_ONE_FILE, joined, f"{machine}-micropython{ONE_FILE}"),
        (MICROPYTHON_LIKE_NIMBLE, compiler.compile_host(BEYOND_NIMBLE), f"{machine}-micropython-like-nimble"),
        (MICROPYTHON_PERIPHERAL, compiler.compile_host(PERIPHERAL), f"{machine}-micropython-peripheral"),
    ):
        rows[name] = weigh(compiler, program, host, used_by_micropython(host.values()))
    rows[EVERYTHING_ONE_FILE] = weigh(compiler, f"{machine}-all{ONE_FILE}", joined, public_functions(joined.values()))
    return rows


def total(weights: dict[str, dict[str, int]], what: str) -> int:
    return sum(weight[what] for stem, weight in weights.items() if stem != "C library")


def by_layer(weights: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    layers = {layer: {"flash": 0, "RAM": 0} for layer in LAYERS}
    for stem, weight in weights.items():
        if stem != "C library":
            for what, size in weight.items():
                layers[layer_of(stem)][what] += size
    return layers


def measure_memory(name: str) -> dict[str, int]:
    """What the host takes of its allocator, as told by a Cortex-M4 in QEMU."""
    program = ROOT / "build" / "size" / "programs" / f"{name}.elf"
    command = ["qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(program)]
    run = subprocess.run(
        command,
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
    )
    figures = {name: int(value) for name, value in re.findall(r"^(\w+) (\d+)$", run.stdout, re.MULTILINE)}
    if not figures or 0 in figures.values():
        sys.exit(f"the host did not come up on the Cortex-M4: {run.stdout}")
    figures["link"] = (figures["five_links"] - figures["one_link"]) // 4
    return figures


def heading(title: str, columns: Iterable[str]) -> None:
    print(f"\n  {title:56}" + "".join(f"{column:>12}" for column in columns) + "\n")


def row(name: str, figures: Iterable[object]) -> None:
    print(f"  {name:56}" + "".join(f"{figure:12}" for figure in figures))


def print_flash(weights: dict[str, dict[str, dict[str, dict[str, int]]]]) -> None:
    heading("flash by layer, everything on, octets", MACHINES)
    whole = {machine: by_layer(weights[machine]["everything"]) for machine in MACHINES}
    for layer in LAYERS:
        row(layer, (whole[machine][layer]["flash"] for machine in MACHINES))
    heading("flash, every public function that there is", MACHINES)
    for name in (*WITHOUT, EVERYTHING_ONE_FILE, *MICROPYTHON_ROWS):
        row(name, (total(weights[machine][name], "flash") for machine in MACHINES))
    row("of the C library beside it", (weights[machine]["everything"]["C library"]["flash"] for machine in MACHINES))
    row("static RAM", (total(weights[machine]["everything"], "RAM") for machine in MACHINES))


def print_memory(whole: dict[str, int], peripheral: dict[str, int]) -> None:
    heading("memory taken from the port, Cortex-M4, octets", ("everything", "peripheral"))
    for name, what in (
        ("defaults", "active, default limits (4 links, 32 buffers)"),
        ("small", "active, 4 links, 8 buffers of 256, MTU 247"),
        ("tiny", "active, 4 links, 8 buffers of 64, MTU 65"),
        ("service", "a service of 5 notifying characteristics"),
        ("link", "a link more"),
        ("stack", "deepest stack"),
    ):
        row(what, (whole[name], peripheral[name]))


def main() -> int:
    if "--all" in sys.argv or "--some" in sys.argv:
        return try_combinations(every="--all" in sys.argv)
    weights = {machine: weigh_all(machine) for machine in MACHINES}
    memory, peripheral = measure_memory("size_memory"), measure_memory("size_peripheral")
    print_flash(weights)
    print_memory(memory, peripheral)
    heading("to compare", ("flash", "RAM", "a link"))
    for name, figures in SIZES.items():
        row(name, figures)
    on_m4 = weights["Cortex-M4"]
    row("everything", (total(on_m4["everything"], "flash"), memory["small"], memory["link"]))
    row(MICROPYTHON, (total(on_m4[MICROPYTHON], "flash"), memory["small"], memory["link"]))
    row(MICROPYTHON_LIKE_NIMBLE, (total(on_m4[MICROPYTHON_LIKE_NIMBLE], "flash"), "", ""))
    for name in ("peripheral, server, no pairing", MICROPYTHON_PERIPHERAL):
        row(name, (total(on_m4[name], "flash"), peripheral["small"], peripheral["link"]))

    path = ROOT / "build" / "size.json"
    layers = {machine: {name: by_layer(weights[machine][name]) for name in WITHOUT} for machine in MACHINES}
    everything = {"layers": layers, "files": weights, "memory": memory, "memory_peripheral": peripheral}
    path.write_text(json.dumps(everything, indent=2) + "\n")
    print(f"\nThe same in {path.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
