"""The task runner says what it can do, and refuses what it cannot."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def do(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "do", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)


def test_help_names_every_task() -> None:
    tasks = re.findall(r"^task_(\w+)\(\)", (ROOT / "do").read_text(), flags=re.MULTILINE)
    said = do("help")
    assert said.returncode == 0
    for task in set(tasks) - {"help"}:
        assert re.search(rf"^  {task}  ", said.stdout, flags=re.MULTILINE), task
    assert do().stdout == said.stdout


def test_unknown_task_is_refused() -> None:
    refused = do("nonsense")
    assert refused.returncode == 1
    assert "there is no task 'nonsense'" in refused.stderr
    assert refused.stdout == ""
