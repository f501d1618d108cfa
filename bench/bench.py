"""Runs the benchmarks and prints what they say, as tables and into build/bench.json. Call it as ./do bench."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from figures import GROWTH, INSTRUCTIONS

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
PROGRAMS = BUILD / "programs"
REPETITIONS = 100


def lines_of_json(program: Path) -> list[dict[str, Any]]:
    result = subprocess.run([program], check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]


def table(title: str, head: list[str], rows: list[list[object]]) -> None:
    cells = [head, *([str(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    print(f"\n{title}\n")
    for row in cells:
        first = row[0].ljust(widths[0])
        print("  " + "  ".join([first, *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]))


def count_instructions(level: str) -> dict[str, float]:
    """Each operation's instructions, as callgrind has dumped them, without the cost of the measuring itself."""
    for old in BUILD.glob(f"callgrind.{level}*"):
        old.unlink()
    out = BUILD / f"callgrind.{level}"
    subprocess.run(
        [
            "valgrind",
            "--tool=callgrind",
            "--collect-atstart=no",
            f"--callgrind-out-file={out}",
            PROGRAMS / f"instructions_{level}",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    found = {}
    for part in BUILD.glob(f"callgrind.{level}*"):
        text = part.read_text()
        name = re.search(r"^desc: Trigger: Client Request: (\w+)$", text, re.MULTILINE)
        cost = re.search(r"^(?:summary|totals): (\d+)", text, re.MULTILINE)
        if name and cost:
            found[name.group(1)] = int(cost.group(1)) / REPETITIONS
    nothing = found.pop("nothing")
    return {name: round(cost - nothing, 1) for name, cost in found.items()}


def bench_instructions() -> dict[str, dict[str, float]]:
    levels = {level: count_instructions(level) for level in ("Os", "O2")}
    small, fast = levels["Os"], levels["O2"]
    table(
        "Instructions of the host, from the call to the port's send, and from the packet to the event",
        ["operation", "-Os", "to reach", "-O2", "NimBLE", "BTstack"],
        [
            [what, f"{small[name]:.0f}", reach, f"{fast[name]:.0f}", nimble, btstack]
            for name, (what, nimble, btstack, reach) in INSTRUCTIONS.items()
        ],
    )
    table(
        "Growth of the same, -Os",
        ["operation", "with", "times", "at most"],
        [[INSTRUCTIONS[base][0], more, f"{small[name] / small[base]:.2f}", most] for name, base, more, most in GROWTH],
    )
    return levels


def bench_share() -> list[dict[str, Any]]:
    rows = lines_of_json(PROGRAMS / "share")
    table(
        "Share of the air, in virtual time",
        ["case", "octets/s", "possible", "share", "to reach", "worst link"],
        [
            [
                row["case"],
                f"{row['octets_per_second']:.0f}",
                f"{row['possible']:.0f}",
                f"{row['share']:.1%}",
                f"{row['target']:.1%}",
                f"{row['worst_link']:.2f}",
            ]
            for row in rows
        ],
    )
    return rows


def bench_air() -> dict[str, list[dict[str, Any]]]:
    """The air's own speed: every program air_* prints lines of JSON, shown as they are."""
    found = {}
    for program in sorted(PROGRAMS.glob("air_*")):
        rows = lines_of_json(program)
        found[program.name] = rows
        if rows:
            table(program.name, list(rows[0]), [list(row.values()) for row in rows])
    return found


def main() -> int:
    results = {"share": bench_share(), "instructions": bench_instructions(), "air": bench_air()}
    path = ROOT / "build" / "bench.json"
    path.write_text(json.dumps(results, indent=2) + "\n")
    print(f"\nThe same in {path.relative_to(ROOT)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
