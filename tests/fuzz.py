"""Runs every fuzz target for a while, from its corpus, over as many processes as there are cores."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "fuzz"


@dataclass
class Result:
    target: str
    passed: bool
    output: str


def targets() -> list[tuple[str, Path]]:
    """The fuzz targets with their corpora, as the build has listed them."""
    listing = BUILD / "fuzzers.txt"
    if not listing.exists():
        return []
    lines = [line.split(" ", 1) for line in listing.read_text().splitlines()]
    return [(name, Path(corpus)) for name, corpus in lines]


def run_target(target: str, corpus: Path, seconds: int) -> Result:
    """New inputs are kept in the build folder; the corpus in the tree is only read."""
    found = BUILD / "found" / target
    found.mkdir(parents=True, exist_ok=True)
    folders = [str(found)] + ([str(corpus)] if corpus.is_dir() else [])
    command = [
        str(BUILD / "tests" / target),
        f"-max_total_time={seconds}",
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
        f"-artifact_prefix={BUILD}/{target}-",
        *folders,
    ]
    environment = dict(os.environ, UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    run = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    return Result(target, run.returncode == 0, run.stdout + run.stderr)


def run_all(seconds: int) -> list[Result]:
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        runs = [pool.submit(run_target, target, corpus, seconds) for target, corpus in targets()]
        return [run.result() for run in runs]


def summary(result: Result) -> str:
    executed = [line.split()[-1] for line in result.output.splitlines() if "number_of_executed_units" in line]
    return f"{executed[0]} inputs" if executed else "no statistics"


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    results = run_all(seconds)
    for result in results:
        if not result.passed:
            print(result.output)
        print(f"{result.target}: {'ok' if result.passed else 'FAILED'}, {summary(result)}")
    if not results:
        print("There are no fuzz targets.", file=sys.stderr)
    return 0 if results and all(result.passed for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
