"""What GATT makes of a bond: signed writes, services that changed while a client was away, subscriptions."""

import errno

import pytest
from bluet import bluetooth
from radios import INDICATE, NOTIFY, READ, UUID, WRITE, Pair, Radio, connect
from test_pairing import Person

SIGNED = bluetooth.FLAG_AUTHENTICATED_SIGNED_WRITE
AUTHENTICATED = bluetooth.FLAG_WRITE_AUTHENTICATED
WRITE_DONE, WRITTEN = bluetooth.IRQ_GATTC_WRITE_DONE, bluetooth.IRQ_GATTS_WRITE
SUBSCRIPTION, INDICATED = bluetooth.IRQ_GATTS_SUBSCRIPTION, bluetooth.IRQ_GATTC_INDICATE
UPDATED = bluetooth.IRQ_ENCRYPTION_UPDATE
SERVICES = (
    (
        UUID(0xA000),
        (
            (UUID(0xA001), READ | SIGNED),
            (UUID(0xA002), READ | SIGNED | AUTHENTICATED),
            (UUID(0xA003), READ | WRITE | NOTIFY),
        ),
    ),
)
NOT_SIGNED = 0x105
BY_SIGNATURE = 3
SERVICE_CHANGED = 12


class Bonded(Pair):
    """Bonded, and away again; both have stores."""

    def __init__(self, air, services=SERVICES, protected=False, **settings):
        self.air = air
        self.central, self.peripheral = Radio.__new__(Radio), Radio.__new__(Radio)
        self.stores = {}, {}
        for radio, store in zip((self.central, self.peripheral), self.stores, strict=True):
            radio.ble, radio.events, radio.answers = air.ble(), [], {}
            radio.ble.irq(radio._irq)
            Person(radio, store)
            radio.ble.config(bond=True, mitm=protected, io=4, **settings)
            radio.ble.active(True)
        self.handles = self.peripheral.ble.gatts_register_services(services)
        self.connect()
        self.encrypt()

    def connect(self):
        self.to_peripheral, self.to_central = connect(self.air, self.central, self.peripheral)

    def encrypt(self):
        self.central.forget()
        self.peripheral.forget()
        self.central.ble.gap_pair(self.to_peripheral)
        assert self.at_central(UPDATED)[1] == 1
        assert self.at_peripheral(UPDATED)[1] == 1
        self.air.run(0.5)

    def disconnect(self):
        self.central.ble.gap_disconnect(self.to_peripheral)
        self.at_central(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
        self.at_peripheral(bluetooth.IRQ_CENTRAL_DISCONNECT)

    def again(self):
        self.disconnect()
        self.connect()

    def restart(self, radio):
        """As if its process had ended and begun anew: only the store is left."""
        radio.ble.active(False)
        self.air.run(1)
        radio.ble.active(True)
        radio.forget()

    def write(self, handle, data, mode=1):
        """The status."""
        self.central.forget()
        self.central.ble.gattc_write(self.to_peripheral, handle, data, mode)
        status = self.at_central(WRITE_DONE)[2]
        self.air.run(0.2)
        return status


# ---- Signed writes ----


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protected", [False, True])
def test_signed_writes(air, protected, legacy):
    """On a plain link, once there is a bond; a value may ask for a key of a protected pairing."""
    pair = Bonded(air, protected=protected, legacy=legacy)
    ((plain, private, ordinary),) = pair.handles
    read = pair.peripheral.ble.gatts_read
    with pytest.raises(OSError) as refused:
        pair.write(plain, b"x", BY_SIGNATURE)
    assert refused.value.errno == errno.EALREADY  # encrypted
    pair.again()
    pair.peripheral.forget()
    assert pair.write(plain, b"signed", BY_SIGNATURE) == 0
    assert pair.peripheral.all(WRITTEN) == [(pair.to_central, plain)]
    assert read(plain) == b"signed"
    assert pair.write(private, b"private", BY_SIGNATURE) == 0
    assert read(private) == (b"private" if protected else b"")
    # Nothing else lets a write in there, and a signature nowhere else.
    assert pair.write(plain, b"unsigned") == 0x03
    assert pair.write(ordinary, b"signed", BY_SIGNATURE) == 0
    assert (read(plain), read(ordinary)) == (b"signed", b"")
    assert pair.write(plain, bytes(range(20)), BY_SIGNATURE) == 0
    assert read(plain) == bytes(range(23 - 15))


def test_signed_writes_after_restarts(air):
    """Of either side, of both, and in any order: counters go on."""
    pair = Bonded(air)
    ((plain, _, _),) = pair.handles
    for number in range(8):
        pair.again()
        if number & 1:
            pair.restart(pair.central)
        if number & 2:
            pair.restart(pair.peripheral)
            ((plain, _, _),) = pair.peripheral.ble.gatts_register_services(SERVICES)
        if number & 3:
            pair.connect()
        for turn in range(3):
            data = bytes([number, turn])
            assert pair.write(plain, data, BY_SIGNATURE) == 0
            assert pair.peripheral.ble.gatts_read(plain) == data


def test_an_old_store_lets_nothing_old_in(air):
    """The client's store is put back to what it was: what it signs now has been signed before, and is not taken."""
    pair = Bonded(air)
    ((plain, _, _),) = pair.handles
    old = dict(pair.stores[0])
    pair.again()
    assert pair.write(plain, b"first", BY_SIGNATURE) == 0
    assert pair.peripheral.ble.gatts_read(plain) == b"first"
    pair.disconnect()
    pair.stores[0].update(old)
    pair.connect()
    assert pair.write(plain, b"again", BY_SIGNATURE) == 0
    assert pair.peripheral.ble.gatts_read(plain) == b"first"


def test_no_key_to_sign_with(air):
    pair = Bonded(air)
    ((plain, _, _),) = pair.handles
    pair.again()
    pair.central.ble.gap_unpair(*pair.peripheral.ble.config("mac"))
    with pytest.raises(OSError, match="no key") as refused:
        pair.write(plain, b"x", BY_SIGNATURE)
    assert refused.value.errno == errno.ENOKEY
    stranger = Pair(air, SERVICES)
    with pytest.raises(OSError) as refused:
        stranger.central.ble.gattc_write(stranger.to_peripheral, plain, b"x", BY_SIGNATURE)
    assert refused.value.errno == errno.ENOKEY


def test_a_secret_that_is_gone(air):
    pair = Bonded(air)
    ((plain, _, _),) = pair.handles
    pair.again()
    pair.stores[0].clear()
    assert pair.write(plain, b"x", BY_SIGNATURE) == NOT_SIGNED


# ---- Clients that were away ----

MORE = (*SERVICES, (UUID(0xB000), ((UUID(0xB001), READ | NOTIFY),)))


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("changed", [False, True])
def test_services_change_while_a_client_is_away(air, changed, restarted):
    pair = Bonded(air)
    ((_, _, value),) = pair.handles
    assert pair.write(SERVICE_CHANGED + 1, b"\x02\x00") == 0
    assert pair.write(value + 1, b"\x01\x00") == 0
    pair.disconnect()
    if restarted:
        pair.restart(pair.peripheral)
    if restarted or changed:
        pair.peripheral.ble.gatts_register_services(MORE if changed else SERVICES)
    pair.connect()
    pair.air.run(0.5)
    assert not pair.central.has(INDICATED)  # before it is known who it is
    pair.encrypt()
    told = [data[1:] for data in pair.central.all(INDICATED)]
    assert told == ([(SERVICE_CHANGED, b"\x01\x00\xff\xff")] if changed else [])
    assert pair.peripheral.ble.gatts_subscription(pair.to_central, value) == (0 if changed else 1)
    # It has confirmed, and so it is not told again.
    pair.again()
    pair.encrypt()
    assert not pair.central.has(INDICATED)


def test_out_of_sync_across_connections(air):
    """A client with robust caching that was away when services changed."""
    pair = Bonded(air)
    ((_, _, value),) = pair.handles
    assert pair.write(15, b"\x01") == 0
    pair.central.ble.gattc_read(pair.to_peripheral, value)
    pair.air.run(0.5)
    assert pair.write(value, b"known") == 0
    pair.disconnect()
    pair.peripheral.ble.gatts_register_services(MORE)
    for _ in range(2):
        pair.connect()
        pair.encrypt()
        assert pair.write(value, b"not known") == 0x12
        pair.disconnect()
    pair.connect()
    pair.encrypt()
    assert pair.write(value, b"not known") == 0x12
    assert pair.write(value, b"known again") == 0
    pair.again()
    pair.encrypt()
    assert pair.write(value, b"still known") == 0


# ---- Subscriptions ----


def test_subscriptions_are_told(air):
    pair = Bonded(air)
    ((_, _, value),) = pair.handles
    ble = pair.peripheral.ble
    assert ble.config("subscriptions") is False
    assert pair.write(value + 1, b"\x01\x00") == 0
    assert not pair.peripheral.has(SUBSCRIPTION)
    ble.config(subscriptions=True)
    assert ble.config("subscriptions") is True
    assert pair.write(value + 1, b"\x01\x00") == 0
    assert not pair.peripheral.has(SUBSCRIPTION)
    assert pair.write(value + 1, b"\x00\x00") == 0
    assert pair.write(value + 1, b"\x01\x00") == 0
    told = pair.peripheral.all(SUBSCRIPTION)
    assert told == [(pair.to_central, value, 0), (pair.to_central, value, 1)]
    pair.peripheral.forget()
    pair.disconnect()
    assert pair.peripheral.codes()[:2] == [SUBSCRIPTION, bluetooth.IRQ_CENTRAL_DISCONNECT]
    assert pair.peripheral.last(SUBSCRIPTION) == (pair.to_central, value, 0)
    pair.connect()
    pair.encrypt()
    assert pair.peripheral.all(SUBSCRIPTION) == [(pair.to_central, value, 1)]
    codes = pair.peripheral.codes()
    assert codes.index(UPDATED) < codes.index(SUBSCRIPTION)
    # The setting stays when the radio is switched off and on.
    pair.restart(pair.peripheral)
    assert ble.config("subscriptions") is True


# ---- The GAP service ----


def test_gap_service(air):
    pair = Pair(air)
    ble = pair.peripheral.ble
    assert (ble.config("appearance"), ble.config("preferred_parameters")) == (0, None)

    def read(handle):
        pair.central.forget()
        pair.central.ble.gattc_read(pair.to_peripheral, handle)
        pair.at_central(bluetooth.IRQ_GATTC_READ_DONE)
        return pair.central.last(bluetooth.IRQ_GATTC_READ_RESULT)[2]

    assert (read(5), read(7)) == (b"\x00\x00", bytes.fromhex("ffffffff0000ffff"))
    ble.config(appearance=0x0341, preferred_parameters=(15000, 30000, 4, 2000))
    assert (ble.config("appearance"), ble.config("preferred_parameters")) == (0x0341, (15000, 30000, 4, 2000))
    assert (read(5), read(7)) == (b"\x41\x03", bytes.fromhex("0c0018000400c800"))
    ble.config(preferred_parameters=None)
    assert read(7) == bytes.fromhex("ffffffff0000ffff")
    for wrong in (15000, 30000, 4), (1, 2, 3, 4, 5):
        with pytest.raises(ValueError, match="requested length 4"):
            ble.config(preferred_parameters=wrong)
    for wrong in (30000, 15000, 0, 2000), (15000, 30000, 500, 2000), (15000, 30000, 0, 1):
        with pytest.raises(OSError) as refused:
            ble.config(preferred_parameters=wrong)
        assert refused.value.errno == errno.EINVAL
    for wrong in -1, 0x10000:
        with pytest.raises(OSError) as refused:
            ble.config(appearance=wrong)
        assert refused.value.errno == errno.EINVAL
    for wrong in {"appearance": "x"}, {"preferred_parameters": 1}, {"preferred_parameters": (1, 2, 3, "x")}:
        with pytest.raises(TypeError):
            ble.config(**wrong)


def test_what_a_bond_keeps_holds_over_several_bearers(air):
    """Subscriptions and what is known of the database are the client's: no bearer of a new link begins without them."""
    values = tuple((UUID(0xA001 + number), READ | WRITE | INDICATE) for number in range(4))
    bonded = Bonded(air, ((UUID(0xA000), values),))
    for value in bonded.handles[0]:
        assert bonded.write(value + 1, b"\x02\x00") == 0
    assert bonded.write(SERVICE_CHANGED + 1, b"\x02\x00") == 0
    bonded.again()
    bonded.encrypt()
    for value in bonded.handles[0] * 2:  # side by side: bearers are looked for
        bonded.central.ble.gattc_read(bonded.to_peripheral, value)
    air.run(2)
    bonded.central.forget()
    for value in bonded.handles[0]:
        bonded.peripheral.ble.gatts_write(value, b"news", True)
    air.run(2)
    assert [data[1] for data in bonded.central.all(INDICATED)] == list(bonded.handles[0])
    bonded.disconnect()
    bonded.peripheral.ble.gatts_register_services(((UUID(0xB000), values),))
    bonded.connect()
    bonded.encrypt()
    air.run(1)
    assert [data[1:] for data in bonded.central.all(INDICATED)] == [(SERVICE_CHANGED, b"\x01\x00\xff\xff")]
