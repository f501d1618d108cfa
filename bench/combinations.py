"""Compiles and links the host with every combination of its features, or a handful: ./do size --all, --some."""

import itertools
import subprocess
from pathlib import Path

from build import FEATURES, KEPT, Compiler, in_effect

# Each switch by itself, what a peripheral needs, what a scanner needs, and next to nothing.
SOME = [
    *({name} for name in FEATURES),
    {"CENTRAL", "GATT_CLIENT", "L2CAP_CHANNELS"},
    {"CENTRAL", "GATT_CLIENT", "L2CAP_CHANNELS", "SECURITY"},
    {"L2CAP_CHANNELS", "SECURITY"},
    {"EATT", "LEGACY_PAIRING", "SIGNING", "PRIVACY"},
]
LENT = {"memcpy", "memmove", "memset", "memcmp"}
CRYPTO = {"crypto_aes128", "crypto_aes_cmac", "crypto_p256_public", "crypto_p256_agree"}


def undefined(objects: list[Path], joined: Path) -> set[str]:
    """What the host asks of others."""
    subprocess.run(["ld", "-r", "-o", joined, *objects], check=True)
    listing = subprocess.run(
        ["nm", "--undefined-only", "--format=just-symbols", joined], capture_output=True, check=True
    )
    joined.unlink()
    return set(listing.stdout.decode().split())


def try_combinations(every: bool) -> int:
    wanted = SOME
    if every:
        counts = range(len(FEATURES) + 1)
        wanted = [set(off) for count in counts for off in itertools.combinations(FEATURES, count)]
    different = sorted({in_effect(off) for off in wanted}, key=lambda off: (len(off), sorted(off)))
    # Without optimization: nothing but the constants themselves may take code away.
    compiler = Compiler("gcc", "-O0")
    failures = 0
    for off in different:
        objects = compiler.compile_host(off)
        allowed = LENT if "SECURITY" in off else LENT | CRYPTO
        foreign = undefined(list(objects.values()), KEPT / "joined.o") - allowed
        if foreign:
            failures += 1
            print(f"without {' '.join(sorted(off))}: nobody defines {', '.join(sorted(foreign))}")
    print(f"{len(different)} different hosts of {len(wanted)} combinations, {failures} failures")
    return 1 if failures else 0
