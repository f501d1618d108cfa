"""No unfinished business, and nothing that only makes sense where it was written."""

import re

from project import files, is_data, text

# Written so that this file does not find itself.
WORDS = {
    r"\bTOD[O]\b": "do it, or leave it out",
    r"\bFIXM[E]\b": "do it, or leave it out",
    r"\bXX[X]\b": "do it, or leave it out",
    r"\bHAC[K]\b": "do it well, or leave it out",
    r"\b[Ff]or no[w]\b": "what is there, is there: say what it does",
    r"\b[Nn]ot yet implemente[d]\b": "say it in docs/supported.md, and return an error",
    r"(?<![\w.])/wor[k]/": "a path of one machine",
    r"(?<![\w.])/roo[t]/": "a path of one machine",
    r"\.\./share[d]/": "a path outside the project",
    r"\b[Ii]ssu[e]s? #?\d": "a number that means nothing to a reader",
    r"\bmileston[e]\b": "a plan is not a description",
}


def test_no_words_of_a_workplace() -> None:
    wrong = []
    for path in files():
        if is_data(path):
            continue
        for number, line in enumerate(text(path).splitlines(), 1):
            for word, advice in WORDS.items():
                match = re.search(word, line)
                if match:
                    wrong.append(f"{path}, line {number}: {match.group(0)!r}: {advice}")
    assert not wrong, "\n".join(wrong)


def test_lines_end_clean() -> None:
    wrong = []
    for path in files():
        if is_data(path):
            continue
        content = text(path)
        if content and not content.endswith("\n"):
            wrong.append(f"{path}: no end of line at its end")
        if re.search(r"[ \t]+$", content, flags=re.MULTILINE):
            wrong.append(f"{path}: spaces at the end of a line")
        if "\t" in content and path.name not in ("Makefile", ".gitmodules"):
            wrong.append(f"{path}: tabs")
    assert not wrong, "\n".join(wrong)
