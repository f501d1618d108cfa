"""All of src/host is one translation unit in the one-file form, so what is static in one file is not in another."""

import re
from collections import defaultdict
from pathlib import Path

from project import code, sources

NAMES = (
    r"^static [^;={\n]*?\b(\w+)\(",
    r"^static [^;={(\n]*?\b(\w+)(?:\[[^\]\n]*\])*(?: =|;)",
    r"^#define (\w+)",
    r"^(?:struct|union|enum) (\w+)\s*\{",
    r"^typedef [^;]*?\b(\w+)(?:\)\([^;]*)?;",
)


def names(path: Path) -> set[str]:
    """Of the file's own scope: functions, variables, macros, types, enumerators."""
    text = code(path)
    found = {name for pattern in NAMES for name in re.findall(pattern, text, re.MULTILINE)}
    for body in re.findall(r"^(?:typedef )?enum(?: \w+)? \{([^}]*)\}", text, re.MULTILINE):
        found.update(re.findall(r"(?:^|,)\s*(\w+)", body))
    return found


def test_no_two_files_of_the_host_mean_different_things_by_a_name() -> None:
    places = defaultdict(list)
    for path in sources(".c", ".h"):
        if path.parts[:2] in (("src", "host"), ("src", "spec"), ("src", "crypto")):
            for name in names(path):
                places[name].append(str(path))
    assert len(places) > 1000, "the patterns find nothing any more"
    # Of the backends of cryptography there is one at a time.
    wrong = [
        f"{name}: {', '.join(found)}"
        for name, found in sorted(places.items())
        if len(found) > 1 and not all(path.startswith("src/crypto/") for path in found)
    ]
    assert not wrong, "\n".join(wrong)
