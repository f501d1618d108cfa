"""CPython with MicroPython's names, called as MicroPython is: as_micropython.py -c PROGRAM, or FILE."""

import sys

from bluet import _micropython

_micropython.install()
inline = sys.argv[1] == "-c"
path = "<stdin>" if inline else sys.argv[1]
sys.argv[:] = ["-c", *sys.argv[3:]] if inline else sys.argv[1:]
sys.path[0] = "" if inline else path.rpartition("/")[0]
if inline:
    program = sys.orig_argv[-1]
else:
    with open(path, encoding="utf-8") as file:
        program = file.read()
exec(compile(program, path, "exec"), {"__name__": "__main__", "__file__": path})
