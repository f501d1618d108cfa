"""A pseudo-terminal that stands for a serial port with a controller on it: what hosts for a UART open."""

import os
import select
import socket
import threading
import tty


class Terminal:
    """Carries octets between a terminal, found by a link, and the air's TCP server."""

    def __init__(self, address, path):
        host, port = address.rsplit(":", 1)
        self._air = socket.create_connection((host, int(port)))
        self._ours, theirs = os.openpty()
        tty.setraw(theirs)
        self._theirs = theirs  # kept open, so that a host that closes it does not end it
        self._stopped, self._stop = os.pipe()
        path.symlink_to(os.ttyname(theirs))
        self.path = path
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self):
        while True:
            ready, _, _ = select.select([self._air, self._ours, self._stopped], [], [])
            if self._stopped in ready:
                return
            if self._ours in ready:
                self._air.sendall(os.read(self._ours, 4096))
            if self._air in ready:
                octets = self._air.recv(4096)
                if not octets:
                    return
                os.write(self._ours, octets)

    def close(self):
        os.write(self._stop, b"x")
        self._thread.join()
        self._air.close()
        for descriptor in (self._ours, self._theirs, self._stopped, self._stop):
            os.close(descriptor)
