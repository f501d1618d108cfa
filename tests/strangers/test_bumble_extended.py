"""Two strangers on our air, with what only current controllers do: extended and periodic advertising, several PHYs."""

import asyncio

import pytest
from ours import TIMEOUT

bumble_device = pytest.importorskip("bumble.device", reason="bumble is not installed")

from bumble import gatt, hci  # noqa: E402
from bumble.device import (  # noqa: E402
    AdvertisingEventProperties,
    AdvertisingParameters,
    ConnectionParametersPreferences,
    Device,
    Peer,
    PeriodicAdvertisingParameters,
)
from bumble.transport import open_transport  # noqa: E402

ADVERTISER, SCANNER = "F0:F1:F2:F3:F4:F5", "F5:F4:F3:F2:F1:F0"
SERVICE, VALUE = "50DB505C-8AC4-4738-8448-3B1D9CC09CC5", "50DB505D-8AC4-4738-8448-3B1D9CC09CC5"


@pytest.fixture
def place(served_air):
    return f"tcp-client:{served_air}"


def on_air(place, conversation):
    """Runs a conversation of an advertiser and a scanner."""

    async def run():
        async with await open_transport(place) as first, await open_transport(place) as second:
            advertiser = Device.with_hci("advertiser", hci.Address(ADVERTISER), first.source, first.sink)
            scanner = Device.with_hci("scanner", hci.Address(SCANNER), second.source, second.sink)
            value = gatt.Characteristic(
                VALUE, gatt.Characteristic.Properties.READ, gatt.Characteristic.READABLE, b"here"
            )
            advertiser.add_service(gatt.Service(SERVICE, [value]))
            for device in (advertiser, scanner):
                device.config.keystore = None
                await device.power_on()
            await conversation(advertiser, scanner)

    asyncio.run(asyncio.wait_for(run(), 4 * TIMEOUT))


async def first_advertisement(scanner, accepts):
    found = asyncio.get_running_loop().create_future()

    def on_advertisement(advertisement):
        if accepts(advertisement) and not found.done():
            found.set_result(advertisement)

    scanner.on("advertisement", on_advertisement)
    advertisement = await asyncio.wait_for(found, TIMEOUT)
    scanner.remove_listener("advertisement", on_advertisement)
    return advertisement


@pytest.mark.stranger("Bumble", "central and peripheral", "extended advertising, 3 PHYs")
@pytest.mark.parametrize("secondary", [hci.Phy.LE_1M, hci.Phy.LE_2M, hci.Phy.LE_CODED], ids=["1M", "2M", "coded"])
def test_long_data(place, secondary):
    """As much as Bumble puts into one command: more than one report takes."""
    data = bytes([239, 0xFF]) + bytes(range(238))

    async def conversation(advertiser, scanner):
        parameters = AdvertisingParameters(
            AdvertisingEventProperties(is_connectable=False),
            primary_advertising_interval_min=100,
            primary_advertising_interval_max=100,
            primary_advertising_phy=hci.Phy.LE_CODED if secondary == hci.Phy.LE_CODED else hci.Phy.LE_1M,
            secondary_advertising_phy=secondary,
            advertising_sid=6,
        )
        await advertiser.create_advertising_set(parameters, advertising_data=data)
        parts = []

        def whole(part):
            if str(part.address).startswith(ADVERTISER):
                parts.append(part)
            return len(parts) > 1

        await scanner.start_scanning(active=False)
        rest = await first_advertisement(scanner, whole)
        heard = parts[0]
        assert (heard.sid, heard.secondary_phy, heard.is_legacy) == (6, secondary, False)
        assert (heard.is_truncated, rest.is_truncated) == (False, False)
        assert heard.data_bytes + rest.data_bytes == data  # Bumble leaves it to us to join the reports

    on_air(place, conversation)


@pytest.mark.stranger("Bumble", "central and peripheral", "extended connection, 3 PHYs, read")
@pytest.mark.parametrize("phy", [hci.Phy.LE_1M, hci.Phy.LE_2M, hci.Phy.LE_CODED], ids=["1M", "2M", "coded"])
def test_connect(place, phy):
    """A connection that begins by an extended advertisement, on each PHY, and GATT over it."""

    async def conversation(advertiser, scanner):
        parameters = AdvertisingParameters(
            primary_advertising_interval_min=50,
            primary_advertising_interval_max=50,
            primary_advertising_phy=hci.Phy.LE_CODED if phy == hci.Phy.LE_CODED else hci.Phy.LE_1M,
            secondary_advertising_phy=phy,
        )
        await advertiser.create_advertising_set(parameters)
        wish = {each: ConnectionParametersPreferences() for each in (hci.Phy.LE_1M, hci.Phy.LE_2M, hci.Phy.LE_CODED)}
        connection = await scanner.connect(hci.Address(ADVERTISER), connection_parameters_preferences=wish)
        used = await connection.get_phy()
        assert (used.tx_phy, used.rx_phy) == (phy, phy)
        peer = Peer(connection)
        await peer.request_mtu(247)
        (service,) = await peer.discover_service(SERVICE)
        (value,) = await service.discover_characteristics()
        assert await value.read_value() == b"here"
        await connection.disconnect()

    on_air(place, conversation)


@pytest.mark.stranger("Bumble", "central and peripheral", "periodic advertising")
def test_periodic_advertising(place):
    """A train with data of its own is found, followed, changed, and lost."""

    async def conversation(advertiser, scanner):
        parameters = AdvertisingParameters(
            AdvertisingEventProperties(is_connectable=False),
            primary_advertising_interval_min=100,
            primary_advertising_interval_max=100,
            advertising_sid=3,
        )
        train = await advertiser.create_advertising_set(
            parameters,
            periodic_advertising_parameters=PeriodicAdvertisingParameters(100, 100),
            periodic_advertising_data=bytes([4, 0xFF, 1, 2, 3]),
        )
        await train.start_periodic()
        await scanner.start_scanning(active=False)
        sync = await scanner.create_periodic_advertising_sync(hci.Address(ADVERTISER), sid=3, sync_timeout=1.0)
        heard, lost = [], asyncio.Event()
        sync.on(sync.EVENT_PERIODIC_ADVERTISEMENT, heard.append)
        sync.on(sync.EVENT_LOSS, lost.set)
        for _ in range(200):
            if len(heard) >= 3:
                break
            await asyncio.sleep(0.1)
        assert bytes(heard[0].data) == bytes([4, 0xFF, 1, 2, 3])
        assert heard[0].rssi == -50
        await train.stop_periodic()
        await asyncio.wait_for(lost.wait(), TIMEOUT)

    on_air(place, conversation)


@pytest.mark.stranger("Bumble", "central and peripheral", "legacy advertising by extended commands")
def test_legacy_pdus_among_extended_ones(place):
    async def conversation(advertiser, scanner):
        legacy = AdvertisingParameters(
            AdvertisingEventProperties(is_connectable=True, is_scannable=True, is_legacy=True),
            primary_advertising_interval_min=50,
            primary_advertising_interval_max=50,
        )
        await advertiser.create_advertising_set(
            legacy, advertising_data=bytes([2, 1, 6]), scan_response_data=bytes([3, 9, 0x48, 0x69])
        )
        await scanner.start_scanning(active=True)
        heard = await first_advertisement(
            scanner, lambda heard: heard.is_scan_response or b"Hi" in bytes(heard.data_bytes)
        )
        assert heard.is_legacy

    on_air(place, conversation)
