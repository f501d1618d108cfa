"""Runs an application that was written for MicroPython: python -m bluet.run [--transport=T] app.py [arguments]."""

import argparse
import os
import sys
import traceback
from pathlib import Path
from types import CodeType, ModuleType, TracebackType

from bluet import _micropython, bluetooth

INTERRUPTED = 130


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bluet.run",
        description="Run an application that was written for MicroPython, unchanged, with Bluet's radio.",
    )
    parser.add_argument(
        "--transport",
        metavar="T",
        help="the controller: unix:PATH, tcp:HOST:PORT, or as `bluet controllers` says; as BLUET_TRANSPORT",
    )
    parser.add_argument("--snoop", metavar="FILE", help="write a btsnoop capture; as BLUET_SNOOP in the environment")
    parser.add_argument("app", help="the program, a file")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="its sys.argv[1:]")
    return parser.parse_args(arguments)


def _fail(message: str) -> int:
    print(f"bluet.run: {message}", file=sys.stderr)
    return 2


def _compile(path: str) -> CodeType:
    with open(path, "rb") as file:
        return compile(file.read(), path, "exec", dont_inherit=True)


def _prepare_main(path: str, arguments: list[str]) -> ModuleType:
    """What Python itself does for a program: __main__, sys.argv, the program's folder first on the path."""
    main = ModuleType("__main__")
    main.__dict__.update(__file__=path, __builtins__=__builtins__)
    sys.modules["__main__"] = main
    sys.argv[:] = [path, *arguments]
    sys.path.insert(0, str(Path(path).resolve().parent))
    return main


def _own_lines(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the application's first line on."""
    while trace and trace.tb_frame.f_code is _execute.__code__:
        trace = trace.tb_next
    return trace


def _execute(code: CodeType, main: ModuleType) -> int:
    try:
        exec(code, main.__dict__)
    except SystemExit:
        raise
    except KeyboardInterrupt:
        return INTERRUPTED
    except BaseException as error:
        error.__traceback__ = _own_lines(error.__traceback__)
        traceback.print_exception(error)
        return 1
    return 0


def main(arguments: list[str]) -> int:
    options = _parse(arguments)
    if options.transport is not None:
        os.environ["BLUET_TRANSPORT"] = options.transport
    if options.snoop is not None:
        os.environ["BLUET_SNOOP"] = options.snoop
    try:
        code = _compile(options.app)
    except OSError as error:
        return _fail(f"{options.app}: {error.strerror}")
    except SyntaxError as error:
        traceback.print_exception(error, limit=0)
        return 1
    try:
        bluetooth.BLE()
    except OSError as error:
        return _fail(str(error.strerror))
    _micropython.install()
    return _execute(code, _prepare_main(options.app, options.arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
