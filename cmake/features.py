"""What of the host can be left out, and in which files it stands, as cmake/features.cmake says."""

import re
from collections.abc import Iterable
from pathlib import Path


def read_features() -> tuple[list[str], dict[str, set[str]]]:
    """The switches, and the files that are of use to nobody else."""
    text = (Path(__file__).parent / "features.cmake").read_text()
    switches = re.search(r"set\(bluet_features ([^)]*)\)", text)
    assert switches, "cmake/features.cmake does not say what features there are"
    files = {name: set(listed.split()) for name, listed in re.findall(r"set\(bluet_(\w+)_files ([^)]*)\)", text)}
    return switches.group(1).split(), files


FEATURES, FILES = read_features()


def needed_by(stem: str) -> list[str]:
    """The features without any of which that file is left out."""
    return [name for name in FEATURES if stem in FILES[name]]


def in_effect(off: Iterable[str]) -> frozenset[str]:
    """What is not there if these switches are off: some features need others."""
    missing = set(off)
    if "SECURITY" in missing:
        missing |= {"EATT", "LEGACY_PAIRING", "SIGNING", "PRIVACY"}
    if "L2CAP_CHANNELS" in missing:
        missing.add("EATT")
    return frozenset(missing)


def left_out(off: Iterable[str]) -> set[str]:
    """The files of the host that are not built then, without their suffix."""
    return set().union(*(FILES[name] for name in in_effect(off)))
