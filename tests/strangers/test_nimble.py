"""NimBLE's host on our air, as central and as peripheral of our host."""

import time

import pytest
from bluet import bluetooth
from judges import judge
from nimble_host import Missing, Nimble, prepare
from ours import BUILD, LASTING, Ours, air_at, can_connect, free_port, wait_for

pytestmark = pytest.mark.timeout(300)

SERVICE, PLAIN, SECRET, GUARDED = (bluetooth.UUID(f"50db505{d}-8ac4-4738-8448-3b1d9cc09cc5") for d in "cdef")
OTHER, NEWS, WORDS = (bluetooth.UUID(number) for number in (0xFFF0, 0xFFF1, 0x2901))
READ, WRITE, COMMAND = bluetooth.FLAG_READ, bluetooth.FLAG_WRITE, bluetooth.FLAG_WRITE_NO_RESPONSE
TELLS = READ | bluetooth.FLAG_NOTIFY | bluetooth.FLAG_INDICATE
READ_ENCRYPTED, READ_AUTHENTICATED, WRITE_ENCRYPTED = 0x0200, 0x0400, 0x1000
SERVICES = (
    (
        SERVICE,
        (
            (PLAIN, READ | WRITE | COMMAND, ((WORDS, READ | WRITE),)),
            (SECRET, READ | READ_ENCRYPTED | WRITE | WRITE_ENCRYPTED),
            (GUARDED, READ | READ_AUTHENTICATED),
        ),
    ),
    (OTHER, ((NEWS, TELLS),)),
)
NAME = "Bluet"
ADVERTISEMENT = bytes([2, 1, 6, len(NAME) + 1, 9]) + NAME.encode()
PUBLIC, RANDOM, PRIVATE, PRIVATE_OVER_STATIC = 0, 1, 2, 3
INSUFFICIENT_AUTHENTICATION, INSUFFICIENT_ENCRYPTION = 5, 15
ATT, DONE = 0x100, 14
"""The base of what NimBLE tells of an error in ATT; and what it calls the end of a procedure."""
LONG = bytes(range(256)) * 2
INTERVAL = 10_000, 10_000
PSM, STALLED = 0x81, 31


@pytest.fixture(scope="module")
def program():
    try:
        return prepare(BUILD / "strangers/nimble")
    except Missing as reason:
        pytest.skip(f"NimBLE cannot be had: {reason}")


@pytest.fixture(scope="module")
def air(tmp_path_factory):
    """The address of an air; what went over it is judged at the end."""
    capture = tmp_path_factory.mktemp("nimble") / "air.pcapng"
    port = free_port()
    with air_at("--tcp", f"127.0.0.1:{port}", "--capture", capture, ready=lambda: can_connect(port)):
        yield f"127.0.0.1:{port}"
    assert judge(capture) == [], f"in {capture}"


@pytest.fixture
def theirs(program, air):
    stranger = Nimble(program, air)
    yield stranger
    stranger.close()


@pytest.fixture
def make_ours(air, theirs):
    """Makes radios of ours, which leave before theirs does."""
    made = []

    def make(**settings):
        made.append(Ours(f"tcp:{air}", **settings))
        return made[-1]

    yield make
    for radio in made:
        radio.close()


def connected_to_them(ours, theirs, own=PUBLIC, address=None):
    """Our handle and theirs."""
    theirs.do("advertise", own, "NimBLE")
    return ours.connect(*(address or (PUBLIC, theirs.address)), *INTERVAL)[0], theirs.next("connected")[1]


def connected_to_us(ours, theirs, own=PUBLIC, address=None):
    ours.ble.gap_advertise(50_000, ADVERTISEMENT)
    kind, octets = address or ours.ble.config("mac")
    theirs.do("connect", own, kind, octets)
    status, connection, *_ = theirs.next("connected")
    assert status == 0
    return ours.next(bluetooth.IRQ_CENTRAL_CONNECT)[0], connection


CONNECT = {"we are central": connected_to_them, "they are central": connected_to_us}
either_way = pytest.mark.parametrize("connect", CONNECT.values(), ids=CONNECT)


# ---- GATT ----


@pytest.mark.stranger("NimBLE", "peripheral", "scan, connect, MTU, discover, read, write, notify, indicate")
def test_our_central_and_their_peripheral(make_ours, theirs):
    ours = make_ours()
    ble = ours.ble
    theirs.do("advertise", PUBLIC, "NimBLE")
    ble.gap_scan(0, 30_000, 30_000, True)
    ours.next(bluetooth.IRQ_SCAN_RESULT, lambda data: data[:2] == (PUBLIC, theirs.address) and b"NimBLE" in data[4])
    ble.gap_scan(None)
    conn = ours.connect(PUBLIC, theirs.address, *INTERVAL)[0]
    connection = theirs.next("connected")[1]
    ble.gattc_exchange_mtu(conn)
    mtu = ours.next(bluetooth.IRQ_MTU_EXCHANGED)[1]
    assert [mtu] == theirs.next("mtu")[2:] == [256]

    ble.gattc_discover_services(conn)
    ours.next(bluetooth.IRQ_GATTC_SERVICE_DONE)
    found = {data[3]: data[1:3] for data in ours.all(bluetooth.IRQ_GATTC_SERVICE_RESULT)}
    assert list(found) == [bluetooth.UUID(0x1800), bluetooth.UUID(0x1801), SERVICE, OTHER]
    ble.gattc_discover_characteristics(conn, 1, 0xFFFF)
    ours.next(bluetooth.IRQ_GATTC_CHARACTERISTIC_DONE)
    values = {data[4]: data[2] for data in ours.all(bluetooth.IRQ_GATTC_CHARACTERISTIC_RESULT)}
    theirs.do("handles")
    assert [values[uuid] for uuid in (PLAIN, SECRET, GUARDED, NEWS)] == theirs.next("handles")
    ble.gattc_discover_descriptors(conn, *found[SERVICE])
    ours.next(bluetooth.IRQ_GATTC_DESCRIPTOR_DONE)
    words = ours.next(bluetooth.IRQ_GATTC_DESCRIPTOR_RESULT, lambda data: data[2] == WORDS)[1]

    for handle in (values[PLAIN], words):
        ble.gattc_write(conn, handle, b"asked", 1)
        assert ours.next(bluetooth.IRQ_GATTC_WRITE_DONE) == (conn, handle, 0)
        assert theirs.next("written") == [connection, handle, b"asked".hex()]
        ble.gattc_read(conn, handle)
        assert ours.next(bluetooth.IRQ_GATTC_READ_RESULT) == (conn, handle, b"asked")
    ble.gattc_write(conn, values[PLAIN], b"told", 0)
    assert theirs.next("written")[2] == b"told".hex()
    ble.gattc_write(conn, values[PLAIN], LONG, 2)
    assert ours.next(bluetooth.IRQ_GATTC_WRITE_DONE) == (conn, values[PLAIN], 0)
    assert theirs.next("written")[2] == LONG.hex()
    ours.events.clear()
    ble.gattc_read_long(conn, values[PLAIN])
    ours.next(bluetooth.IRQ_GATTC_READ_DONE)
    assert b"".join(data[2] for data in ours.all(bluetooth.IRQ_GATTC_READ_RESULT)) == LONG
    ble.gattc_read(conn, values[SECRET])
    assert ours.next(bluetooth.IRQ_GATTC_READ_DONE, lambda data: data[2])[2] in (5, 15)

    news = values[NEWS]
    ble.gattc_write(conn, news + 1, b"\1\0", 1)
    assert theirs.next("subscribed") == [connection, news, 1, 0, 1]
    theirs.do("notify", connection, news, b"news")
    assert ours.next(bluetooth.IRQ_GATTC_NOTIFY) == (conn, news, b"news")
    theirs.do("value", news, b"more")
    assert ours.next(bluetooth.IRQ_GATTC_NOTIFY) == (conn, news, b"more")
    ble.gattc_write(conn, news + 1, b"\2\0", 1)
    assert theirs.next("subscribed") == [connection, news, 0, 1, 1]
    theirs.do("indicate", connection, news, b"said")
    assert ours.next(bluetooth.IRQ_GATTC_INDICATE) == (conn, news, b"said")
    theirs.next("confirmed", lambda data: data == [connection, news, DONE])
    ble.gap_disconnect(conn)
    ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    assert theirs.next("disconnected") == [connection, 0x200 + 0x13]


@pytest.mark.stranger("NimBLE", "central", "scan, connect, MTU, discover, read, write, notify, indicate")
def test_their_central_and_our_peripheral(make_ours, theirs):
    ours = make_ours(services=SERVICES)
    ble = ours.ble
    plain, _, secret, guarded, news = ours.handles
    ble.gap_advertise(50_000, ADVERTISEMENT)
    theirs.do("scan", PUBLIC, 20_000)
    kind, address = theirs.next("report", lambda data: NAME.encode().hex() in data[3])[1:3]
    theirs.do("stop-scan")
    theirs.do("connect", PUBLIC, kind, address)
    connection = theirs.next("connected")[1]
    conn = ours.next(bluetooth.IRQ_CENTRAL_CONNECT)[0]
    theirs.do("mtu", connection)
    _, status, mtu = theirs.next("exchanged")
    assert (status, mtu) == (0, ours.next(bluetooth.IRQ_MTU_EXCHANGED)[1])

    theirs.do("services", connection)
    assert theirs.next("services")[1] == DONE
    found = {uuid: (start, end) for _, start, end, uuid in theirs.all("service")}
    assert set(found) >= {"50db505c-8ac4-4738-8448-3b1d9cc09cc5", "0xfff0"}
    theirs.do("service-by", connection, 0xFFF0)
    assert theirs.next("services")[1] == DONE
    assert len([data for data in theirs.all("service") if data[3] == "0xfff0"]) == 2
    theirs.do("characteristics", connection, 1, 0xFFFF)
    assert theirs.next("characteristics")[1] == DONE
    values = [data[2] for data in theirs.all("characteristic")]
    assert set(values) >= {plain, secret, guarded, news}
    theirs.do("descriptors", connection, news, found["0xfff0"][1])
    assert theirs.next("descriptors")[1] == DONE
    configuration = next(handle for _, handle, uuid in theirs.all("descriptor") if uuid == "0x2902")

    theirs.do("write", connection, configuration, b"\1\0")
    assert theirs.next("wrote") == [connection, 0]
    ble.gatts_notify(conn, news, b"news")
    assert theirs.next("notified") == [connection, news, b"news".hex()]
    theirs.do("write", connection, configuration, b"\2\0")
    assert theirs.next("wrote") == [connection, 0]
    ble.gatts_indicate(conn, news, b"said")
    assert theirs.next("indicated") == [connection, news, b"said".hex()]
    assert ours.next(bluetooth.IRQ_GATTS_INDICATE_DONE) == (conn, news, 0)
    theirs.do("disconnect", connection)
    ours.next(bluetooth.IRQ_CENTRAL_DISCONNECT)
    assert ble.gap_disconnect_reason(conn) == 0x13


@pytest.mark.stranger("NimBLE", "central", "read and write: short, long, several, by type, refused")
def test_their_central_reads_and_writes(make_ours, theirs):
    ours = make_ours(services=SERVICES)
    ble = ours.ble
    plain, words, secret, guarded, _ = ours.handles
    ble.gatts_set_buffer(plain, len(LONG))
    ble.gatts_write(plain, b"from bluet")
    conn, connection = connected_to_us(ours, theirs)
    theirs.do("mtu", connection)
    mtu = theirs.next("exchanged")[2]
    theirs.do("read", connection, plain)
    assert theirs.next("read") == [connection, 0, 0, b"from bluet".hex()]
    for handle in (plain, words):
        theirs.do("write", connection, handle, b"asked")
        assert theirs.next("wrote") == [connection, 0]
        assert ours.next(bluetooth.IRQ_GATTS_WRITE) == (conn, handle)
        assert ble.gatts_read(handle) == b"asked"
    theirs.do("command", connection, plain, b"told")
    ours.next(bluetooth.IRQ_GATTS_WRITE)
    assert ble.gatts_read(plain) == b"told"
    theirs.do("write-long", connection, plain, LONG)
    assert theirs.next("wrote") == [connection, 0]
    assert ble.gatts_read(plain) == LONG
    theirs.do("read-long", connection, plain)
    parts = []
    while (part := theirs.next("read"))[1] == 0:
        parts.append(part[3])
    assert part[1] == DONE
    assert "".join(parts) == LONG.hex()
    theirs.do("read-several", connection, words, plain)
    assert theirs.next("read")[3] == (b"asked" + LONG).hex()[: 2 * (mtu - 1)]
    theirs.do("read-by", connection, 1, 0xFFFF, 0xFFF1)
    assert theirs.next("read")[1] == 0
    assert theirs.next("read")[1] == DONE
    for handle in (secret, guarded):
        theirs.do("read", connection, handle)
        assert theirs.next("read")[1] in (ATT + INSUFFICIENT_AUTHENTICATION, ATT + INSUFFICIENT_ENCRYPTION)


@pytest.mark.stranger("NimBLE", "central and peripheral", "MTU, asked for by either side")
@pytest.mark.parametrize("we_ask", [True, False], ids=["we ask", "they ask"])
@either_way
def test_mtu(make_ours, theirs, connect, we_ask):
    """The smaller of 200 and 300, whoever asks; values are cut to it."""
    ours = make_ours(services=SERVICES)
    for mine, yours in ((200, 300), (300, 200)):
        ours.ble.config(mtu=mine)
        conn, connection = connect(ours, theirs)
        theirs.do("prefer", yours)
        ours.ble.gattc_exchange_mtu(conn) if we_ask else theirs.do("mtu", connection)
        assert ours.next(bluetooth.IRQ_MTU_EXCHANGED) == (conn, 200)
        assert theirs.next("mtu")[0::2] == [connection, 200]
        ours.ble.gatts_notify(conn, ours.handles[4], bytes(250))
        assert theirs.next("notified") == [connection, ours.handles[4], bytes(197).hex()]
        theirs.do("disconnect", connection)
        theirs.next("disconnected")


# ---- Links ----


@pytest.mark.stranger("NimBLE", "central and peripheral", "parameters, asked for by either side")
@either_way
def test_parameters(make_ours, theirs, connect):
    ours = make_ours()
    conn, connection = connect(ours, theirs)
    ours.ble.gap_update(conn, 60_000, 60_000, 1, 3000)
    assert theirs.next("parameters", lambda data: data[2] == 48) == [connection, 0, 48, 1, 300]
    ours.next(bluetooth.IRQ_CONNECTION_UPDATE, lambda data: data[1:] == (48, 1, 300, 0))
    theirs.do("update", connection, 24, 24, 0, 400)
    ours.next(bluetooth.IRQ_CONNECTION_UPDATE, lambda data: data[1:] == (24, 0, 400, 0))
    assert theirs.next("parameters", lambda data: data[2] == 24) == [connection, 0, 24, 0, 400]


# ---- Pairing ----

NO_IO, KEYBOARD, DISPLAY, YES_NO = 3, 2, 0, 1
MODELS = {
    # name: (our io, theirs, protected)
    "just works": (NO_IO, NO_IO, False),
    "we type": (KEYBOARD, DISPLAY, True),
    "they type": (DISPLAY, KEYBOARD, True),
    "comparison": (YES_NO, YES_NO, True),
}
CASES = [(model, secure) for model in MODELS for secure in (False, True) if secure or model != "comparison"]
KEYS = 3  # those of encryption and of identity


@pytest.mark.stranger("NimBLE", "central and peripheral", "pairing and bonding, all models, and return")
@pytest.mark.parametrize(("model", "secure"), CASES)
@either_way
def test_pairing_and_return(make_ours, theirs, connect, model, secure):
    our_io, their_io, protected = MODELS[model]
    ours = make_ours(services=SERVICES, bond=True, mitm=protected, io=our_io, le_secure=secure)
    theirs.do("settings", their_io, 1, int(protected), int(secure), KEYS)
    for _ in range(2):
        conn, connection = connect(ours, theirs)
        ours.ble.gap_pair(conn) if connect is connected_to_them else theirs.do("pair", connection)
        assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, 1, int(protected), 1, 16)
        assert theirs.next("security") == [connection, 0, 1, int(protected), 1, 16]
        assert ours.compared == theirs.compared
        wait_for(lambda: len(ours.store) == 3)
        if connect is connected_to_us:
            theirs.do("read", connection, ours.handles[2])
            assert theirs.next("read")[1] == 0
        ours.ble.gap_disconnect(conn)
        theirs.next("disconnected")
        ours.next(
            bluetooth.IRQ_PERIPHERAL_DISCONNECT if connect is connected_to_them else bluetooth.IRQ_CENTRAL_DISCONNECT
        )
    assert len(ours.shown) == protected
    assert theirs.ask("bonds") == 1


@pytest.mark.stranger("NimBLE", "central and peripheral", "Security Request")
@either_way
def test_the_peripheral_asks(make_ours, theirs, connect):
    ours = make_ours(bond=True, mitm=True, io=YES_NO, le_secure=True)
    theirs.do("settings", YES_NO, 1, 1, 1, KEYS)
    conn, connection = connect(ours, theirs)
    ours.ble.gap_pair(conn) if connect is connected_to_us else theirs.do("pair", connection)
    assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, 1, 1, 1, 16)
    assert theirs.next("security") == [connection, 0, 1, 1, 1, 16]
    assert ours.compared == theirs.compared is not None


@pytest.mark.stranger("NimBLE", "central and peripheral", "pairing refused, and made again")
@either_way
def test_numbers_that_are_not_the_same(make_ours, theirs, connect):
    """The person before NimBLE says so, of which it tells nobody but us; the next time they are."""
    ours = make_ours(bond=True, mitm=True, io=YES_NO, le_secure=True)
    theirs.do("settings", YES_NO, 1, 1, 1, KEYS)
    conn, connection = connect(ours, theirs)
    for theirs.agrees in (False, True):
        ours.ble.gap_pair(conn) if connect is connected_to_them else theirs.do("pair", connection)
        agreed = int(theirs.agrees)
        assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, agreed, agreed, agreed, 16 * agreed)
        time.sleep(1.1)  # so long ours holds off who has failed
    assert theirs.next("security") == [connection, 0, 1, 1, 1, 16]


@pytest.mark.stranger("NimBLE", "central and peripheral", "a bond that one side has lost")
@pytest.mark.parametrize("they_lose_it", [False, True], ids=["we lose it", "they lose it"])
@either_way
def test_lost_bond(make_ours, theirs, connect, they_lose_it):
    """Theirs takes up with who asks to pair anew; ours leaves that to its application."""
    ours = make_ours(bond=True, io=NO_IO, le_secure=True)
    theirs.do("settings", NO_IO, 1, 0, 1, KEYS)
    for attempt in range(2):
        conn, connection = connect(ours, theirs)
        ours.ble.gap_pair(conn) if connect is connected_to_them else theirs.do("pair", connection)
        expected = (1, 0, 1, 16)
        if attempt and (they_lose_it or connect is connected_to_us):
            expected = (0, 0, 0, 0)
        assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, *expected)
        if not attempt:
            theirs.next("security")
            wait_for(lambda: len(ours.store) == 3)
        ours.ble.gap_disconnect(conn)
        theirs.next("disconnected")
        if not attempt and they_lose_it:
            theirs.ask("bonds")
            theirs.do("unpair", *theirs.next("bond"))
        elif not attempt:
            (peer,) = ours.ble.gap_bonds()
            assert ours.ble.gap_unpair(*peer)


@pytest.mark.stranger("NimBLE", "central and peripheral", "subscriptions that a bond keeps")
@either_way
def test_kept_subscription(make_ours, theirs, connect):
    ours = make_ours(services=SERVICES, bond=True, io=NO_IO, le_secure=True)
    theirs.do("settings", NO_IO, 1, 0, 1, KEYS)
    theirs.do("handles")
    their_news, our_news = theirs.next("handles")[3], ours.handles[4]
    for attempt in range(2):
        conn, connection = connect(ours, theirs)
        ours.ble.gap_pair(conn) if connect is connected_to_them else theirs.do("pair", connection)
        assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, 1, 0, 1, 16)
        theirs.next("security")
        if not attempt:
            theirs.do("write", connection, our_news + 1, b"\1\0")
            assert theirs.next("wrote") == [connection, 0]
            ours.ble.gattc_write(conn, their_news + 1, b"\1\0", 1)
            assert ours.next(bluetooth.IRQ_GATTC_WRITE_DONE) == (conn, their_news + 1, 0)
        ours.ble.gatts_write(our_news, b"ours", True)
        assert theirs.next("notified") == [connection, our_news, b"ours".hex()]
        theirs.do("value", their_news, b"theirs")
        assert ours.next(bluetooth.IRQ_GATTC_NOTIFY) == (conn, their_news, b"theirs")
        ours.ble.gap_disconnect(conn)
        theirs.next("disconnected")


PRIVACY = [(RANDOM, RANDOM), (PRIVATE, PUBLIC), (PRIVATE_OVER_STATIC, PRIVATE)]
"""The kinds of address: theirs, ours. Theirs are made by its controller."""


@pytest.mark.stranger("NimBLE", "peripheral", "private addresses, pairing, return")
@pytest.mark.parametrize(("own", "mode"), PRIVACY)
def test_their_peripheral_is_known(make_ours, theirs, own, mode):
    ours = make_ours(bond=True, io=NO_IO, le_secure=True, addr_mode=mode, rpa_timeout=1)
    theirs.do("settings", NO_IO, 1, 0, 1, KEYS)
    theirs.do("random", 0)
    for attempt in range(2):
        theirs.do("advertise", own, "NimBLE")
        ours.ble.gap_scan(0, 30_000, 30_000)
        found = ours.next(bluetooth.IRQ_SCAN_RESULT)[:2]
        ours.ble.gap_scan(None)
        ours.next(bluetooth.IRQ_SCAN_DONE)
        if attempt:
            assert [found] == ours.ble.gap_bonds()
        conn, *peer = ours.connect(*found, *INTERVAL)
        assert tuple(peer) == found
        connection = theirs.next("connected")[1]
        ours.ble.gap_pair(conn)
        assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, 1, 0, 1, 16)
        assert theirs.next("security") == [connection, 0, 1, 0, 1, 16]
        wait_for(lambda: len(ours.store) == 3)
        ours.ble.gap_disconnect(conn)
        theirs.next("disconnected")
        ours.events.clear()
        time.sleep(1.1 if mode == PRIVATE else 0)  # ours changes


@pytest.mark.stranger("NimBLE", "central", "private addresses, pairing, return")
@pytest.mark.parametrize(("own", "mode"), PRIVACY)
def test_our_peripheral_is_known(make_ours, theirs, own, mode):
    ours = make_ours(bond=True, io=NO_IO, le_secure=True, addr_mode=mode, rpa_timeout=LASTING)
    theirs.do("settings", NO_IO, 1, 0, 1, KEYS)
    theirs.do("random", 0)
    identity = None
    for attempt in range(2):
        ours.ble.gap_advertise(50_000, ADVERTISEMENT)
        theirs.do("scan", own, 20_000)
        kind, address = theirs.next("report", lambda data: NAME.encode().hex() in data[3])[1:3]
        theirs.do("stop-scan")
        theirs.do("connect", own, kind, address)
        status, connection, _, *peer = theirs.next("connected")[:5]
        assert status == 0
        conn, *we_see = ours.next(bluetooth.IRQ_CENTRAL_CONNECT)
        if attempt:
            assert [tuple(we_see)] == ours.ble.gap_bonds()
            assert [kind & 1, address] == [peer[0] & 1, peer[1]] == identity
        theirs.do("pair", connection)
        assert ours.next(bluetooth.IRQ_ENCRYPTION_UPDATE) == (conn, 1, 0, 1, 16)
        assert theirs.next("security") == [connection, 0, 1, 0, 1, 16]
        wait_for(lambda: len(ours.store) == 3)
        if not attempt:
            assert theirs.ask("bonds") == 1
            identity = theirs.next("bond")
        ours.ble.gap_disconnect(conn)
        theirs.next("disconnected")
        ours.events.clear()
        theirs.said.clear()
        if mode == PRIVATE:  # ours changes
            ours.ble.config(rpa_timeout=1)
            time.sleep(1.1)
            ours.ble.config(rpa_timeout=LASTING)


# ---- Channels ----


def sdu(length, salt):
    return bytes((salt + 31 * i + (i >> 8) * 7) & 0xFF for i in range(length))


def hear(ours, conn, cid, length):
    heard = bytearray()

    def read():
        buffer = bytearray(ours.ble.l2cap_recvinto(conn, cid, None))
        heard.extend(buffer[: ours.ble.l2cap_recvinto(conn, cid, buffer)])
        return len(heard) >= length

    wait_for(read)
    return bytes(heard)


@pytest.mark.stranger("NimBLE", "central and peripheral", "L2CAP channel")
@pytest.mark.parametrize("we_open", [True, False], ids=["we open", "they open"])
@either_way
def test_channel(make_ours, theirs, connect, we_open):
    ours = make_ours()
    conn, connection = connect(ours, theirs)
    if we_open:
        theirs.do("listen", PSM, 1000)
        ours.ble.l2cap_connect(conn, PSM + 1, 600)
        assert ours.next(bluetooth.IRQ_L2CAP_DISCONNECT)[2:] == (PSM + 1, 2)
        ours.ble.l2cap_connect(conn, PSM, 600)
    else:
        ours.ble.l2cap_listen(PSM, 600)
        theirs.do("open", connection, PSM, 1000)
    _, cid, *rest = ours.next(bluetooth.IRQ_L2CAP_CONNECT)
    assert rest == [PSM, 600, 1000]
    assert theirs.next("opened")[1:] == [0, PSM, 1000, 600]
    for length in (1, 22, 23, 100, 299, 600, 1000):
        if not ours.ble.l2cap_send(conn, cid, sdu(length, length)):
            ours.next(bluetooth.IRQ_L2CAP_SEND_READY)
        assert theirs.next("received")[1] == sdu(length, length).hex()
    for length in (1, 22, 23, 100, 299, 600, 600, 600):
        assert theirs.ask("send", sdu(length, length)) in (0, STALLED)
        assert hear(ours, conn, cid, length) == sdu(length, length)
    ours.ble.l2cap_disconnect(conn, cid) if we_open else theirs.do("close")
    assert ours.next(bluetooth.IRQ_L2CAP_DISCONNECT) == (conn, cid, PSM, 0)
    theirs.next("closed")


TOTAL = 20_000


@pytest.mark.stranger("NimBLE", "central and peripheral", "L2CAP channel, both ways at once")
@either_way
def test_channel_both_ways_at_once(make_ours, theirs, connect):
    ours = make_ours()
    conn, connection = connect(ours, theirs)
    ours.ble.l2cap_listen(PSM, 700)
    theirs.do("open", connection, PSM, 900)
    cid = ours.next(bluetooth.IRQ_L2CAP_CONNECT)[1]
    theirs.next("opened")
    mine, yours = sdu(TOTAL, 1), sdu(TOTAL, 2)
    sent, given, we_may, they_may, heard = 0, 0, True, True, bytearray()

    def go_on():
        nonlocal sent, given, we_may, they_may
        if we_may and sent < TOTAL:
            we_may = ours.ble.l2cap_send(conn, cid, mine[sent : sent + 900])
            sent += 900
        elif not we_may and ours.all(bluetooth.IRQ_L2CAP_SEND_READY):
            ours.next(bluetooth.IRQ_L2CAP_SEND_READY)
            we_may = True
        if they_may and given < TOTAL:
            error = theirs.ask("send", yours[given : given + 700])
            assert error in (0, STALLED)
            they_may = error == 0
            given += 700
        elif not they_may and theirs.all("sent"):
            assert theirs.next("sent")[1] == 0
            they_may = True
        buffer = bytearray(ours.ble.l2cap_recvinto(conn, cid, None))
        heard.extend(buffer[: ours.ble.l2cap_recvinto(conn, cid, buffer)])
        return sum(len(data[1]) for data in theirs.all("received")) == 2 * TOTAL and len(heard) == TOTAL

    wait_for(go_on)
    assert bytes(heard) == yours
    assert "".join(data[1] for data in theirs.all("received")) == mine.hex()


# ---- Several ----


@pytest.mark.stranger("NimBLE", "central and peripheral", "several links at once")
def test_several_links(make_ours, theirs):
    """It is peripheral of one of ours and central of two; each is read, and hears."""
    central, *peripherals = [make_ours(services=SERVICES) for _ in range(3)]
    pairs = [(central, *connected_to_them(central, theirs))]
    pairs += [(ours, *connected_to_us(ours, theirs)) for ours in peripherals]
    theirs.do("handles")
    plain = theirs.next("handles")[0]
    for number, (ours, conn, connection) in enumerate(pairs):
        ours.ble.gatts_write(ours.handles[0], bytes([number]))
        theirs.do("read", connection, ours.handles[0])
        assert theirs.next("read") == [connection, 0, 0, f"{number:02x}"]
        ours.ble.gattc_read(conn, plain)
        assert ours.next(bluetooth.IRQ_GATTC_READ_RESULT)[2] == b"from nimble"
    for ours, conn, connection in pairs:
        ours.ble.gap_disconnect(conn)
        assert theirs.next("disconnected")[0] == connection


@pytest.mark.stranger("NimBLE", "central and peripheral", "a link whose other side has gone")
@either_way
def test_they_are_gone(make_ours, theirs, connect):
    ours = make_ours()
    conn, _ = connect(ours, theirs)
    theirs.close()
    ours.next(bluetooth.IRQ_PERIPHERAL_DISCONNECT if connect is connected_to_them else bluetooth.IRQ_CENTRAL_DISCONNECT)
    assert ours.ble.gap_disconnect_reason(conn) == 0x08


@pytest.mark.stranger("NimBLE", "central and peripheral", "2M PHY, asked for by either side")
@either_way
def test_phy(make_ours, theirs, connect):
    ours = make_ours()
    conn, connection = connect(ours, theirs)
    theirs.do("phy", connection, 3)  # 1M or 2M
    assert theirs.next("phy") == [connection, 0, 2, 2]
    wait_for(lambda: ours.ble.gap_phy(conn) == (2, 2))
    ours.ble.gap_phy(conn, 1)
    assert theirs.next("phy") == [connection, 0, 1, 1]
