"""Writes the one-file form of the host: bluet.c and bluet.h, into the folder that is named. ./do onefile

The public headers become one header, all of src/host, src/spec and what they include one source. Names that cross files
are static in it; what belongs to a feature stands between an #if and its #endif, so that the switches of docs/size.md
work. The functions of src/crypto/crypto.h, which the host asks for, become public under names that begin with bluet_:
an application brings them, or takes a backend, which stand at the end of the source.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from features import needed_by

ROOT = Path(__file__).resolve().parent.parent
PUBLIC = ROOT / "include"
SOURCES = ROOT / "src"
INCLUDE = re.compile(r'^#include (?:"(?P<own>[^"]+)"|<(?P<system>[^>]+)>)\n', re.MULTILINE)
CRYPTO = re.compile(
    r"(?:^/\*(?:(?!\*/).)*\*/\n)?^BLUET_INTERNAL bool crypto_\w+\([^;]*;\n\n?", re.MULTILINE | re.DOTALL
)

NOTICE = """/*
 * Bluet {version}: {what}, made of its sources by `./do onefile`.
 * Apache License 2.0: https://www.apache.org/licenses/LICENSE-2.0
 */
"""

# A compiler without a C library has no string.h; these four it calls itself.
STRING = """
void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int octet, size_t length);
int memcmp(const void *one, const void *other, size_t length);
"""

INTERNAL = """
#if defined(__GNUC__)
#define BLUET_INTERNAL __attribute__((unused)) static
#else
#define BLUET_INTERNAL static
#endif
"""

# Calls of what is left out stand behind conditions that cannot hold. No compiler likes a static function of which there
# is no more than that; another has the linker see that nobody calls it.
OF_FEATURE = """
#if {condition}
#define {marker} BLUET_INTERNAL
#else
#define {marker} extern
#endif
"""
DEFINITION = re.compile(r"^BLUET_INTERNAL [^;={(]*?\b(\w+)\(", re.MULTILINE)

BACKENDS = ("psa", "mbedtls", "none")


class Joined:
    """Texts one behind the other, each file once, after what it includes."""

    def __init__(self, *already: Path) -> None:
        self.seen = set(already)
        self.system: set[str] = set()
        self.parts: list[str] = []

    def add(self, path: Path) -> None:
        if path in self.seen:
            return
        self.seen.add(path)
        text = path.read_text(encoding="utf-8")
        for match in INCLUDE.finditer(text):
            if match["own"]:
                self.add(find(match["own"]))
            else:
                self.system.add(match["system"])
        text = INCLUDE.sub("", text).strip("\n")
        if features_of(path):
            text = f"#if {condition(features_of(path))}\n\n{text}\n\n#endif"
        self.parts.append(f"/* ---- {path.relative_to(ROOT)} ---- */\n\n{text}\n")

    def text(self) -> str:
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.parts))

    def includes(self) -> str:
        return "".join(f"#include <{name}>\n" for name in sorted(self.system - {"string.h"}))


def find(name: str) -> Path:
    for folder in (PUBLIC, SOURCES):
        if (folder / name).is_file():
            return folder / name
    raise SystemExit(f"{name} is included, but is not there")


def features_of(path: Path) -> tuple[str, ...]:
    """Those without any of which the file is left out."""
    return tuple(needed_by(path.stem)) if path.suffix == ".c" else ()


def condition(features: Iterable[str]) -> str:
    return " && ".join(f"BLUET_HAS_{name}" for name in features)


def mark(text: str, sources: Iterable[Path]) -> tuple[str, str]:
    """The host with the functions of each feature marked as such, and what the marks mean."""
    found = {path: features_of(path) for path in sources if features_of(path)}
    markers = {features: "_".join(("BLUET_INTERNAL", *features)) for features in sorted(set(found.values()))}
    names = {
        name: markers[features]
        for path, features in found.items()
        for name in DEFINITION.findall(path.read_text(encoding="utf-8"))
    }

    def marked(match: re.Match[str]) -> str:
        return match[0].replace("BLUET_INTERNAL", names.get(match[1], "BLUET_INTERNAL"), 1)

    meanings = (OF_FEATURE.format(condition=condition(key), marker=marker) for key, marker in markers.items())
    return DEFINITION.sub(marked, text), "".join(meanings)


def version() -> str:
    found = re.search(r"^project\(bluet VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text(), re.MULTILINE)
    assert found
    return found[1]


def finished(text: str) -> str:
    text = re.sub(r"^static inline ", "BLUET_INTERNAL inline ", text, flags=re.MULTILINE)
    text = re.sub(r"\bcrypto_(aes128|aes_cmac|p256_public|p256_agree)\b", r"bluet_crypto_\1", text)
    return re.sub(r"^BLUET_INTERNAL (bool bluet_crypto_)", r"BLUET_API \1", text, flags=re.MULTILINE)


def backend(name: str) -> str:
    text = (SOURCES / "crypto" / f"crypto_{name}.c").read_text(encoding="utf-8")
    text = re.sub(r'^#include ("crypto/crypto.h"|<string.h>)\n', "", text, flags=re.MULTILINE)
    return f"if defined(BLUET_CRYPTO_{name.upper()})\n\n{finished(text)}\n"


def write(path: Path, text: str) -> None:
    """A file that is as it should be stays as old as it is, and what was built from it up to date."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)

    header = Joined()
    header.add(PUBLIC / "bluet" / "bluet.h")
    features = Joined()
    features.add(SOURCES / "host" / "features.h")
    host = Joined(*header.seen, *features.seen)
    sources = [source for room in ("spec", "host") for source in sorted((SOURCES / room).glob("*.c"))]
    for source in sources:
        host.add(source)

    crypto = (SOURCES / "crypto" / "crypto.h").read_text(encoding="utf-8")
    wanted = "".join(CRYPTO.findall(crypto))
    text, markers = mark(CRYPTO.sub("", host.text()), sources)
    end = "#ifdef __cplusplus\n}\n#endif\n\n#endif\n"
    public = header.text()
    assert public.endswith(end) and wanted.count(";") == 4
    asked = (
        "/* ---- Cryptography: what the host asks of the application, unless bluet.c is compiled with one of\n"
        " * BLUET_CRYPTO_PSA, BLUET_CRYPTO_MBEDTLS and BLUET_CRYPTO_NONE defined. Octets stand most significant\n"
        " * first. Each returns false, with zeros in `out`, where it cannot. ---- */\n\n"
    )
    public = public.removesuffix(end) + asked + finished(wanted) + end
    write(
        folder / "bluet.h",
        NOTICE.format(version=version(), what="its public header") + header.includes() + "\n" + public,
    )

    backends = "#" + "#el".join(backend(name) for name in BACKENDS) + "#endif\n"
    write(
        folder / "bluet.c",
        NOTICE.format(version=version(), what="the host in one file")
        + '#include "bluet.h"\n\n'
        + host.includes()
        + STRING
        + INTERNAL
        + "\n"
        + features.text()
        + markers
        + "\n"
        + finished(text)
        + "\n"
        + backends,
    )


if __name__ == "__main__":
    main()
