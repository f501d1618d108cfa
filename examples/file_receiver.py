"""A central that opens an L2CAP channel to `file_sender.py`, and takes the file."""

import sys
import time

import advertising
import bluetooth
from micropython import const

_IRQ_SCAN_RESULT = const(5)
_IRQ_PERIPHERAL_CONNECT = const(7)
_IRQ_PERIPHERAL_DISCONNECT = const(8)
_IRQ_L2CAP_CONNECT = const(23)
_IRQ_L2CAP_DISCONNECT = const(24)
_IRQ_L2CAP_RECV = const(25)

PSM = 0x81
MTU = 1024
LENGTH = 20_000


class Receiver:
    def __init__(self, ble):
        self.ble = ble
        self.peer = None
        self.conn = None
        self.got = bytearray()
        self.done = False
        self.buffer = bytearray(256)
        ble.irq(self.irq)
        ble.active(True)
        ble.gap_scan(0, 30_000, 30_000)

    def irq(self, event, data):
        if event == _IRQ_SCAN_RESULT:
            addr_type, addr, _, _, adv_data = data
            if self.peer is None and advertising.name(adv_data) == "Bluet File":
                self.peer = (addr_type, bytes(addr))
        elif event == _IRQ_PERIPHERAL_CONNECT:
            self.conn = data[0]
            self.ble.l2cap_connect(self.conn, PSM, MTU)
        elif event == _IRQ_L2CAP_CONNECT:
            print("channel open, MTU", data[3], "here and", data[4], "there")
        elif event == _IRQ_L2CAP_RECV:
            self.receive(data[0], data[1])
        elif event == _IRQ_L2CAP_DISCONNECT:
            if data[3]:
                print("no channel, status", data[3])
            self.ble.gap_disconnect(data[0])
        elif event == _IRQ_PERIPHERAL_DISCONNECT:
            self.done = True

    # The sender gets credits for more once all is taken.
    def receive(self, conn, cid):
        while True:
            length = self.ble.l2cap_recvinto(conn, cid, self.buffer)
            if not length:
                break
            self.got += self.buffer[:length]
        if len(self.got) == LENGTH:
            self.ble.l2cap_disconnect(conn, cid)

    def wait(self, condition, seconds=20):
        for _ in range(seconds * 50):
            if condition():
                return True
            time.sleep_ms(20)
        return False


def main():
    receiver = Receiver(bluetooth.BLE())
    if not receiver.wait(lambda: receiver.peer):
        print("found no Bluet File")
        receiver.ble.active(False)
        sys.exit(1)
    print("found Bluet File")
    receiver.ble.gap_scan(None)
    receiver.ble.gap_connect(*receiver.peer)
    receiver.wait(lambda: receiver.done)
    good = receiver.got == bytes(i * 7 & 0xFF for i in range(LENGTH))
    print("received", len(receiver.got), "bytes,", "all of them right" if good else "not what was sent")
    receiver.ble.active(False)
    if not good:
        sys.exit(1)


main()
