"""A peripheral that sends a file to whoever opens an L2CAP channel to it."""

import time

import advertising
import bluetooth
from micropython import const

_IRQ_CENTRAL_CONNECT = const(1)
_IRQ_CENTRAL_DISCONNECT = const(2)
_IRQ_L2CAP_ACCEPT = const(22)
_IRQ_L2CAP_CONNECT = const(23)
_IRQ_L2CAP_DISCONNECT = const(24)
_IRQ_L2CAP_SEND_READY = const(26)

PSM = 0x81
MTU = 512
FILE = bytes(i * 7 & 0xFF for i in range(20_000))


class Sender:
    def __init__(self, ble):
        self.ble = ble
        self.conn = self.cid = self.mtu = None
        self.position = 0
        self.done = False
        ble.irq(self.irq)
        ble.active(True)
        ble.config(gap_name="Bluet File")
        ble.l2cap_listen(PSM, MTU)
        ble.gap_advertise(100_000, advertising.encode(name="Bluet File"))
        print("advertising as Bluet File")

    def irq(self, event, data):
        if event == _IRQ_CENTRAL_CONNECT:
            print("central connected")
        elif event == _IRQ_CENTRAL_DISCONNECT:
            print("central disconnected")
            self.done = True
        elif event == _IRQ_L2CAP_ACCEPT:
            return 0  # anything else refuses
        elif event == _IRQ_L2CAP_CONNECT:
            self.conn, self.cid, _, _, peer_mtu = data
            self.mtu = min(peer_mtu, 2 * MTU)
            print("channel open, SDUs of", self.mtu)
            self.send()
        elif event == _IRQ_L2CAP_SEND_READY:
            self.send()
        elif event == _IRQ_L2CAP_DISCONNECT:
            print("sent", self.position, "bytes")

    # False: taken, but wait for _IRQ_L2CAP_SEND_READY before the next.
    def send(self):
        ready = True
        while ready and self.position < len(FILE):
            sdu = FILE[self.position : self.position + self.mtu]
            ready = self.ble.l2cap_send(self.conn, self.cid, sdu)
            self.position += len(sdu)


def main():
    sender = Sender(bluetooth.BLE())
    for _ in range(300):
        if sender.done:
            break
        time.sleep_ms(100)
    sender.ble.active(False)


main()
