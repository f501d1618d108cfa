"""Pairing and bonding over the virtual air: association models, keys that are kept, and what goes wrong."""

import errno
import itertools

import pytest
from bluet import bluetooth
from radios import NEWS, NOTIFY, READ, UUID, VALUE, Pair, Radio, connect

DISPLAY_ONLY, DISPLAY_YESNO, KEYBOARD_ONLY, NO_INPUT_OUTPUT, KEYBOARD_DISPLAY = IOS = range(5)
ENCRYPTED = bluetooth.FLAG_READ_ENCRYPTED
AUTHENTICATED = bluetooth.FLAG_READ_AUTHENTICATED
SERVICES = (
    (
        UUID(0xA000),
        (
            (VALUE, READ | ENCRYPTED),
            (NEWS, READ | AUTHENTICATED),
            (UUID(0xA005), READ | NOTIFY),
        ),
    ),
)
PASSKEY = 123456

INPUT = bluetooth.PASSKEY_ACTION_INPUT
DISPLAY = bluetooth.PASSKEY_ACTION_DISPLAY
COMPARE = bluetooth.PASSKEY_ACTION_NUMERIC_COMPARISON

AUTHENTICATION_REQUIREMENTS = 0x03
KEY_MISSING = 0x206
TIMEOUT = 0x101


class Person:
    """Sits before a radio: types what the other one shows, and keeps secrets in a dict."""

    def __init__(self, radio, store=None):
        self.radio = radio
        self.store = store
        self.actions = []
        self.compared = None
        self.agrees = True
        self.types = PASSKEY
        radio.answers[bluetooth.IRQ_PASSKEY_ACTION] = self.act
        if store is not None:
            radio.answers[bluetooth.IRQ_GET_SECRET] = self.get
            radio.answers[bluetooth.IRQ_SET_SECRET] = self.set

    def act(self, data):
        conn, action, number = data
        self.actions.append(action)
        if action == COMPARE:
            self.compared = number
            self.radio.ble.gap_passkey(conn, action, int(self.agrees))
        elif self.types is not None:
            self.radio.ble.gap_passkey(conn, action, self.types)

    def get(self, data):
        sec_type, index, key = data
        if key is not None:
            return self.store.get((sec_type, bytes(key)))
        found = [value for (kind, _), value in self.store.items() if kind == sec_type]
        return found[index] if index < len(found) else None

    def set(self, data):
        sec_type, key, value = data
        if value is None:
            return self.store.pop((sec_type, bytes(key)), None) is not None
        self.store[sec_type, bytes(key)] = bytes(value)
        return True


class Two(Pair):
    """A central and a peripheral that serves values which ask for security, each with a person before it."""

    def __init__(self, air, central=None, peripheral=None, stores=(None, None)):
        self.air = air
        self.central, self.peripheral = Radio.__new__(Radio), Radio.__new__(Radio)
        for radio in self.central, self.peripheral:
            radio.ble, radio.events, radio.answers = air.ble(), [], {}
            radio.ble.irq(radio._irq)
        self.people = Person(self.central, stores[0]), Person(self.peripheral, stores[1])
        self.central.ble.config(**(central or {"mitm": False}))
        self.peripheral.ble.config(**(peripheral or {"mitm": False}))
        self.central.ble.active(True)
        self.peripheral.ble.active(True)
        ((self.secret, self.private, self.news),) = self.peripheral.ble.gatts_register_services(SERVICES)
        self.peripheral.ble.gatts_write(self.secret, b"secret")
        self.connect()

    def connect(self):
        self.to_peripheral, self.to_central = connect(self.air, self.central, self.peripheral)

    def disconnect(self):
        self.central.ble.gap_disconnect(self.to_peripheral)
        self.at_central(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
        self.at_peripheral(bluetooth.IRQ_CENTRAL_DISCONNECT)

    def pair(self, by_peripheral=False):
        """Pairs, and gives (encrypted, authenticated, bonded, key size) of both, which are the same."""
        self.central.forget()
        self.peripheral.forget()
        if by_peripheral:
            self.peripheral.ble.gap_pair(self.to_central)
        else:
            self.central.ble.gap_pair(self.to_peripheral)
        ours = self.at_central(bluetooth.IRQ_ENCRYPTION_UPDATE)
        theirs = self.at_peripheral(bluetooth.IRQ_ENCRYPTION_UPDATE)
        self.air.run(0.5)
        assert len(self.central.all(bluetooth.IRQ_ENCRYPTION_UPDATE)) == 1
        assert len(self.peripheral.all(bluetooth.IRQ_ENCRYPTION_UPDATE)) == 1
        assert ours[1:] == theirs[1:]
        return ours[1:]

    def read(self, handle):
        """The value, or the status that it was refused with."""
        self.central.forget()
        self.central.ble.gattc_read(self.to_peripheral, handle)
        status = self.at_central(bluetooth.IRQ_GATTC_READ_DONE)[2]
        return status or self.central.last(bluetooth.IRQ_GATTC_READ_RESULT)[2]


# ---- The table (Vol 3 Part H, 2.3.5.1, table 2.8), by responder and initiator ----

JUST_WORKS = (None, None)
INITIATOR_SHOWS = (DISPLAY, INPUT)
RESPONDER_SHOWS = (INPUT, DISPLAY)
BOTH_TYPE = (INPUT, INPUT)
BOTH_COMPARE = (COMPARE, COMPARE)


def model(initiator, responder, secure):
    if NO_INPUT_OUTPUT in (initiator, responder):
        return JUST_WORKS
    can_compare = {DISPLAY_YESNO, KEYBOARD_DISPLAY}
    if secure and initiator in can_compare and responder in can_compare:
        return BOTH_COMPARE
    types = {KEYBOARD_ONLY, KEYBOARD_DISPLAY}
    if initiator == responder == KEYBOARD_ONLY:
        return BOTH_TYPE
    if responder in types and (initiator not in types or responder == KEYBOARD_ONLY or initiator == KEYBOARD_DISPLAY):
        return INITIATOR_SHOWS
    return RESPONDER_SHOWS if initiator in types else JUST_WORKS


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(("initiator", "responder"), list(itertools.product(IOS, IOS)))
def test_association_models(air, initiator, responder, legacy):
    """Protection wanted by both: it is had where the table has it; who could have had it takes no less."""
    two = Two(
        air,
        {"io": initiator, "mitm": True, "legacy": legacy},
        {"io": responder, "mitm": True, "legacy": legacy},
    )
    expected = model(initiator, responder, not legacy)
    result = two.pair()
    actions = tuple(person.actions[0] if person.actions else None for person in two.people)
    if expected != JUST_WORKS:
        assert actions == expected
        assert result == (1, 1, 0, 16)
    elif (initiator, responder) == (NO_INPUT_OUTPUT, NO_INPUT_OUTPUT):
        assert result == (1, 0, 0, 16)
    else:
        assert actions == JUST_WORKS
        assert result == (0, 0, 0, 0)
    if expected == BOTH_COMPARE:
        assert two.people[0].compared == two.people[1].compared


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(("initiator", "responder"), list(itertools.product(IOS, IOS)))
def test_without_protection_it_just_works(air, initiator, responder, legacy):
    two = Two(air, {"io": initiator, "legacy": legacy}, {"io": responder})
    assert two.pair() == (1, 0, 0, 16)
    assert not any(person.actions for person in two.people)


SIDES = list(itertools.product([False, True], repeat=6))


@pytest.mark.parametrize(("mitm", "le_secure", "bond", "mitm2", "le_secure2", "bond2"), SIDES)
def test_what_each_side_asks_for(air, mitm, le_secure, bond, mitm2, le_secure2, bond2):
    """Protection if either wants it, bonds if both do; with Secure Connections, for both can."""
    two = Two(
        air,
        {"io": KEYBOARD_DISPLAY, "mitm": mitm, "le_secure": le_secure, "bond": bond},
        {"io": DISPLAY_YESNO, "mitm": mitm2, "le_secure": le_secure2, "bond": bond2},
        stores=({}, {}),
    )
    protected = mitm or mitm2
    assert two.pair() == (1, int(protected), int(bond and bond2), 16)
    assert two.people[0].actions == two.people[1].actions == ([COMPARE] if protected else [])
    kinds = sorted(kind for kind, _ in two.people[0].store)
    assert kinds == ([1, 2, 10] if bond and bond2 else [])


@pytest.mark.parametrize("le_secure", [False, True])
def test_secure_connections_required(air, le_secure):
    """A side that will have nothing else refuses Legacy Pairing."""
    two = Two(air, {"legacy": True}, {"le_secure": le_secure})
    assert two.pair() == ((0, 0, 0, 0) if le_secure else (1, 0, 0, 16))
    if le_secure:
        assert two.at_central(bluetooth.IRQ_ENCRYPTION_UPDATE)[1:] == (0, 0, 0, 0)


def test_secure_connections_only(air):
    two = Two(air, {"secure_only": True, "io": KEYBOARD_DISPLAY}, {"io": NO_INPUT_OUTPUT})
    assert two.pair() == (0, 0, 0, 0)
    two.disconnect()
    two.peripheral.ble.config(io=KEYBOARD_ONLY)
    two.connect()
    assert two.pair() == (1, 1, 0, 16)


@pytest.mark.parametrize("sides", [(0,), (1,), (0, 1)])
def test_out_of_band(air, sides):
    """Whoever has the other's data, neither is asked anything, and both are protected."""
    two = Two(air, {"mitm": True, "bond": True}, {"bond": True}, stores=({}, {}))
    radios = two.central, two.peripheral
    for side in sides:
        of_peer = radios[1 - side].ble.gap_oob()
        assert [len(value) for value in of_peer] == [16, 16]
        radios[side].ble.gap_oob(*radios[1 - side].ble.config("mac"), *of_peer)
    assert two.pair() == (1, 1, 1, 16)
    assert not any(person.actions for person in two.people)


def test_out_of_band_of_another(air):
    two = Two(air, {"mitm": True})
    watch_reasons(two)
    confirm, random = two.peripheral.ble.gap_oob()
    two.central.ble.gap_oob(*two.peripheral.ble.config("mac"), bytes(16), random)
    assert two.pair() == (0, 0, 0, 0)
    assert last_reason(two.central) == last_reason(two.peripheral) == 0x04
    air.run(2)
    two.central.ble.gap_oob(*two.peripheral.ble.config("mac"), confirm, random)
    assert two.pair() == (1, 1, 0, 16)


@pytest.mark.parametrize("legacy", [False, True])
def test_out_of_band_legacy(air, legacy):
    two = Two(air, {"mitm": True}, {"legacy": legacy})
    key = bytes(range(16))
    two.central.ble.gap_oob(*two.peripheral.ble.config("mac"), key)
    two.peripheral.ble.gap_oob(*two.central.ble.config("mac"), key)
    assert two.pair() == (1, 1, 0, 16)


def test_out_of_band_forgotten(air):
    two = Two(air)
    two.central.ble.gap_oob(*two.peripheral.ble.config("mac"), *two.peripheral.ble.gap_oob())
    two.central.ble.gap_oob(*two.peripheral.ble.config("mac"))
    assert two.pair() == (1, 0, 0, 16)


def test_default_io_falls_back(air):
    two = Two(air, {"mitm": True, "bond": True}, {"mitm": True, "bond": True})
    assert two.pair() == (1, 0, 1, 16)


# ---- What encryption lets in ----


def test_values_that_ask_for_security(air):
    two = Two(air, {"io": KEYBOARD_ONLY, "mitm": False}, {"io": DISPLAY_ONLY})
    assert two.read(two.secret) == 0x05
    assert two.read(two.private) == 0x05
    assert two.pair() == (1, 0, 0, 16)
    assert two.read(two.secret) == b"secret"
    assert two.read(two.private) == 0x05
    # When more is wanted: a new pairing on the same connection.
    with pytest.raises(OSError) as raised:
        two.central.ble.gap_pair(two.to_peripheral)
    assert raised.value.errno == errno.EALREADY
    two.central.ble.config(mitm=True)
    assert two.pair() == (1, 1, 0, 16)
    assert two.read(two.private) == b""


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("by_peripheral", [False, True])
def test_reconnection_with_kept_keys(air, legacy, by_peripheral):
    """No pairing again; subscriptions are there again, too."""
    settings = {"bond": True, "mitm": True, "io": KEYBOARD_DISPLAY, "legacy": legacy}
    two = Two(air, settings, settings, stores=({}, {}))
    assert two.pair(by_peripheral) == (1, 1, 1, 16)
    two.central.ble.gattc_write(two.to_peripheral, two.news + 1, b"\x01\x00", 1)
    assert two.at_central(bluetooth.IRQ_GATTC_WRITE_DONE)[2] == 0
    two.disconnect()
    two.connect()
    assert two.read(two.private) == 0x0F
    asked = len(two.people[0].actions)
    assert two.pair(by_peripheral) == (1, 1, 1, 16)
    assert len(two.people[0].actions) == asked
    assert two.read(two.secret) == b"secret"
    two.peripheral.ble.gatts_write(two.news, b"heard", True)
    assert two.at_central(bluetooth.IRQ_GATTC_NOTIFY)[2] == b"heard"


@pytest.mark.parametrize("legacy", [False, True])
def test_keys_outlive_the_radio(air, legacy):
    """Secrets are listed at activation, and are all that is needed."""
    settings = {"bond": True, "legacy": legacy}
    two = Two(air, settings, settings, stores=({}, {}))
    assert two.pair() == (1, 0, 1, 16)
    irk = two.people[0].store[10, b"irk"]
    two.central.ble.active(False)
    two.air.run(1)
    two.central.forget()
    two.central.ble.active(True)
    listed = [data for data in two.central.all(bluetooth.IRQ_GET_SECRET) if data[2] is None]
    assert listed == [(2, 0, None), (2, 1, None)]
    assert two.people[0].store[10, b"irk"] == irk
    assert two.central.ble.gap_bonds() == [two.peripheral.ble.config("mac")]
    two.connect()
    assert two.pair() == (1, 0, 1, 16)


def test_order_of_events(air):
    settings = {"bond": True, "mitm": True, "io": KEYBOARD_DISPLAY}
    two = Two(air, settings, settings, stores=({}, {}))
    two.pair()
    for radio in two.central, two.peripheral:
        assert radio.codes() == [
            bluetooth.IRQ_PASSKEY_ACTION,
            bluetooth.IRQ_ENCRYPTION_UPDATE,
            bluetooth.IRQ_SET_SECRET,
            bluetooth.IRQ_SET_SECRET,
            bluetooth.IRQ_SET_SECRET,
        ]
        assert [data[0] for data in radio.all(bluetooth.IRQ_SET_SECRET)] == [10, 1, 2]


def test_without_a_store_nothing_is_kept(air):
    two = Two(air, {"bond": True}, {"bond": True})
    assert two.pair() == (1, 0, 1, 16)
    assert two.central.ble.gap_bonds() == []
    two.disconnect()
    two.connect()
    assert two.read(two.secret) == 0x05
    assert two.pair() == (1, 0, 1, 16)


def test_a_damaged_secret_is_not_trusted(air):
    two = Two(air, {"bond": True}, {"bond": True}, stores=({}, {}))
    assert two.pair() == (1, 0, 1, 16)
    two.disconnect()
    store = two.people[1].store
    (key,) = [name for name in store if name[0] == 1]
    for place in range(len(store[key])):
        good = store[key]
        store[key] = good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :]
        two.connect()
        assert two.pair() == (0, 0, 0, 0)
        store[key] = good
        two.disconnect()
        if place > 3:
            break
    two.connect()
    assert two.pair() == (1, 0, 1, 16)


# ---- Bonds that are gone ----


def last_reason(radio):
    return radio.reasons[-1]


def watch_reasons(two):
    for radio in two.central, two.peripheral:
        radio.reasons = []

        def note(data, radio=radio):
            radio.reasons.append(data.reason)

        radio.answers[bluetooth.IRQ_ENCRYPTION_UPDATE] = note


def test_bond_deleted_by_the_peripheral(air):
    """Both learn of it; nothing is repaired until the application asks again."""
    two = Two(air, {"bond": True}, {"bond": True}, stores=({}, {}))
    watch_reasons(two)
    assert two.pair() == (1, 0, 1, 16)
    two.disconnect()
    assert two.peripheral.ble.gap_unpair(*two.central.ble.config("mac")) is True
    two.air.run(0.1)
    assert sorted(kind for kind, _ in two.people[1].store) == [10]
    assert two.peripheral.ble.gap_unpair(*two.central.ble.config("mac")) is False
    two.connect()
    assert two.pair() == (0, 0, 0, 0)
    assert last_reason(two.central) == last_reason(two.peripheral) == KEY_MISSING
    assert two.pair() == (1, 0, 1, 16)


def test_bond_deleted_by_the_central(air):
    """Anybody may say that he has lost his key: the peripheral does not pair anew before its application agrees."""
    two = Two(air, {"bond": True}, {"bond": True}, stores=({}, {}))
    watch_reasons(two)
    assert two.pair() == (1, 0, 1, 16)
    two.disconnect()
    assert two.central.ble.gap_unpair(*two.peripheral.ble.config("mac")) is True
    two.connect()
    assert two.pair() == (0, 0, 0, 0)
    assert last_reason(two.central) == last_reason(two.peripheral) == AUTHENTICATION_REQUIREMENTS
    two.peripheral.ble.gap_unpair(*two.central.ble.config("mac"))
    assert two.pair() == (1, 0, 1, 16)


def test_no_lesser_key_takes_the_place_of_a_bond(air):
    settings = {"bond": True, "mitm": True, "io": KEYBOARD_DISPLAY}
    two = Two(air, settings, settings, stores=({}, {}))
    assert two.pair() == (1, 1, 1, 16)
    before = dict(two.people[1].store)
    two.disconnect()
    two.central.ble.gap_unpair(*two.peripheral.ble.config("mac"))
    two.central.ble.config(mitm=False)
    two.peripheral.ble.config(mitm=False)
    two.connect()
    assert two.pair() == (0, 0, 0, 0)
    assert two.people[1].store == before
    # Who shows to the user that it is him, is let in again.
    two.central.ble.config(mitm=True)
    assert two.pair() == (1, 1, 1, 16)


# ---- What goes wrong ----


@pytest.mark.parametrize("legacy", [False, True])
def test_a_wrong_passkey_and_the_delay_after_it(air, legacy):
    two = Two(
        air,
        {"io": KEYBOARD_ONLY, "mitm": True, "legacy": legacy},
        {"io": DISPLAY_ONLY, "mitm": True},
    )
    watch_reasons(two)
    two.people[0].types = 111111
    moment = air.now
    assert two.pair() == (0, 0, 0, 0)
    assert last_reason(two.central) == last_reason(two.peripheral) == 0x04
    with pytest.raises(OSError) as raised:
        two.central.ble.gap_pair(two.to_peripheral)
    assert raised.value.errno == errno.EBUSY
    air.run(moment + 2 - air.now)
    two.people[0].types = two.people[1].types = 222222
    assert two.pair() == (1, 1, 0, 16)


def test_a_passkey_that_failed_is_not_used_again(air):
    two = Two(air, {"io": KEYBOARD_ONLY, "mitm": True}, {"io": DISPLAY_ONLY, "mitm": True})
    two.people[0].types = 111111
    refused = []

    def act(data):
        try:
            two.peripheral.ble.gap_passkey(data[0], data[1], PASSKEY)
        except OSError as error:
            refused.append(error.errno)
            two.peripheral.ble.gap_passkey(data[0], data[1], 654321)

    two.peripheral.answers[bluetooth.IRQ_PASSKEY_ACTION] = act
    assert two.pair() == (0, 0, 0, 0)
    air.run(2)
    two.people[0].types = 654321
    assert two.pair() == (1, 1, 0, 16)
    assert refused == [errno.EINVAL]


def test_numbers_that_differ(air):
    settings = {"io": DISPLAY_YESNO, "mitm": True}
    two = Two(air, settings, settings)
    watch_reasons(two)
    two.people[1].agrees = False
    assert two.pair() == (0, 0, 0, 0)
    assert last_reason(two.central) == last_reason(two.peripheral) == 0x0C


def test_refusal(air):
    two = Two(air, {"io": KEYBOARD_ONLY, "mitm": True}, {"io": DISPLAY_ONLY, "mitm": True})
    watch_reasons(two)
    two.people[0].types = None
    two.central.ble.gap_pair(two.to_peripheral)
    conn = two.at_central(bluetooth.IRQ_PASSKEY_ACTION)[0]
    with pytest.raises(OSError):
        two.central.ble.gap_passkey(conn, DISPLAY, 1)
    with pytest.raises(OSError):
        two.central.ble.gap_passkey(conn, INPUT, 1_000_000)
    two.central.ble.gap_passkey(conn, bluetooth.PASSKEY_ACTION_NONE, 0)
    two.at_peripheral(bluetooth.IRQ_ENCRYPTION_UPDATE)
    assert last_reason(two.central) == last_reason(two.peripheral) == 0x01


def test_timeout(air):
    """After thirty seconds of waiting for the user, nothing goes on that link any more; on a new one it does."""
    two = Two(air, {"io": KEYBOARD_ONLY, "mitm": True}, {"io": DISPLAY_ONLY, "mitm": True})
    watch_reasons(two)
    two.people[0].types = None
    two.central.ble.gap_pair(two.to_peripheral)
    two.at_central(bluetooth.IRQ_PASSKEY_ACTION)
    moment = air.now
    two.at_central(bluetooth.IRQ_ENCRYPTION_UPDATE)
    assert 29 < air.now - moment < 31
    assert last_reason(two.central) == TIMEOUT
    air.run(1)
    assert last_reason(two.peripheral) == TIMEOUT
    with pytest.raises(OSError) as raised:
        two.central.ble.gap_pair(two.to_peripheral)
    assert raised.value.errno == errno.ETIMEDOUT
    two.disconnect()
    two.people[0].types = two.people[1].types = 333333
    two.connect()
    assert two.pair() == (1, 1, 0, 16)


def test_link_lost_in_the_midst(air):
    two = Two(air, {"io": KEYBOARD_ONLY, "mitm": True}, {"io": DISPLAY_ONLY, "mitm": True})
    watch_reasons(two)
    two.people[0].types = None
    two.central.ble.gap_pair(two.to_peripheral)
    two.at_central(bluetooth.IRQ_PASSKEY_ACTION)
    two.disconnect()
    for radio, gone in (
        (two.central, bluetooth.IRQ_PERIPHERAL_DISCONNECT),
        (two.peripheral, bluetooth.IRQ_CENTRAL_DISCONNECT),
    ):
        assert radio.codes()[-2:] == [bluetooth.IRQ_ENCRYPTION_UPDATE, gone]
        assert last_reason(radio) == 0x100


def test_several_pair_at_once(air):
    """Each connection has its own pairing."""
    settings = {"bond": True, "mitm": True, "io": KEYBOARD_DISPLAY}
    central = Radio(air.ble())
    person = Person(central, {})
    central.ble.config(**settings)
    peripherals, people, handles = [], [], []
    for _ in range(4):
        radio = Radio(air.ble())
        people.append(Person(radio, {}))
        radio.ble.config(**settings)
        handles.append(connect(air, central, radio)[0])
        peripherals.append(radio)
    for handle in handles:
        central.ble.gap_pair(handle)
    assert air.run_until(lambda: len(central.all(bluetooth.IRQ_ENCRYPTION_UPDATE)) == 4, 40)
    assert sorted(central.all(bluetooth.IRQ_ENCRYPTION_UPDATE)) == [(handle, 1, 1, 1, 16) for handle in sorted(handles)]
    air.run(1)
    assert len(central.ble.gap_bonds()) == 4
    assert len([kind for kind, _ in person.store if kind == 2]) == 4
    assert all(len(other.store) == 3 for other in people)


def test_arguments(air):
    ble = air.ble()
    for name, value in (("bond", True), ("mitm", True), ("le_secure", True), ("secure_only", True)):
        ble.config(**{name: value})
        assert ble.config(name) is True
    with pytest.raises(OSError):
        ble.config(legacy=True)
    ble.config(key_size=7, io=4)
    assert (ble.config("key_size"), ble.config("io")) == (7, 4)
    for wrong in ({"key_size": 6}, {"key_size": 17}, {"io": 5}):
        with pytest.raises(OSError):
            ble.config(**wrong)
    with pytest.raises(OSError) as raised:
        ble.gap_pair(1)
    assert raised.value.errno == errno.ENODEV
    with pytest.raises(OSError) as raised:
        ble.gap_bonds()
    assert raised.value.errno == errno.ENODEV
    ble.active(True)
    for call in (lambda: ble.gap_pair(1), lambda: ble.gap_passkey(1, 2, 3)):
        with pytest.raises(OSError) as raised:
            call()
        assert raised.value.errno == errno.ENOTCONN
    with pytest.raises(ValueError, match="invalid addr"):
        ble.gap_unpair(0, b"short")
    for wrong in ((0, b"short"), (0, b"sixsix", b"key"), (0, b"sixsix", bytes(16), bytes(17))):
        with pytest.raises(ValueError, match=r"addr|16 octets"):
            ble.gap_oob(*wrong)
    for wrong in ((0,), (0, b"sixsix", bytes(16), bytes(16), bytes(16)), ("0", b"sixsix")):
        with pytest.raises(TypeError):
            ble.gap_oob(*wrong)
    ble.active(False)
    for call in (ble.gap_oob, lambda: ble.gap_oob(0, b"sixsix")):
        with pytest.raises(OSError) as raised:
            call()
        assert raised.value.errno == errno.ENODEV
