"""NimBLE's host as a program of ours (nimble/): its source, fetched and built once, and how it is spoken to."""

import fcntl
import json
import os
import shutil
import subprocess
import threading
from pathlib import Path

from ours import PASSKEY, TIMEOUT, wait_for

SOURCES = Path(__file__).parent / "nimble"
PACKAGE = "apache-nimble-sys"
FETCH_SECONDS, BUILD_SECONDS = 60, 120
INPUT, DISPLAY, COMPARE = 2, 3, 4


class Missing(Exception):
    """It cannot be had here; the text says why."""


def _run(what, seconds, *words, **settings):
    try:
        return subprocess.run(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=True,
            **settings,
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or "") + (getattr(error, "stdout", None) or "")
        raise Missing(f"{what}: {error}: {str(said)[-800:]}") from error


def _source(folder):
    """Where cargo has put NimBLE; it has a home of its own there, and takes that package and those it names."""
    if not shutil.which("cargo"):
        raise Missing("cargo is not installed")
    shutil.copy(SOURCES / "Cargo.toml", folder)
    # Of what other systems would need, nothing.
    words = ["cargo", "metadata", "--format-version", "1", "--filter-platform", "x86_64-unknown-linux-gnu"]
    text = _run("cargo", FETCH_SECONDS, *words, cwd=folder, env=os.environ | {"CARGO_HOME": str(folder / "cargo")})
    (path,) = [each["manifest_path"] for each in json.loads(text)["packages"] if each["name"] == PACKAGE]
    return Path(path).parent / "mynewt-nimble"


def prepare(folder):
    """The program, which is made of what has changed; several may ask at once."""
    for program in ("cmake", "ninja", "c++"):
        if not shutil.which(program):
            raise Missing(f"{program} is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = folder / "source"
        if not kept.exists():
            kept.symlink_to(_source(folder))
        build = folder / "built"
        _run("cmake", BUILD_SECONDS, "cmake", "-G", "Ninja", "-S", SOURCES, "-B", build, f"-DNIMBLE={kept}")
        _run("ninja", BUILD_SECONDS, "ninja", "-C", build)
    return build / "stranger"


def version(folder):
    notes = folder / "source/RELEASE_NOTES.md"
    return notes.read_text().partition("NimBLE v")[2].split()[0] if notes.exists() else "none"


class Nimble:
    """The program; a person before it who types, reads and agrees."""

    def __init__(self, program, air):
        port = air.rpartition(":")[2]
        self._process = subprocess.Popen(
            [program, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.said, self.other, self.compared, self.agrees = [], [], None, True
        self._turn = threading.Lock()
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        self.address = bytes.fromhex(self.next("ready")[0])

    def _listen(self):
        for line in self._process.stdout:
            if not line.startswith("["):
                self.other.append(line)
                continue
            word, *rest = json.loads(line)
            if word == "passkey":
                connection, action, number = rest
                self.compared = number if action == COMPARE else self.compared
                self._tell("passkey", connection, action, int(self.agrees) if action == COMPARE else PASSKEY)
            self.said.append((word, rest))

    def _tell(self, *words):
        with self._turn:
            self._process.stdin.write(" ".join(each.hex() if isinstance(each, bytes) else str(each) for each in words))
            self._process.stdin.write("\n")
            self._process.stdin.flush()

    def ask(self, *words):
        """What a command gave."""
        self._tell(*words)
        return self.next("did", lambda data: data[0] == words[0])[1]

    def do(self, *words):
        assert self.ask(*words) == 0, words

    def next(self, word, fits=lambda data: True):
        """The first that was said with this word and fits, taken out of what was kept."""

        def place():
            return next((i for i, (said, data) in enumerate(self.said) if said == word and fits(data)), None)

        wait_for(lambda: place() is not None, TIMEOUT, lambda: (word, self.said, self.other))
        return self.said.pop(place())[1]

    def all(self, word):
        return [data for said, data in self.said if said == word]

    def close(self):
        """It has to end by itself."""
        if self._process.stdin.closed:
            return
        self._process.stdin.close()
        assert self._process.wait(TIMEOUT) == 0, self.other
        self._thread.join(TIMEOUT)
        self._process.stdout.close()
