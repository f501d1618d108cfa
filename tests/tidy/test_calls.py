"""Functions that are not called here, each with what to use in its place."""

import ast
import re
from pathlib import Path

from project import code, sources, text

EVERYWHERE = {
    "alloca": "a buffer of a fixed size",
    "asprintf": "snprintf",
    "atof": "strtod, and look at where it stopped",
    "atoi": "strtol, and look at where it stopped",
    "atol": "strtol, and look at where it stopped",
    "gets": "fgets",
    "mktemp": "mkstemp",
    "setjmp": "an early return",
    "sprintf": "snprintf",
    "strcat": "snprintf",
    "strcpy": "snprintf or memcpy",
    "strncat": "snprintf",
    "strncpy": "snprintf or memcpy",
    "strtok": "strcspn",
    "system": "posix_spawn, or none",
    "tmpnam": "mkstemp",
    "vsprintf": "vsnprintf",
}
WITHOUT_SYSTEM = {
    "abort": "an error that is returned",
    "assert": "an error that is returned",
    "calloc": "memory_take, from the port",
    "clock_gettime": "the port's now",
    "exit": "an error that is returned",
    "fprintf": "an event, or a counter",
    "free": "memory_give, to the port",
    "malloc": "memory_take, from the port",
    "printf": "an event, or a counter",
    "rand": "the port's random",
    "random": "the port's random",
    "realloc": "memory_resize, from the port",
    "snprintf": "nothing: the host and the air make no text",
    "time": "the port's now",
    "usleep": "a deadline",
}
ROOMS_WITHOUT_SYSTEM = ("src/spec", "src/host", "src/air", "src/crypto")

PYTHON = {
    "eval": "ast.literal_eval",
    "os.system": "subprocess.run with a list",
    "os.popen": "subprocess.run with a list",
    "tempfile.mktemp": "tempfile.mkdtemp",
}


def banned_in(path: Path) -> dict[str, str]:
    if any(path.is_relative_to(room) for room in ROOMS_WITHOUT_SYSTEM):
        return EVERYWHERE | WITHOUT_SYSTEM
    return EVERYWHERE


def test_c_calls_nothing_banned() -> None:
    wrong = []
    for path in sources(".c", ".h"):
        banned = banned_in(path)
        for number, line in enumerate(code(path).splitlines(), 1):
            # A member of that name, or a callback reached through one, is something else.
            for name in re.findall(r"(?<![\w.>])(\w+)\s*\(", line):
                if name in banned and not re.search(rf"\(\s*\*\s*{name}\b", line):
                    wrong.append(f"{path}, line {number}: {name}(); use {banned[name]}")
    assert not wrong, "\n".join(wrong)


def test_python_calls_nothing_banned() -> None:
    wrong = []
    for path in sources(".py"):
        for node in ast.walk(ast.parse(text(path))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in PYTHON:
                name = ast.unparse(node.func)
                wrong.append(f"{path}, line {node.lineno}: {name}(); use {PYTHON[name]}")
    assert not wrong, "\n".join(wrong)
