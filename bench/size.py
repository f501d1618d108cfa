"""Prints what the host weighs on a Cortex-M4, and writes it into build/size.json. Call it as ./do size."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

from figures import SIZES

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ROOT / "build" / "size" / "programs"
FLASH = (".text", ".rodata", ".ARM")
STATIC = (".data", ".bss")


def linked_sections(name: str) -> list[tuple[str, int, str]]:
    """Section, octets, and file of all that the linker has kept, from its map."""
    text = (PROGRAMS / f"size_{name}.map").read_text()
    text = text[text.index("Linker script and memory map") :]
    # A long name has a line of its own.
    text = re.sub(r"^( \.\S+)\n\s+0x", r"\1 0x", text, flags=re.MULTILINE)
    rows = re.findall(r"^ (\.\S+)\s+0x[0-9a-f]+\s+0x([0-9a-f]+) (\S+)$", text, flags=re.MULTILINE)
    return [(section, int(size, 16), path) for section, size, path in rows if not section.startswith(".debug")]


def weigh(name: str) -> tuple[dict[str, int], dict[str, int], int]:
    """Flash and static RAM by file of the host, and the flash of what the C library lends."""
    flash: dict[str, int] = defaultdict(int)
    ram: dict[str, int] = defaultdict(int)
    lent = 0
    for section, size, path in linked_sections(name):
        found = re.search(r"src/host/(\w+)\.c\.o(?:bj)?$", path)
        if found and section.startswith(FLASH):
            flash[found.group(1)] += size
        elif found and section.startswith(STATIC):
            ram[found.group(1)] += size
        elif section.startswith(FLASH) and ".a(" in path:
            lent += size
    return flash, ram, lent


def measure_memory() -> dict[str, int]:
    """What the host takes of its allocator, as told by a Cortex-M4 in QEMU."""
    command = ["qemu-system-arm", "-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "none"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(PROGRAMS / "size_memory.elf")]
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
    return figures


def print_files(flash: dict[str, int], ram: dict[str, int]) -> None:
    print(f"\n  {'src/host, Cortex-M4, -Os, --gc-sections':44}{'flash':>8}{'RAM':>8}\n")
    for name in sorted(flash, key=lambda name: -flash[name]):
        print(f"  {name + '.c':44}{flash[name]:8}{ram.get(name, 0):8}")


def print_memory(memory: dict[str, int], per_link: int) -> None:
    print(f"\n  {'memory taken from the port, octets':44}{'RAM':>8}\n")
    for name, what in (
        ("defaults", "active, default limits (4 links, 32 buffers)"),
        ("small", "active, 4 links, 8 buffers of 256, MTU 247"),
        ("service", "a service of 5 notifying characteristics"),
        ("stack", "deepest stack"),
    ):
        print(f"  {what:44}{memory[name]:8}")
    print(f"  {'a link more':44}{per_link:8}")


def main() -> int:
    flash, ram, lent = weigh("all")
    peripheral_flash = sum(weigh("peripheral")[0].values())
    memory = measure_memory()
    per_link = (memory["five_links"] - memory["one_link"]) // 4
    print_files(flash, ram)
    print(f"\n  {'every public function':44}{sum(flash.values()):8}{sum(ram.values()):8}")
    print(f"  {'a peripheral with a GATT server':44}{peripheral_flash:8}")
    print(f"  {'of the C library beside it':44}{lent:8}")
    print_memory(memory, per_link)
    print(f"\n  {'to compare':44}{'flash':>8}{'RAM':>8}{'a link':>8}\n")
    for name, figures in SIZES.items():
        print(f"  {name:44}" + "".join(f"{figure:8}" for figure in figures))

    path = ROOT / "build" / "size.json"
    everything = {"flash": flash, "static": ram, "peripheral": peripheral_flash, "memory": memory, "per_link": per_link}
    path.write_text(json.dumps(everything, indent=2) + "\n")
    print(f"\nThe same in {path.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
