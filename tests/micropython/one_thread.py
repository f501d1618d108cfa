"""Events as on MicroPython, where handlers have no thread of their own: they run while the program sleeps or idles.

MicroPython's programs print in their handlers and between them, and have their output compared line by line.
"""

import collections
import sys
import threading
import time

ANSWERED = (4, 22, 29, 30)  # what the handler returns is the answer: reads, channels, secrets
RESULTS = (9, 11, 13, 15)  # of the client's procedures: never the last event


class Event:
    def __init__(self, code, data):
        # Copies: what the event points to is gone when it is its turn.
        self.code = code
        self.data = tuple(memoryview(bytes(part)) if isinstance(part, memoryview) else part for part in data)
        self.handled = threading.Event()
        self.answer = None


class Turns:
    """Whose turn it is to run: the program's, or that of its handler. The program gives it away while it waits."""

    def __init__(self):
        self._turn = threading.Lock()
        self._turn.acquire()
        self._events = collections.deque()
        self._handler = None
        self._waiting_for_host = False
        self._ended = False

    def set_handler(self, handler):
        self._handler = handler

    def take(self, code, data):
        """Called by the host's thread, which waits for the program: no event overtakes it, and no value changes.

        While the program waits for the host in its turn, what needs an answer is handled here.
        """
        event = Event(code, data)
        self._events.append(event)
        while code not in RESULTS and not self._ended and not event.handled.wait(0.001):
            if not self._waiting_for_host:
                continue
            if code not in ANSWERED:
                break
            if self._turn.acquire(timeout=0.001):
                self._handle_all()
                self._turn.release()
        return event.answer

    def _handle_all(self):
        """All at once, as a packet of the controller's brings them."""
        while self._events and (self._events[-1].code not in RESULTS or self._events[0].code not in RESULTS):
            event = self._events.popleft()
            try:
                if self._handler:
                    event.answer = self._handler(event.code, event.data)
            finally:
                event.handled.set()

    def wait_for_host(self, function, *arguments, **named):
        self._waiting_for_host = True
        self._turn.release()
        try:
            return function(*arguments, **named)
        finally:
            self._turn.acquire()
            self._waiting_for_host = False

    def sleep(self, seconds):
        until = time.monotonic() + seconds
        self._handle_all()
        while (left := until - time.monotonic()) > 0:
            threading.Event().wait(min(left, 0.001))
            self._handle_all()

    def read_line(self):
        lines = []
        reader = threading.Thread(target=lambda: lines.append(sys.__stdin__.readline()), daemon=True)
        reader.start()
        while reader.is_alive():
            self.sleep(0.001)
        return lines[0]

    def end(self):
        self._ended = True


class Input:
    def __init__(self, turns):
        self.readline = turns.read_line


def install(bluetooth, machine):
    """Puts this between the program and the module. Returns what is to be called when the program has ended."""
    turns = Turns()
    real = bluetooth.BLE

    class BLE:
        def __init__(self):
            self._ble = real()
            self._ble.irq(turns.take)

        def irq(self, handler):
            turns.set_handler(handler)

    def passed_on(name):
        return lambda self, *arguments, **named: turns.wait_for_host(getattr(self._ble, name), *arguments, **named)

    for name in dir(real):
        if not name.startswith("_") and name != "irq":
            setattr(BLE, name, passed_on(name))
    bluetooth.BLE = BLE
    machine.idle = lambda: turns.sleep(0.001)
    time.sleep = turns.sleep
    time.sleep_ms = lambda milliseconds: turns.sleep(milliseconds / 1000)
    sys.stdin = Input(turns)
    return turns.end
