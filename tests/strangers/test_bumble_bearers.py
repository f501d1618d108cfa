"""Enhanced ATT bearers with a stranger: Bumble opens some to our server, and our client some to Bumble's."""

import asyncio

import pytest
from bluet import bluetooth

pytest.importorskip("bumble.device", reason="bumble is not installed")
gatt_client = pytest.importorskip("bumble.gatt_client", reason="bumble is not installed")
if not hasattr(gatt_client.Client, "connect_eatt"):
    pytest.skip("this bumble has no enhanced bearers", allow_module_level=True)

from bumble.gatt import Characteristic, Service  # noqa: E402
from ours import wait_for  # noqa: E402
from test_bumble import address_of  # noqa: E402
from test_bumble_pairing import THEIR_ADDRESS, both  # noqa: E402

COUNT = 6
READ = bluetooth.FLAG_READ
SERVICES = ((bluetooth.UUID(0xA000), tuple((bluetooth.UUID(0xA001 + i), READ) for i in range(COUNT))),)


@pytest.mark.stranger("Bumble", "central", "Enhanced ATT bearers")
def test_their_client_opens_bearers(served_air):
    ours, stranger, _ = both(served_air, "just works", True)
    (values,) = ours.ble.gatts_register_services(SERVICES)
    for value in values:
        ours.ble.gatts_write(value, bytes([value] * 10))
    ours.ble.gap_advertise(50_000, b"\x02\x01\x06")
    connection = stranger.do(stranger.device.connect(address_of(ours), timeout=15))
    ours.next(bluetooth.IRQ_CENTRAL_CONNECT)
    with pytest.raises(Exception, match=r"(?i)refused|authentication|l2cap"):
        stranger.do(gatt_client.Client.connect_eatt(connection, count=2))  # not before the link is encrypted
    stranger.do(connection.pair())
    ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE)

    async def read_all():
        clients = await gatt_client.Client.connect_eatt(connection, count=2)
        reads = [clients[i % 2].read_value(value) for i, value in enumerate(values)]
        return await asyncio.gather(*reads)

    assert stranger.do(read_all()) == [bytes([value] * 10) for value in values]
    assert not any(22 <= event <= 26 for event, _ in ours.events)
    ours.ble.active(False)
    stranger.end()


@pytest.mark.stranger("Bumble", "peripheral", "Enhanced ATT bearers")
def test_our_client_opens_bearers(served_air):
    ours, stranger, _ = both(served_air, "just works", True)
    characteristics = [
        Characteristic(f"A0{i:02X}", Characteristic.Properties.READ, Characteristic.READABLE, bytes([i] * 10))
        for i in range(1, COUNT + 1)
    ]
    stranger.device.add_service(Service("A000", characteristics))
    stranger.device.gatt_server.register_eatt()
    features = Characteristic("2B3A", Characteristic.Properties.READ, Characteristic.READABLE, b"\x01")
    stranger.device.add_service(Service("A100", [features]))
    stranger.advertise()
    conn = ours.connect(1, bytes.fromhex(THEIR_ADDRESS.replace(":", "")))[0]
    ours.ble.gap_pair(conn)
    ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE)
    for _ in range(2):
        for characteristic in characteristics:
            ours.ble.gattc_read(conn, characteristic.handle)
        for i, characteristic in enumerate(characteristics, 1):
            result = ours.next(bluetooth.IRQ_GATTC_READ_RESULT)
            assert (result[1], bytes(result[2])) == (characteristic.handle, bytes([i] * 10))
            assert ours.next(bluetooth.IRQ_GATTC_READ_DONE)[2] == 0
        channels = stranger.device.l2cap_channel_manager.le_coc_channels[stranger.connection.handle]
        wait_for(lambda channels=channels: len(channels) == 2)
    ours.ble.active(False)
    stranger.end()
