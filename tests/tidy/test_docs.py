"""What the documents name, exists."""

import re
from pathlib import Path

from project import ROOT, files, sources, text

ROOTS = ("include/", "src/", "python/", "cli/", "examples/", "tests/", "bench/", "docs/", "cmake/", ".ci/")


def documents() -> list[Path]:
    return [path for path in files() if path.suffix == ".md"]


def spans(document: Path) -> list[str]:
    """What stands between backticks in the running text."""
    running = re.sub(r"^```.*?^```", "", text(document), flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`\n]+)`", running)


def test_paths_in_documents_exist() -> None:
    dead = []
    for document in documents():
        for span in spans(document):
            path = span.rstrip("/")
            if span.startswith(ROOTS) and not re.search(r"[*{<\s]|[A-Z]{4,}", path) and not (ROOT / path).exists():
                dead.append(f"{document}: {span}")
    assert not dead, "\n".join(dead)


def test_links_in_documents_lead_somewhere() -> None:
    dead = []
    for document in documents():
        for target in re.findall(r"\]\(([^)#\s]+)", text(document)):
            if "://" not in target and not (ROOT / document.parent / target).exists():
                dead.append(f"{document}: {target}")
    assert not dead, "\n".join(dead)


def test_functions_in_documents_exist() -> None:
    known = "\n".join(text(path) for path in sources(".c", ".h", ".py", ".pyi"))
    dead = []
    for document in documents():
        for name in re.findall(r"\b(bluet_\w+)\b", text(document)):
            if not re.search(rf"\b{name}\b", known):
                dead.append(f"{document}: {name}")
    assert not dead, "\n".join(dead)


def test_documents_name_no_line_numbers() -> None:
    wrong = [
        f"{document}: {match}" for document in documents() for match in re.findall(r"\w+\.[ch]:\d+", text(document))
    ]
    assert not wrong, "\n".join(wrong)


def test_tasks_in_documents_exist() -> None:
    tasks = set(re.findall(r"^task_(\w+)\(\)", text(Path("do")), flags=re.MULTILINE))
    wrong = [
        f"{document}: ./do {name}"
        for document in documents()
        for name in re.findall(r"\./do (\w+)", text(document))
        if name not in tasks
    ]
    assert not wrong, "\n".join(wrong)
