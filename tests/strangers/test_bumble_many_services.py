"""300 services, whose UUIDs have 16 and 128 bits, read by a stranger from us, and by us from a stranger: Bumble."""

import pytest
from bluet import bluetooth
from bluet.bluetooth import UUID

pytest.importorskip("bumble.device", reason="bumble is not installed")

from bumble import core, gatt
from bumble.device import Peer
from bumble.hci import Address
from ours import Ours, wait_for
from test_bumble import Controllers, Stranger

COUNT = 300
READ, NOTIFY = bluetooth.FLAG_READ, bluetooth.FLAG_NOTIFY
BUILT_IN = (gatt.GATT_GENERIC_ACCESS_SERVICE, gatt.GATT_GENERIC_ATTRIBUTE_SERVICE)
THEIR_ADDRESS = "F0:F1:F2:F3:F4:F5"
PATIENCE = 60


def uuid(number):
    return f"50DB{number:04X}-8AC4-4738-8448-3B1D9CC09CC5" if number % 3 == 0 else 0x4000 + number


def theirs(uuid):
    return core.UUID.from_16_bits(uuid) if isinstance(uuid, int) else core.UUID(uuid)


# (service, ((characteristic, whether it is notified), ...)) for each service
SERVICES = [
    (uuid(number), tuple((uuid(0x800 + number * 2 + i), (number + i) % 2 == 0) for i in range(number % 3)))
    for number in range(COUNT)
]


@pytest.fixture
def controllers():
    """The ports of two controllers of Bumble's, which know nothing of time: so much talk would last on a real air."""
    controllers = Controllers(2)
    yield controllers.ports
    controllers.end()


def our_host(port, mtu):
    host = Ours(f"tcp:127.0.0.1:{port}")
    host.ble.config(addr_mode=bluetooth.ADDR_MODE_RANDOM, mtu=mtu)
    return host


async def read_all(device, address, mtu):
    """What Bumble finds, in the form of SERVICES."""
    connection = await device.connect(Address(address, Address.RANDOM_DEVICE_ADDRESS))
    peer = Peer(connection)
    if mtu > 23:
        assert await peer.request_mtu(mtu) == mtu
    found = []
    for service in await peer.discover_services():
        characteristics = await service.discover_characteristics()
        for characteristic in characteristics:
            await characteristic.discover_descriptors()
        if service.uuid not in BUILT_IN:
            found.append((service.uuid, tuple((c.uuid, bool(c.descriptors)) for c in characteristics)))
    await connection.disconnect()
    return found


@pytest.mark.stranger("Bumble", "controller", "300 services")
@pytest.mark.parametrize("mtu", [23, 517])
def test_they_read_ours(controllers, mtu):
    ours = our_host(controllers[0], 517)
    ours.ble.gatts_register_services(
        tuple(
            (UUID(service), tuple((UUID(of), READ | (NOTIFY if notified else 0)) for of, notified in characteristics))
            for service, characteristics in SERVICES
        )
    )
    ours.ble.gap_advertise(50_000, b"\x02\x01\x06")
    address = ours.ble.config("mac")[1].hex(":").upper()
    found = []

    async def play(device, stranger):
        await device.power_on()
        stranger.ready.set()
        found.extend(await read_all(device, address, mtu))

    stranger = Stranger(f"tcp-client:127.0.0.1:{controllers[1]}", play)
    stranger.thread.join(PATIENCE)
    stranger.join()
    assert found == [
        (theirs(service), tuple((theirs(of), notified) for of, notified in characteristics))
        for service, characteristics in SERVICES
    ]
    ours.close()


def their_services():
    properties, readable = gatt.Characteristic.Properties, gatt.Characteristic.READABLE
    return [
        gatt.Service(
            theirs(service),
            [
                gatt.Characteristic(
                    theirs(of), properties.READ | (properties.NOTIFY if notified else 0), readable, b"\x00"
                )
                for of, notified in characteristics
            ],
        )
        for service, characteristics in SERVICES
    ]


async def serve(device, stranger):
    device.add_services(their_services())
    await device.power_on()
    await device.start_advertising(own_address_type=1)
    stranger.ready.set()
    await stranger.stop.wait()


class Client:
    """Our host as client of the stranger: one procedure at a time."""

    def __init__(self, ours, mtu):
        self.ours, self.ble = ours, ours.ble
        self.conn = ours.connect(1, bytes.fromhex(THEIR_ADDRESS.replace(":", "")))[0]
        if mtu > 23:
            self.ble.gattc_exchange_mtu(self.conn)
            assert ours.last(bluetooth.IRQ_MTU_EXCHANGED) == (self.conn, mtu)

    def run(self, procedure, result, done, *arguments):
        self.ours.events.clear()
        procedure(self.conn, *arguments)
        assert self.ours.last(done)[1] == 0
        return self.ours.all(result)

    def read_all(self):
        """What we find, in the form of SERVICES."""
        ble, found = self.ble, []
        services = self.run(
            ble.gattc_discover_services, bluetooth.IRQ_GATTC_SERVICE_RESULT, bluetooth.IRQ_GATTC_SERVICE_DONE
        )
        for _, start, end, service in services:
            characteristics = self.run(
                ble.gattc_discover_characteristics,
                bluetooth.IRQ_GATTC_CHARACTERISTIC_RESULT,
                bluetooth.IRQ_GATTC_CHARACTERISTIC_DONE,
                start,
                end,
            )
            found.append(
                (service, tuple((of, self.is_configured(value, last)) for _, last, value, _, of in characteristics))
            )
        return found

    def is_configured(self, value, last):
        descriptors = self.run(
            self.ble.gattc_discover_descriptors,
            bluetooth.IRQ_GATTC_DESCRIPTOR_RESULT,
            bluetooth.IRQ_GATTC_DESCRIPTOR_DONE,
            value,
            last,
        )
        return UUID(0x2902) in [of for _, _, of in descriptors]


@pytest.mark.stranger("Bumble", "controller", "300 services")
@pytest.mark.parametrize("mtu", [23, 517])
def test_we_read_theirs(controllers, mtu):
    stranger = Stranger(f"tcp-client:127.0.0.1:{controllers[1]}", serve)
    ours = our_host(controllers[0], mtu)
    client = Client(ours, mtu)
    found = client.read_all()
    users = [entry for entry in found if entry[0] not in (UUID(0x1800), UUID(0x1801))]
    assert users == [
        (UUID(service), tuple((UUID(of), notified) for of, notified in characteristics))
        for service, characteristics in SERVICES
    ]
    ours.ble.gap_disconnect(client.conn)
    wait_for(lambda: ours.all(bluetooth.IRQ_PERIPHERAL_DISCONNECT))
    ours.close()
    stranger.end()
