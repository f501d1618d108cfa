"""Runs a program, unchanged, and writes down the events that its handler is called with: traced.py FILE PROGRAM"""

import sys

import bluetooth


def word(part):
    if isinstance(part, memoryview):
        return "0x" + "".join(["%02x" % octet for octet in part])
    return str(part)


class Traced:
    """A BLE object that says what it hears."""

    def __init__(self, log):
        self._ble = bluetooth.BLE()
        self._log = log

    def irq(self, handler):
        def handle(event, data):
            self._log.write(" ".join([str(event)] + [word(part) for part in data]) + "\n")
            self._log.flush()
            return handler(event, data)

        self._ble.irq(handle)

    def __getattr__(self, name):
        return getattr(self._ble, name)


class Module:
    """In the place of the module."""

    def __init__(self, log):
        self._log = log

    def BLE(self):
        return Traced(self._log)

    def __getattr__(self, name):
        return getattr(bluetooth, name)


def main(log, path):
    sys.modules["bluetooth"] = Module(log)
    sys.path.insert(0, path.rsplit("/", 1)[0])
    with open(path) as file:
        program = file.read()
    exec(compile(program, path, "exec"), {"__name__": "__main__"})


with open(sys.argv[1], "w") as log:
    main(log, sys.argv[2])
