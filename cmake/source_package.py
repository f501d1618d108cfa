"""Fetches the source package NAME of the distribution into FOLDER/source, unless it is there: python source_package.py

An apt of its own, made of the machine's lists of package sources, changes nothing of the machine's.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def codename() -> str:
    release = Path("/etc/os-release")
    found = re.search(r'^VERSION_CODENAME="?(\w+)', release.read_text() if release.exists() else "", re.MULTILINE)
    return found[1] if found else ""


def entries() -> Iterator[str]:
    """What the machine takes from its distribution, asked for sources."""
    apt = Path("/etc/apt")
    for path in sorted(apt.glob("sources.list.d/*.sources")):
        text = re.sub(r"^#.*\n", "", path.read_text(), flags=re.MULTILINE)
        for block in re.split(r"\n\s*\n", text):
            if re.search(rf"^Suites:.*(?<!\S){codename()}(?!\S)", block, re.MULTILINE):
                yield re.sub(r"^Types:.*$", "Types: deb-src", block, flags=re.MULTILINE).strip() + "\n"
    listed = [apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list"))]
    for path in (path for path in listed if path.is_file()):
        found = re.findall(r"^deb\s+(\[.*?\]\s+)?(\S+)\s+(\S+)\s+(.*)$", path.read_text(), re.MULTILINE)
        for options, uri, suite, components in found:
            if suite == codename():
                signed = re.search(r"signed-by=([^\s\]]+)", options)
                by = f"Signed-By: {signed[1]}\n" if signed else ""
                yield f"Types: deb-src\nURIs: {uri}\nSuites: {suite}\nComponents: {components}\n{by}"


def fetch(name: str, folder: Path) -> Path:
    """Raises OSError or CalledProcessError where it is not to be had."""
    kept = folder / "source"
    if kept.is_dir():
        return kept
    for part in ("sources", "lists/partial", "cache/archives/partial"):
        (folder / "apt" / part).mkdir(parents=True, exist_ok=True)
    apt = (folder / "apt").resolve()
    (apt / "sources" / "distribution.sources").write_text("\n".join(entries()))
    options = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": apt / "sources",
        "Dir::State::lists": apt / "lists",
        "Dir::Cache": apt / "cache",
        "APT::Sandbox::User": "",
    }
    command = ["apt-get", "-q", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]
    subprocess.run([*command, "update"], check=True, capture_output=True)
    subprocess.run([*command, "source", "--download-only", name], cwd=apt, check=True, capture_output=True)
    description = max(apt.glob(f"{name}_*.dsc"), key=lambda path: path.stat().st_mtime)
    made = folder / "unpacking"
    shutil.rmtree(made, ignore_errors=True)
    subprocess.run(["dpkg-source", "--extract", description, made], check=True, capture_output=True)
    made.rename(kept)
    return kept


if __name__ == "__main__":
    print(fetch(sys.argv[1], Path(sys.argv[2])))
