"""Arguments, and every error that a radio gives for them, active or not."""

import errno

import pytest
from bluet import bluetooth
from bluet.bluetooth import BLE, UUID
from radios import SERVICES, Pair, Radio

ADDRESS = b"\x01\x02\x03\x04\x05\x06"

# Every method that needs the radio, with arguments that are good.
NEED_RADIO = {
    "gap_advertise": ((100_000,), (None,)),
    "gap_scan": ((), (None,), (1_000,)),
    "gap_connect": ((0, ADDRESS), (None,)),
    "gap_disconnect": ((1,),),
    "gap_pair": ((1,),),
    "gap_passkey": ((1, 2, 3),),
    "gap_oob": ((), (0, ADDRESS)),
    "gap_unpair": ((0, ADDRESS),),
    "gap_update": ((1,),),
    "gap_phy": ((1,), (1, 2)),
    "gap_data_length": ((1,), (1, 100)),
    "gap_rssi": ((1,),),
    "gap_accept_list": (([],),),
    "gap_connect_listed": ((),),
    "gatts_register_services": ((SERVICES,),),
    "gatts_write": ((1, b"x"),),
    "gatts_notify": ((1, 2), (1, 2, b"x")),
    "gatts_indicate": ((1, 2), (1, 2, b"x")),
    "gatts_notify_multiple": ((1, (2, 3)),),
    "gatts_subscription": ((1, 2), (None, 2)),
    "gatts_set_buffer": ((1, 20),),
    "gattc_discover_services": ((1,), (1, UUID(0x180D))),
    "gattc_discover_included_services": ((1, 1, 0xFFFF),),
    "gattc_discover_characteristics": ((1, 1, 0xFFFF),),
    "gattc_discover_descriptors": ((1, 1, 0xFFFF),),
    "gattc_read": ((1, 2),),
    "gattc_read_long": ((1, 2),),
    "gattc_read_by_uuid": ((1, 1, 0xFFFF, UUID(0x2A00)),),
    "gattc_read_multiple": ((1, (2, 3)), (1, (2, 3), False)),
    "gattc_write_reliable": ((1, ((2, b"x"),)),),
    "gattc_write": ((1, 2, b"x"),),
    "gattc_exchange_mtu": ((1,),),
    "l2cap_listen": ((0x80, 100),),
    "l2cap_connect": ((1, 0x80, 100),),
    "l2cap_reconfigure": ((1, 0x40, 200),),
    "l2cap_disconnect": ((1, 0x40),),
    "l2cap_send": ((1, 0x40, b"x"),),
    "l2cap_recvinto": ((1, 0x40, bytearray(1)), (1, 0x40, None)),
    "hci_cmd": ((3, 3, b"", bytearray()),),
}


def raises(number, function, *arguments, **keywords):
    with pytest.raises(OSError) as caught:
        function(*arguments, **keywords)
    assert caught.value.errno == number, errno.errorcode.get(caught.value.errno)
    assert caught.value.args[0] == number
    assert caught.value.strerror


def test_singleton():
    assert BLE() is BLE()
    with pytest.raises(TypeError):
        BLE("air")
    with pytest.raises(TypeError):
        BLE(radio=1)
    with pytest.raises(TypeError):
        type("Mine", (BLE,), {})


@pytest.mark.parametrize("transport", ["smoke", "smoke:signals", "tcp:", "unix:", "air:"])
def test_no_such_transport(transport):
    raises(errno.EINVAL, BLE, transport=transport)


@pytest.mark.parametrize("name", NEED_RADIO)
def test_inactive(air, name):
    ble = air.ble()
    for arguments in NEED_RADIO[name]:
        raises(errno.ENODEV, getattr(ble, name), *arguments)
    ble.active(True)
    ble.active(False)
    for arguments in NEED_RADIO[name]:
        raises(errno.ENODEV, getattr(ble, name), *arguments)


def test_what_works_inactive(air):
    ble = air.ble()
    assert ble.active() is False
    assert ble.gatts_read(1) == b""
    assert ble.irq(print) is None
    assert ble.gap_disconnect_reason(1) is None
    raises(errno.ENODEV, ble.config, "mac")
    ble.config(gap_name="early", mtu=100, bond=True, mitm=1, io=4, le_secure=True, addr_mode=1, rxbuf=4096)
    assert ble.active(True) is True
    assert ble.active() is True
    assert ble.active(True) is True
    assert ble.config("gap_name") == b"early"
    assert ble.config("mtu") == 100
    assert ble.config("mac")[0] == 1
    assert ble.active(0) is False


def test_active_arguments(air):
    with pytest.raises(TypeError):
        air.ble().active(True, True)


def test_config_queries(air):
    ble = air.ble()
    assert [ble.config(name) for name in ("bond", "mitm", "io", "le_secure")] == [False, False, 3, False]
    assert ble.config("addr_mode") == 0
    assert ble.config("dropped") == 0
    assert ble.config("mtu") == 256
    assert ble.config("rxbuf") == 65536
    ble.active(True)
    addr_type, addr = ble.config("mac")
    assert addr_type == 0 and type(addr) is bytes and len(addr) == 6


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((), {}, TypeError, "must query one param"),
        (("mac", "mtu"), {}, TypeError, "must query one param"),
        (("mac",), {"mtu": 30}, TypeError, "can't specify pos and kw args"),
        (("nothing",), {}, ValueError, "unknown config param"),
        ((), {"nothing": 1}, ValueError, "unknown config param"),
        ((), {"mac": 1}, ValueError, "unknown config param"),
        ((), {"dropped": 1}, ValueError, "unknown config param"),
        ((5,), {}, TypeError, None),
        ((), {"mtu": "x"}, TypeError, None),
        ((), {"gap_name": 5}, TypeError, None),
    ],
)
def test_config_mistakes(air, arguments, keywords, error, message):
    with pytest.raises(error) as caught:
        air.ble().config(*arguments, **keywords)
    assert message is None or str(caught.value) == message


@pytest.mark.parametrize(
    "keywords",
    [
        {"mtu": 22},
        {"mtu": 518},
        {"mtu": -1},
        {"mtu": 1 << 70},
        {"addr_mode": 4},
        {"addr_mode": -1},
        {"io": 5},
        {"rxbuf": 10},
        {"rxbuf": -1},
        {"gap_name": "x" * 249},
    ],
)
def test_config_out_of_range(air, keywords):
    ble = air.ble()
    raises(errno.EINVAL, ble.config, **keywords)


def test_gap_name_forms(air):
    ble = air.ble()
    for name in ("naïve", b"raw\0", bytearray(b"array"), memoryview(b"view"), ""):
        ble.config(gap_name=name)
        assert ble.config("gap_name") == (name.encode() if isinstance(name, str) else bytes(name))


def test_irq_mistakes(air):
    ble = air.ble()
    for wrong in (5, "handler", ()):
        with pytest.raises(ValueError, match=r"^invalid handler$"):
            ble.irq(wrong)
    with pytest.raises(TypeError):
        ble.irq()
    assert ble.irq(None) is None


def test_gap_advertise_arguments(air):
    ble = Radio(air.ble()).ble
    ble.gap_advertise()
    ble.gap_advertise(625, "as bytes", resp_data=bytearray(b"x"), connectable=False)
    ble.gap_advertise(interval_us=20_000, adv_data=memoryview(b"x"))
    ble.gap_advertise(20_000, bytes(31), resp_data=bytes(31))
    raises(errno.EINVAL, ble.gap_advertise, 20_000, bytes(32))
    raises(errno.EINVAL, ble.gap_advertise, 20_000, b"", resp_data=bytes(32))
    raises(errno.EINVAL, ble.gap_advertise, -1)
    raises(errno.EINVAL, ble.gap_advertise, 1 << 40)
    for wrong in ((100_000, 5), ("x",), (1.5,), (100_000, b"", b"")):
        with pytest.raises(TypeError):
            ble.gap_advertise(*wrong)
    assert ble.gap_advertise(None) is None
    assert ble.gap_advertise(None) is None


def test_gap_scan_arguments(air):
    ble = Radio(air.ble()).ble
    raises(errno.EINVAL, ble.gap_scan, 0, 30_000, 40_000)
    raises(errno.EINVAL, ble.gap_scan, -1)
    for wrong in (("x",), (0, None), (0, 1.5), (0, 1, 1, True, 1)):
        with pytest.raises(TypeError):
            ble.gap_scan(*wrong)
    with pytest.raises(TypeError):
        ble.gap_scan(duration_ms=1)
    # Out of range is clamped.
    ble.gap_scan(0, 1 << 40, -5)
    raises(errno.EALREADY, ble.gap_scan, 0)
    ble.gap_scan(None)
    ble.gap_scan(0, 1, 1)
    ble.gap_scan(None)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((), TypeError, None),
        ((0,), TypeError, "invalid addr"),
        (("x",), TypeError, "invalid addr"),
        ((0, b"12345"), ValueError, "invalid addr"),
        ((0, b"1234567"), ValueError, "invalid addr"),
        ((0, 5), TypeError, None),
        ((None, ADDRESS), TypeError, None),
        ((0, ADDRESS, "x"), TypeError, None),
        ((0, ADDRESS, 1, 1, 1, 1), TypeError, None),
    ],
)
def test_gap_connect_mistakes(air, arguments, error, message):
    with pytest.raises(error) as caught:
        Radio(air.ble()).ble.gap_connect(*arguments)
    assert message is None or str(caught.value) == message


def test_gap_connect_errors(air):
    ble = Radio(air.ble()).ble
    raises(errno.EALREADY, ble.gap_connect, None)
    raises(errno.EINVAL, ble.gap_connect, 2, ADDRESS)
    raises(errno.EINVAL, ble.gap_connect, -1, ADDRESS)
    raises(errno.EINVAL, ble.gap_connect, 0, ADDRESS, -1)
    raises(errno.EINVAL, ble.gap_connect, 0, ADDRESS, None, 50_000, 30_000)
    raises(errno.EINVAL, ble.gap_connect, 0, ADDRESS, None, 1_000, 30_000)
    raises(errno.EINVAL, ble.gap_connect, 0, ADDRESS, None, 30_000, 1 << 40)
    ble.gap_connect(0, ADDRESS, None, None, None)
    raises(errno.EALREADY, ble.gap_connect, 0, ADDRESS)
    raises(errno.EBUSY, ble.gap_scan, 0)
    ble.gap_connect(None)


def test_services_mistakes(air):
    ble = Radio(air.ble()).ble
    cases = [
        (((0x180D, ()),), "invalid service UUID"),
        (((UUID(1), ((5, 2),)),), "invalid characteristic UUID"),
        (((UUID(1), ((UUID(2),),)),), "invalid characteristic tuple"),
        (((UUID(1), ((UUID(2), 2, (), ()),)),), "invalid characteristic tuple"),
        (((UUID(1), ((UUID(2), 2, ((3, 2),)),)),), "invalid descriptor UUID"),
        (((UUID(1),),), None),
        (((UUID(1), ((UUID(2), 2, ((UUID(3),),)),)),), None),
    ]
    for services, message in cases:
        with pytest.raises(ValueError) as caught:
            ble.gatts_register_services(services)
        assert message is None or str(caught.value) == message
    for services in (None, 5, (5,), ((UUID(1), 5),), ((UUID(1), ((UUID(2), "x"),)),), (service for service in ())):
        with pytest.raises(TypeError):
            ble.gatts_register_services(services)


def test_services_forms(air):
    ble = Radio(air.ble()).ble
    assert ble.gatts_register_services(()) == ()
    assert ble.gatts_register_services([(UUID(1), ())]) == ((),)
    result = ble.gatts_register_services(
        [[UUID(1), {(UUID(2), 2 | 1 << 16): None}], (UUID(3), [[UUID(4), 2, [[UUID(5), 2]]], (UUID(6), 2)])]
    )
    assert [len(handles) for handles in result] == [1, 3]
    assert all(type(handle) is int for handles in result for handle in handles)
    ble.gap_advertise(100_000)
    raises(errno.EBUSY, ble.gatts_register_services, ())


def test_local_value_errors(air):
    ble = Radio(air.ble()).ble
    ble.gatts_register_services(SERVICES)
    for handle in (0, 999, 0xFFFF, -1, 0x10000 + 16, 1 << 80):
        assert ble.gatts_read(handle) == b""
        raises(errno.EINVAL, ble.gatts_write, handle, b"")
        raises(errno.EINVAL, ble.gatts_set_buffer, handle, 10)
    for call in (lambda: ble.gatts_read("x"), lambda: ble.gatts_write(1, 5), lambda: ble.gatts_write(1, None)):
        with pytest.raises(TypeError):
            call()
    raises(errno.EINVAL, ble.gatts_set_buffer, 16, -1)


def test_unknown_connection(air):
    pair = Pair(air)
    for radio in (pair.central.ble, pair.peripheral.ble):
        for handle in (77, 0xFFFF, -1, 0x10000 + pair.to_central, 1 << 80):
            assert radio.gap_disconnect(handle) is False
            raises(errno.ENOTCONN, radio.gatts_notify, handle, pair.value, b"x")
            raises(errno.ENOTCONN, radio.gatts_indicate, handle, pair.value, b"x")
            raises(errno.ENOTCONN, radio.gattc_discover_services, handle)
            raises(errno.ENOTCONN, radio.gattc_discover_characteristics, handle, 1, 0xFFFF)
            raises(errno.ENOTCONN, radio.gattc_discover_descriptors, handle, 1, 0xFFFF)
            raises(errno.ENOTCONN, radio.gattc_read, handle, 3)
            raises(errno.ENOTCONN, radio.gattc_write, handle, 3, b"x")
            raises(errno.ENOTCONN, radio.gattc_exchange_mtu, handle)


def test_handles_out_of_range(air):
    pair = Pair(air)
    ble, conn = pair.central.ble, pair.to_peripheral
    raises(errno.EINVAL, ble.gattc_read, conn, 0)
    raises(errno.EINVAL, ble.gattc_read, conn, 0x10000)
    raises(errno.EINVAL, ble.gattc_read, conn, 3, -1)
    raises(errno.EINVAL, ble.gattc_read, conn, 3, 0x10000)
    raises(errno.EINVAL, ble.gattc_write, conn, 0, b"")
    raises(errno.EINVAL, ble.gattc_write, conn, 3, b"", 4)
    raises(errno.EINVAL, ble.gattc_write, conn, 3, b"", -1)
    raises(errno.EINVAL, ble.gattc_discover_characteristics, conn, 0, 5)
    raises(errno.EINVAL, ble.gattc_discover_characteristics, conn, 6, 5)
    raises(errno.EINVAL, ble.gattc_discover_descriptors, conn, 6, 5)
    raises(errno.EINVAL, pair.peripheral.ble.gatts_notify, pair.to_central, 0, b"x")
    raises(errno.EINVAL, pair.peripheral.ble.gatts_notify, pair.to_central, 999)
    raises(errno.EINVAL, pair.peripheral.ble.gatts_indicate, pair.to_central, 999)
    for uuid in (0x180D, b"\x0d\x18", "x"):
        with pytest.raises(TypeError):
            ble.gattc_discover_services(conn, uuid)
    with pytest.raises(TypeError):
        ble.gattc_write(conn, 3, None)


def test_already_connected(air):
    pair = Pair(air)
    peer = pair.peripheral.ble.config("mac")
    raises(errno.EISCONN, pair.central.ble.gap_connect, *peer)
    # Another address is none of that.
    pair.central.ble.gap_connect(1 - peer[0], peer[1])
    pair.central.ble.gap_connect(None)


@pytest.mark.parametrize("name", sorted(NEED_RADIO))
def test_counts_of_arguments(air, name):
    method = getattr(air.ble(), name)
    with pytest.raises(TypeError):
        method(*range(9))
    if name not in ("gap_scan", "gap_advertise", "gap_connect_listed", "gap_oob"):
        with pytest.raises(TypeError):
            method()


def test_hci_cmd(air):
    ble = Radio(air.ble()).ble
    version = bytearray(8)
    assert ble.hci_cmd(4, 1, b"", version) == 0
    # Read Local Version Information: HCI 5.x at least.
    assert version[0] >= 9
    short = bytearray(b"\xff\xff")
    assert ble.hci_cmd(4, 1, b"", short) == 0
    assert short[0] == version[0]
    # Unknown HCI Command.
    assert ble.hci_cmd(0x3F, 0x3FF, b"", bytearray()) == 1
    # LE Set Random Address with a parameter missing.
    assert ble.hci_cmd(8, 5, b"12345", bytearray()) != 0
    for arguments in ((64, 1, b"", bytearray()), (4, 1024, b"", bytearray()), (-1, 1, b"", bytearray())):
        raises(errno.EINVAL, ble.hci_cmd, *arguments)
    raises(errno.EINVAL, ble.hci_cmd, 4, 1, bytes(256), bytearray())
    with pytest.raises((TypeError, BufferError)):
        ble.hci_cmd(4, 1, b"", b"not writable")


def test_errors_have_words(air):
    with pytest.raises(OSError) as caught:
        air.ble().gap_scan()
    assert "active" in caught.value.strerror


def test_explain():
    import bluet

    name, words, causes, remedy = bluet.explain("hci", 0x3E)
    assert "Connection Failed" in name and words and causes and remedy
    assert bluet.explain("att", 0x7777) is None
    with pytest.raises(ValueError):
        bluet.explain("smoke", 1)


def test_module_is_complete():
    assert {name for name in vars(bluetooth.BLE) if not name.startswith("_")} == set(NEED_RADIO) | {
        *("active", "capture", "config", "gap_bonds", "gap_disconnect_reason", "gatts_read", "irq")
    }
