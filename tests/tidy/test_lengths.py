"""Nothing is longer than can be read at once; every file says first what it is for."""

import ast

from project import ROOT, files, functions, is_data, sources, text

FUNCTION_LINES = 70
FILE_LINES = 800
LINE_LENGTH = 120


def test_c_functions_are_short() -> None:
    long = [
        f"{function}, {function.line_count} lines"
        for path in sources(".c", ".h")
        for function in functions(path)
        if function.line_count > FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_python_functions_are_short() -> None:
    long = []
    for path in sources(".py"):
        for node in ast.walk(ast.parse(text(path))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                line_count = (node.end_lineno or node.lineno) - node.lineno + 1
                if line_count > FUNCTION_LINES:
                    long.append(f"{path}: {node.name}(), {line_count} lines")
    assert not long, "\n".join(long)


def test_files_are_short() -> None:
    long = []
    for path in files():
        if is_data(path):
            continue
        line_count = (ROOT / path).read_bytes().count(b"\n")
        if line_count > FILE_LINES:
            long.append(f"{path}: {line_count} lines")
    assert not long, "\n".join(long)


def test_c_files_open_with_a_comment() -> None:
    bare = [str(path) for path in sources(".c", ".h") if not text(path).startswith("/*")]
    assert not bare, "what are these for? " + ", ".join(bare)


def test_python_files_open_with_a_docstring() -> None:
    bare = [
        str(path)
        for path in sources(".py", ".pyi")
        if text(path).strip() and not ast.get_docstring(ast.parse(text(path))) and not text(path).startswith("#")
    ]
    assert not bare, "what are these for? " + ", ".join(bare)


def test_lines_are_short() -> None:
    long = [
        f"{path}, line {number}: {len(line)}"
        for path in sources(".c", ".h", ".py", ".pyi", ".cmake")
        for number, line in enumerate(text(path).splitlines(), 1)
        if len(line) > LINE_LENGTH
    ]
    assert not long, "\n".join(long)
