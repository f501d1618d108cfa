"""A heart-rate monitor: finds a sensor, connects, subscribes, shows some measurements, and leaves."""

import struct
import sys
import time

import advertising
import bluetooth
from micropython import const

_IRQ_SCAN_RESULT = const(5)
_IRQ_SCAN_DONE = const(6)
_IRQ_PERIPHERAL_CONNECT = const(7)
_IRQ_PERIPHERAL_DISCONNECT = const(8)
_IRQ_GATTC_SERVICE_RESULT = const(9)
_IRQ_GATTC_SERVICE_DONE = const(10)
_IRQ_GATTC_CHARACTERISTIC_RESULT = const(11)
_IRQ_GATTC_CHARACTERISTIC_DONE = const(12)
_IRQ_GATTC_DESCRIPTOR_RESULT = const(13)
_IRQ_GATTC_DESCRIPTOR_DONE = const(14)
_IRQ_GATTC_WRITE_DONE = const(17)
_IRQ_GATTC_NOTIFY = const(18)

_HEART_RATE_SERVICE = bluetooth.UUID(0x180D)
_MEASUREMENT = bluetooth.UUID(0x2A37)
_CLIENT_CONFIGURATION = bluetooth.UUID(0x2902)

_WANTED = const(8)


class HeartRateMonitor:
    """Each step begins where the event of the one before it arrives."""

    def __init__(self, ble):
        self.finished = False
        self.count = 0
        self._ble = ble
        self._sensor = self._service = self._characteristic = self._configuration = None
        self._steps = {
            _IRQ_SCAN_RESULT: self._on_advertisement,
            _IRQ_SCAN_DONE: self._on_scan_done,
            _IRQ_PERIPHERAL_CONNECT: self._on_connect,
            _IRQ_PERIPHERAL_DISCONNECT: self._on_disconnect,
            _IRQ_GATTC_SERVICE_RESULT: self._on_service,
            _IRQ_GATTC_SERVICE_DONE: self._on_services_done,
            _IRQ_GATTC_CHARACTERISTIC_RESULT: self._on_characteristic,
            _IRQ_GATTC_CHARACTERISTIC_DONE: self._on_characteristics_done,
            _IRQ_GATTC_DESCRIPTOR_RESULT: self._on_descriptor,
            _IRQ_GATTC_DESCRIPTOR_DONE: self._on_descriptors_done,
            _IRQ_GATTC_WRITE_DONE: self._on_subscribed,
            _IRQ_GATTC_NOTIFY: self._on_notify,
        }
        self._ble.active(True)
        self._ble.irq(self._irq)
        self._ble.gap_scan(10_000, 30_000, 30_000)
        print("scanning")

    def _irq(self, event, data):
        step = self._steps.get(event)
        if step:
            step(*data)

    def _on_advertisement(self, addr_type, addr, adv_type, rssi, adv_data):
        if self._sensor is None and _HEART_RATE_SERVICE in advertising.services(adv_data):
            self._sensor = (addr_type, bytes(addr))
            print("found", advertising.name(adv_data), advertising.address(addr), rssi, "dBm")
            self._ble.gap_scan(None)

    def _on_scan_done(self):
        if self._sensor is None:
            print("no sensor found")
            self.finished = True
        else:
            self._ble.gap_connect(*self._sensor)

    def _on_connect(self, conn_handle, addr_type, addr):
        print("connected to", advertising.address(addr))
        self._ble.gattc_discover_services(conn_handle, _HEART_RATE_SERVICE)

    def _on_disconnect(self, conn_handle, addr_type, addr):
        print("disconnected")
        self.finished = True

    def _on_service(self, conn_handle, start_handle, end_handle, uuid):
        print("service", uuid, "handles", start_handle, "to", end_handle)
        self._service = (start_handle, end_handle)

    def _on_services_done(self, conn_handle, status):
        if self._service:
            self._ble.gattc_discover_characteristics(conn_handle, *self._service)
        else:
            self._leave(conn_handle, "no heart-rate service")

    def _on_characteristic(self, conn_handle, end_handle, value_handle, properties, uuid):
        print("characteristic", uuid, "value", value_handle)
        if uuid == _MEASUREMENT:
            self._characteristic = (value_handle, end_handle)

    def _on_characteristics_done(self, conn_handle, status):
        if self._characteristic:
            self._ble.gattc_discover_descriptors(conn_handle, *self._characteristic)
        else:
            self._leave(conn_handle, "no measurement")

    def _on_descriptor(self, conn_handle, dsc_handle, uuid):
        if uuid == _CLIENT_CONFIGURATION:
            self._configuration = dsc_handle

    def _on_descriptors_done(self, conn_handle, status):
        if self._configuration:
            self._ble.gattc_write(conn_handle, self._configuration, struct.pack("<H", 1), 1)
        else:
            self._leave(conn_handle, "no way to subscribe")

    def _on_subscribed(self, conn_handle, value_handle, status):
        if status == 0:
            print("subscribed")
        else:
            self._leave(conn_handle, "refused: status %d" % status)

    def _on_notify(self, conn_handle, value_handle, notify_data):
        # The first bit tells whether the rate has 8 or 16 bits.
        wide = notify_data[0] & 1
        (rate,) = struct.unpack_from("<H" if wide else "<B", notify_data, 1)
        print("heart rate", rate, "bpm")
        self.count += 1
        if self.count == _WANTED:
            self._ble.gap_disconnect(conn_handle)

    def _leave(self, conn_handle, why):
        print(why)
        self._ble.gap_disconnect(conn_handle)


def main():
    ble = bluetooth.BLE()
    monitor = HeartRateMonitor(ble)
    while not monitor.finished:
        time.sleep_ms(50)
    ble.active(False)
    return monitor.count >= _WANTED


sys.exit(0 if main() else 1)
