"""CPython with MicroPython's names, called as MicroPython is: as_micropython.py [--one-thread] -c PROGRAM, or FILE."""

import sys

from bluet import _micropython

_micropython.install()
arguments = sys.argv[1:]
end = None
if arguments[0] == "--one-thread":
    import bluetooth
    import machine
    import one_thread

    end = one_thread.install(bluetooth, machine)
    del arguments[0]
inline = arguments[0] == "-c"
path = "<stdin>" if inline else arguments[0]
sys.argv[:] = ["-c", *arguments[2:]] if inline else arguments
sys.path[0] = "" if inline else path.rpartition("/")[0]
if inline:
    program = sys.orig_argv[-1]
else:
    with open(path, encoding="utf-8") as file:
        program = file.read()
try:
    exec(compile(program, path, "exec"), {"__name__": "__main__", "__file__": path})
finally:
    if end:
        end()
