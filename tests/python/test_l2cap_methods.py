"""The methods that begin with l2cap_: credit-based channels between two radios."""

import errno

import pytest
from bluet import bluetooth
from radios import Pair

PSM = 0x85


@pytest.fixture
def pair(air):
    return Pair(air)


def open_channel(pair, central_mtu=512, peripheral_mtu=256):
    """The CIDs at the central and at the peripheral."""
    pair.peripheral.ble.l2cap_listen(PSM, peripheral_mtu)
    pair.central.ble.l2cap_connect(pair.to_peripheral, PSM, central_mtu)
    _, central_cid, psm, our_mtu, peer_mtu = pair.at_central(bluetooth.IRQ_L2CAP_CONNECT)
    assert (psm, our_mtu, peer_mtu) == (PSM, central_mtu, peripheral_mtu)
    accept = pair.at_peripheral(bluetooth.IRQ_L2CAP_ACCEPT)
    assert accept == pair.at_peripheral(bluetooth.IRQ_L2CAP_CONNECT)
    assert accept[2:] == (PSM, peripheral_mtu, central_mtu)
    return central_cid, accept[1]


def received(radio, conn, cid):
    buffer = bytearray(radio.ble.l2cap_recvinto(conn, cid, None))
    assert radio.ble.l2cap_recvinto(conn, cid, buffer) == len(buffer)
    return bytes(buffer)


def test_both_ends_send(pair):
    central_cid, peripheral_cid = open_channel(pair)
    assert pair.central.ble.l2cap_send(pair.to_peripheral, central_cid, b"to the peripheral") is True
    assert pair.at_peripheral(bluetooth.IRQ_L2CAP_RECV) == (pair.to_central, peripheral_cid)
    assert received(pair.peripheral, pair.to_central, peripheral_cid) == b"to the peripheral"
    pair.peripheral.ble.l2cap_send(pair.to_central, peripheral_cid, b"and back")
    pair.at_central(bluetooth.IRQ_L2CAP_RECV)
    assert received(pair.central, pair.to_peripheral, central_cid) == b"and back"


def test_sdus_are_joined_and_read_in_pieces(pair):
    central_cid, peripheral_cid = open_channel(pair)
    for text in b"one", b"two", b"three":
        pair.central.ble.l2cap_send(pair.to_peripheral, central_cid, text)
    pair.air.run(1)
    piece = bytearray(4)
    assert pair.peripheral.ble.l2cap_recvinto(pair.to_central, peripheral_cid, None) == 11
    assert pair.peripheral.ble.l2cap_recvinto(pair.to_central, peripheral_cid, piece) == 4
    assert piece == b"onet"
    assert received(pair.peripheral, pair.to_central, peripheral_cid) == b"wothree"
    assert pair.peripheral.ble.l2cap_recvinto(pair.to_central, peripheral_cid, piece) == 0


def test_who_does_not_read_holds_the_sender_back(pair):
    central_cid, peripheral_cid = open_channel(pair)
    sent = b""
    while True:
        sdu = bytes([len(sent) // 256 % 251]) * 256
        sent += sdu
        if not pair.central.ble.l2cap_send(pair.to_peripheral, central_cid, sdu):
            if not pair.air.run_until(lambda: pair.central.has(bluetooth.IRQ_L2CAP_SEND_READY), 5):
                break
            pair.central.forget()
    with pytest.raises(OSError) as raised:
        pair.central.ble.l2cap_send(pair.to_peripheral, central_cid, b"too early")
    assert raised.value.errno == errno.EBUSY
    got = b""
    while len(got) < len(sent):
        piece = received(pair.peripheral, pair.to_central, peripheral_cid)
        got += piece
        pair.air.run(1)
    assert got == sent
    assert pair.at_central(bluetooth.IRQ_L2CAP_SEND_READY) == (pair.to_peripheral, central_cid, 0)


@pytest.mark.parametrize("answer, status", [(1, 4), (True, 4), (5, 5), (8, 8), (0x77, 4)])
def test_a_refusal_is_an_event(pair, answer, status):
    pair.peripheral.answers[bluetooth.IRQ_L2CAP_ACCEPT] = lambda _: answer
    pair.peripheral.ble.l2cap_listen(PSM, 100)
    pair.central.ble.l2cap_connect(pair.to_peripheral, PSM, 100)
    conn, _, psm, got = pair.at_central(bluetooth.IRQ_L2CAP_DISCONNECT)
    assert (conn, psm, got) == (pair.to_peripheral, PSM, status)
    assert not pair.peripheral.has(bluetooth.IRQ_L2CAP_CONNECT)


def test_nobody_listens(pair):
    pair.central.ble.l2cap_connect(pair.to_peripheral, PSM, 100)
    assert pair.at_central(bluetooth.IRQ_L2CAP_DISCONNECT)[3] == 2
    pair.central.forget()
    pair.peripheral.ble.l2cap_listen(PSM, 100)
    pair.peripheral.ble.l2cap_listen(PSM, None)
    pair.central.ble.l2cap_connect(pair.to_peripheral, PSM, 100)
    assert pair.at_central(bluetooth.IRQ_L2CAP_DISCONNECT)[3] == 2


@pytest.mark.parametrize("end", ["central", "peripheral"])
def test_either_end_disconnects(pair, end):
    central_cid, peripheral_cid = open_channel(pair)
    pair.central.ble.l2cap_send(pair.to_peripheral, central_cid, b"last words")
    if end == "central":
        pair.central.ble.l2cap_disconnect(pair.to_peripheral, central_cid)
    else:
        pair.air.run(1)
        pair.peripheral.ble.l2cap_disconnect(pair.to_central, peripheral_cid)
    assert pair.at_central(bluetooth.IRQ_L2CAP_DISCONNECT) == (pair.to_peripheral, central_cid, PSM, 0)
    assert pair.at_peripheral(bluetooth.IRQ_L2CAP_DISCONNECT) == (pair.to_central, peripheral_cid, PSM, 0)
    assert received(pair.peripheral, pair.to_central, peripheral_cid) == b"last words"
    with pytest.raises(OSError) as raised:
        pair.central.ble.l2cap_send(pair.to_peripheral, central_cid, b"gone")
    assert raised.value.errno == errno.EINVAL


def test_the_link_ends_the_channel(pair):
    central_cid, peripheral_cid = open_channel(pair)
    pair.central.ble.gap_disconnect(pair.to_peripheral)
    pair.at_peripheral(bluetooth.IRQ_CENTRAL_DISCONNECT)
    pair.at_central(bluetooth.IRQ_PERIPHERAL_DISCONNECT)
    assert pair.central.last(bluetooth.IRQ_L2CAP_DISCONNECT) == (pair.to_peripheral, central_cid, PSM, 0)
    assert pair.peripheral.last(bluetooth.IRQ_L2CAP_DISCONNECT) == (pair.to_central, peripheral_cid, PSM, 0)
    codes = pair.central.codes()
    assert codes.index(bluetooth.IRQ_L2CAP_DISCONNECT) < codes.index(bluetooth.IRQ_PERIPHERAL_DISCONNECT)


def test_arguments_out_of_range(pair):
    central_cid, _ = open_channel(pair, 100, 1000)
    ble, conn = pair.central.ble, pair.to_peripheral

    def error(method, *arguments):
        with pytest.raises(OSError) as raised:
            method(*arguments)
        return raised.value.errno

    assert error(ble.l2cap_send, conn, central_cid, bytes(201)) == errno.EINVAL  # twice our MTU is 200
    assert error(ble.l2cap_send, conn, central_cid + 1, b"") == errno.EINVAL
    assert error(ble.l2cap_send, conn + 1, central_cid, b"") == errno.ENOTCONN
    assert error(ble.l2cap_recvinto, conn, 4, None) == errno.EINVAL
    assert error(ble.l2cap_disconnect, conn, 4) == errno.EINVAL
    assert error(ble.l2cap_listen, 0, 100) == errno.EINVAL
    assert error(ble.l2cap_listen, 256, 100) == errno.EINVAL
    assert error(ble.l2cap_connect, conn, 0, 100) == errno.EINVAL
    assert error(pair.peripheral.ble.l2cap_listen, PSM, 100) == errno.EALREADY
    with pytest.raises(TypeError):
        ble.l2cap_recvinto(conn, central_cid, b"read only")
    ble.active(False)
    assert error(ble.l2cap_listen, PSM, 100) == errno.ENODEV


def test_mtu_is_clamped(pair):
    open_channel(pair, 65535, 65535)
    pair.peripheral.ble.l2cap_listen(PSM + 1, 1)
    pair.central.forget()
    pair.central.ble.l2cap_connect(pair.to_peripheral, PSM + 1, 100_000)
    assert pair.at_central(bluetooth.IRQ_L2CAP_CONNECT)[3:] == (65535, 32)


def test_several_channels_on_one_connection(pair):
    pair.peripheral.ble.l2cap_listen(PSM, 300)
    for _ in range(5):
        pair.central.ble.l2cap_connect(pair.to_peripheral, PSM, 300)
    assert pair.air.run_until(lambda: len(pair.central.all(bluetooth.IRQ_L2CAP_CONNECT)) == 5, 5)
    cids = [data[1] for data in pair.central.all(bluetooth.IRQ_L2CAP_CONNECT)]
    assert len(set(cids)) == 5
    for number, cid in enumerate(cids):
        pair.central.ble.l2cap_send(pair.to_peripheral, cid, bytes([number]) * 300)
    pair.air.run(1)
    for number, data in enumerate(pair.peripheral.all(bluetooth.IRQ_L2CAP_CONNECT)):
        assert received(pair.peripheral, pair.to_central, data[1]) == bytes([number]) * 300


def test_several_channels_at_once(pair):
    pair.peripheral.ble.l2cap_listen(PSM, 256)
    pair.central.ble.l2cap_connect(pair.to_peripheral, PSM, 512, 5)
    pair.air.run(2)
    made = pair.central.all(bluetooth.IRQ_L2CAP_CONNECT)
    assert len(made) == 5
    for near, far in zip(made, pair.peripheral.all(bluetooth.IRQ_L2CAP_CONNECT), strict=True):
        pair.central.ble.l2cap_send(pair.to_peripheral, near[1], bytes([near[1]]))
        pair.air.run(1)
        assert received(pair.peripheral, pair.to_central, far[1]) == bytes([near[1]])


def test_as_many_as_there_is_room_for(pair):
    pair.peripheral.ble.l2cap_listen(PSM, 256)
    pair.central.ble.l2cap_connect(pair.to_peripheral, PSM, 512, 5)
    pair.air.run(2)
    pair.central.ble.l2cap_connect(pair.to_peripheral, PSM, 512, 3)
    pair.air.run(2)
    with pytest.raises(OSError) as raised:
        pair.central.ble.l2cap_connect(pair.to_peripheral, PSM, 512, 2)
    assert raised.value.errno == errno.ENOMEM
    assert len(pair.central.all(bluetooth.IRQ_L2CAP_CONNECT)) == 8
    for count in 0, 6:
        with pytest.raises(OSError) as raised:
            pair.central.ble.l2cap_connect(pair.to_peripheral, PSM, 512, count)
        assert raised.value.errno == errno.EINVAL


def test_our_end_is_reconfigured(pair):
    central_cid, peripheral_cid = open_channel(pair, central_mtu=256, peripheral_mtu=300)
    with pytest.raises(OSError) as raised:
        pair.peripheral.ble.l2cap_send(pair.to_central, peripheral_cid, bytes(600))
    assert raised.value.errno == errno.EINVAL
    pair.central.ble.l2cap_reconfigure(pair.to_peripheral, central_cid, 600)
    done = pair.at_central(bluetooth.IRQ_L2CAP_RECONFIGURE_DONE)
    assert done == (pair.to_peripheral, central_cid, 600, 0)
    assert not pair.peripheral.has(bluetooth.IRQ_L2CAP_RECONFIGURE_DONE)
    pair.peripheral.ble.l2cap_send(pair.to_central, peripheral_cid, b"x" * 600)
    pair.air.run(1)
    assert received(pair.central, pair.to_peripheral, central_cid) == b"x" * 600


def test_what_cannot_be_reconfigured(pair):
    central_cid, _ = open_channel(pair)
    for cids, mtu in (central_cid, 511), (0x77, 600), ((), 600), ((central_cid, central_cid), 600), ([1] * 6, 600):
        with pytest.raises(OSError) as raised:
            pair.central.ble.l2cap_reconfigure(pair.to_peripheral, cids, mtu)
        assert raised.value.errno == errno.EINVAL
    with pytest.raises(TypeError):
        pair.central.ble.l2cap_reconfigure(pair.to_peripheral, None, 600)
    with pytest.raises(TypeError):
        pair.central.ble.l2cap_reconfigure(pair.to_peripheral, ["x"], 600)
    pair.central.ble.l2cap_reconfigure(pair.to_peripheral, (central_cid,), 600)
    pair.central.ble.gap_disconnect(pair.to_peripheral)
    done = pair.at_central(bluetooth.IRQ_L2CAP_RECONFIGURE_DONE)
    assert done == (pair.to_peripheral, central_cid, 512, 0x100)
