"""Signed writes between us and Bumble, which distributes keys for signing; what is signed with them is checked here."""

import pytest
from bluet import bluetooth

pytest.importorskip("bumble.pairing", reason="bumble is not installed")

from bumble.att import ATT_Signed_Write_Command
from bumble.crypto import aes_cmac
from bumble.pairing import PairingConfig, PairingDelegate
from ours import TIMEOUT, Ours, wait_for
from test_bumble import address_of
from test_bumble_pairing import NO_IO, THEIR_ADDRESS, Stranger

SIGNED = bluetooth.FLAG_AUTHENTICATED_SIGNED_WRITE
BY_SIGNATURE = 3
BUMBLES_KEY = bytes(16)
KEYS = (
    PairingDelegate.KeyDistribution.DISTRIBUTE_ENCRYPTION_KEY
    | PairingDelegate.KeyDistribution.DISTRIBUTE_IDENTITY_KEY
    | PairingDelegate.KeyDistribution.DISTRIBUTE_SIGNING_KEY
)


def signature(key, handle, value, counter):
    """What stands behind the value (Vol 3 Part H, 2.4.5), by Bumble's cryptography."""
    signed = b"\xd2" + handle.to_bytes(2, "little") + value + counter.to_bytes(4, "little")
    return counter.to_bytes(4, "little") + aes_cmac(signed[::-1], key)[7::-1]


def both(air):
    ours = Ours(f"tcp:{air}", bond=True)
    stranger = Stranger(f"tcp-client:{air}", NO_IO, True, False)
    delegate = PairingDelegate(NO_IO, KEYS, KEYS)
    stranger.config = PairingConfig(sc=True, mitm=False, bonding=True, delegate=delegate)
    return ours, stranger


@pytest.mark.stranger("Bumble", "central", "signed writes")
def test_their_client_signs(served_air):
    ours, stranger = both(served_air)
    services = ((bluetooth.UUID(0xA000), ((bluetooth.UUID(0xA001), SIGNED),)),)
    ((value,),) = ours.ble.gatts_register_services(services)

    def connect():
        ours.ble.gap_advertise(50_000, b"\x02\x01\x06")
        connection = stranger.do(stranger.device.connect(address_of(ours), timeout=TIMEOUT))
        ours.next(bluetooth.IRQ_CENTRAL_CONNECT)
        return connection

    def say(connection, data, counter, key=BUMBLES_KEY):
        octets = data + signature(key, value, data, counter)
        stranger.do(connection.gatt_client.send_command(ATT_Signed_Write_Command(value, octets)))

    connection = connect()
    stranger.do(connection.pair())
    ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE)
    wait_for(lambda: len(ours.store) == 3)
    say(connection, b"hidden", 0)
    stranger.do(connection.disconnect())
    ours.next(bluetooth.IRQ_CENTRAL_DISCONNECT)
    assert ours.ble.gatts_read(value) == b""

    connection = connect()
    say(connection, b"first", 0)
    ours.next(bluetooth.IRQ_GATTS_WRITE)
    assert ours.ble.gatts_read(value) == b"first"
    say(connection, b"again", 0)
    say(connection, b"forged", 1, bytes([1] * 16))
    say(connection, b"second", 1)
    ours.next(bluetooth.IRQ_GATTS_WRITE)
    assert ours.ble.gatts_read(value) == b"second"
    assert not any(event == bluetooth.IRQ_GATTS_WRITE for event, _ in ours.events)
    stranger.do(connection.disconnect())
    ours.ble.active(False)
    stranger.end()


@pytest.mark.stranger("Bumble", "peripheral", "signed writes")
def test_our_client_signs(served_air):
    ours, stranger = both(served_air)
    heard = []
    stranger.device.gatt_server.on_att_signed_write_command = lambda _, pdu: heard.append(bytes(pdu))

    def connect():
        stranger.advertise()
        return ours.connect(1, bytes.fromhex(THEIR_ADDRESS.replace(":", "")))[0]

    conn = connect()
    ours.ble.gap_pair(conn)
    ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE)
    wait_for(lambda: len(ours.store) == 3 and stranger.device.keystore.all_keys)
    ours.ble.gap_disconnect(conn)
    ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    ((_, keys),) = stranger.do(stranger.device.keystore.get_all())
    conn = connect()
    for counter in range(3):
        ours.ble.gattc_write(conn, 3, b"value", BY_SIGNATURE)
        assert ours.next(bluetooth.IRQ_GATTC_WRITE_DONE) == (conn, 3, 0)
        wait_for(lambda: heard)
        expected = b"\xd2\x03\x00value" + signature(keys.csrk.value[::-1], 3, b"value", counter)
        assert heard.pop() == expected
    ours.ble.gap_disconnect(conn)
    ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    ours.ble.active(False)
    stranger.end()
