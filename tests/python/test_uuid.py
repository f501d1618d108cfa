"""class UUID."""

import pickle

import pytest
from bluet import bluetooth
from bluet.bluetooth import UUID

UART = "6e400001-b5a3-f393-e0a9-e50e24dcca9e"
RAW = bytes.fromhex(UART.replace("-", ""))[::-1]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0x180D, "UUID(0x180d)"),
        (0, "UUID(0x0000)"),
        (0xFFFF, "UUID(0xffff)"),
        (b"\x0d\x18", "UUID(0x180d)"),
        (bytearray(b"\x0d\x18"), "UUID(0x180d)"),
        (memoryview(b"\x0d\x18"), "UUID(0x180d)"),
        ("ab", "UUID(0x6261)"),
        (b"\x78\x56\x34\x12", "UUID(0x12345678)"),
        ("abcd", "UUID(0x64636261)"),
        (RAW, f"UUID('{UART}')"),
        ("0123456789abcdef", "UUID('66656463-6261-3938-3736-353433323130')"),
        (UART, f"UUID('{UART}')"),
        (UART.upper(), f"UUID('{UART}')"),
        (UART.replace("-", ""), f"UUID('{UART}')"),
        (UART.encode(), f"UUID('{UART}')"),
        ("-".join(UART.replace("-", "")), f"UUID('{UART}')"),
        ("---" + UART + "---", f"UUID('{UART}')"),
    ],
)
def test_forms(value, shown):
    assert repr(UUID(value)) == shown
    assert UUID(UUID(value)) == UUID(value)


@pytest.mark.parametrize(
    ("value", "error", "message"),
    [
        (-1, ValueError, "invalid UUID"),
        (0x10000, ValueError, "invalid UUID"),
        (1 << 100, ValueError, "invalid UUID"),
        ("", ValueError, "UUID too short"),
        ("a", ValueError, "UUID too short"),
        (UART[:-1], ValueError, "UUID too short"),
        (UART + "0", ValueError, "UUID too long"),
        (UART[:-1] + "g", ValueError, "invalid char in UUID"),
        (" " + UART, ValueError, "invalid char in UUID"),
        ("é" * 3, ValueError, "invalid char in UUID"),
        (None, TypeError, None),
        (1.5, TypeError, None),
        ([0x180D], TypeError, None),
    ],
)
def test_mistakes(value, error, message):
    with pytest.raises(error) as caught:
        UUID(value)
    assert message is None or str(caught.value) == message


def test_arguments():
    for wrong in ((), (1, 2)):
        with pytest.raises(TypeError):
            UUID(*wrong)
    with pytest.raises(TypeError):
        UUID(value=1)


def test_buffer():
    assert bytes(UUID(0x180D)) == b"\x0d\x18"
    assert bytes(UUID(UART)) == RAW
    view = memoryview(UUID(0x180D))
    assert view.readonly
    with pytest.raises(TypeError):
        view[0] = 1


def test_equality_and_hash():
    assert UUID(0x180D) == UUID(b"\x0d\x18")
    assert hash(UUID(0x180D)) == hash(UUID(b"\x0d\x18"))
    assert UUID(0x180D) != UUID("0000180d-0000-1000-8000-00805f9b34fb")
    assert UUID(0x180D) != b"\x0d\x18"
    assert UUID(0x180D) != 0x180D
    assert {UUID(0x180D): 1}[UUID(0x180D)] == 1
    assert len({hash(UUID(number)) for number in range(0x10000)}) == 0x10000


def test_order():
    # By size first, then by the little-endian bytes.
    expected = [UUID(0x0100), UUID(0x0001), UUID(0x0002), UUID(b"\0\0\0\0"), UUID(bytes(16)), UUID(RAW)]
    backwards = expected[::-1]
    assert sorted(backwards) == expected
    small, large = UUID(0x0100), UUID(0x0001)
    assert small < large and small <= large and large > small and large >= small
    assert small <= UUID(0x0100) and small >= UUID(0x0100)
    with pytest.raises(TypeError):
        assert small < 5


def test_is_final_and_unchangeable():
    with pytest.raises(TypeError):
        type("Mine", (UUID,), {})
    with pytest.raises(AttributeError):
        UUID(1).value = 2
    with pytest.raises(TypeError):
        UUID.value = 2


def test_pickle():
    assert pickle.loads(pickle.dumps(UUID(UART))) == UUID(UART)


def test_constants():
    assert bluetooth.FLAG_READ == 2
    assert bluetooth.IRQ_PASSKEY_ACTION == 31
    assert {name for name in bluetooth.__all__ if not name.isupper()} == set()
    assert {"BLE", "UUID", "FLAG_WRITE_AUTHORIZED", "GATTS_ERROR_INSUFFICIENT_ENCRYPTION"} <= set(bluetooth.__all__)
    assert all(hasattr(bluetooth, name) for name in bluetooth.__all__)


def test_top_level_module():
    import bluetooth as top_level

    assert top_level.UUID is UUID
    assert top_level.BLE is bluetooth.BLE
    with pytest.raises(AttributeError, match="PyBluez"):
        top_level.BluetoothSocket  # noqa: B018
    with pytest.raises(AttributeError, match=r"no attribute 'nothing'$"):
        top_level.nothing  # noqa: B018
