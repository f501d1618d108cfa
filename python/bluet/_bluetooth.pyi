"""Types of the extension."""

from collections.abc import Callable, Collection, Iterable, Sequence
from os import PathLike
from typing import Any, Final, TypeAlias, final, overload

from _typeshed import structseq
from typing_extensions import Buffer

__all__ = [
    "ADDR_MODE_NRPA",
    "ADDR_MODE_PUBLIC",
    "ADDR_MODE_RANDOM",
    "ADDR_MODE_RPA",
    "BLE",
    "FLAG_ASK_WRITE",
    "FLAG_AUTHENTICATED_SIGNED_WRITE",
    "FLAG_AUX_WRITE",
    "FLAG_BROADCAST",
    "FLAG_INDICATE",
    "FLAG_NOTIFY",
    "FLAG_READ",
    "FLAG_READ_AUTHENTICATED",
    "FLAG_READ_AUTHORIZED",
    "FLAG_READ_ENCRYPTED",
    "FLAG_RELIABLE_WRITE",
    "FLAG_WRITE",
    "FLAG_WRITE_AUTHENTICATED",
    "FLAG_WRITE_AUTHORIZED",
    "FLAG_WRITE_ENCRYPTED",
    "FLAG_WRITE_NO_RESPONSE",
    "GATTS_ERROR_INSUFFICIENT_AUTHENTICATION",
    "GATTS_ERROR_INSUFFICIENT_AUTHORIZATION",
    "GATTS_ERROR_INSUFFICIENT_ENCRYPTION",
    "GATTS_ERROR_READ_NOT_PERMITTED",
    "GATTS_ERROR_WRITE_NOT_PERMITTED",
    "GATTS_NO_ERROR",
    "IO_CAPABILITY_DISPLAY_ONLY",
    "IO_CAPABILITY_DISPLAY_YESNO",
    "IO_CAPABILITY_KEYBOARD_DISPLAY",
    "IO_CAPABILITY_KEYBOARD_ONLY",
    "IO_CAPABILITY_NO_INPUT_OUTPUT",
    "IRQ_CENTRAL_CONNECT",
    "IRQ_CENTRAL_DISCONNECT",
    "IRQ_CONNECTION_UPDATE",
    "IRQ_ENCRYPTION_UPDATE",
    "IRQ_GATTC_CHARACTERISTIC_DONE",
    "IRQ_GATTC_CHARACTERISTIC_RESULT",
    "IRQ_GATTC_DESCRIPTOR_DONE",
    "IRQ_GATTC_DESCRIPTOR_RESULT",
    "IRQ_GATTC_INDICATE",
    "IRQ_GATTC_NOTIFY",
    "IRQ_GATTC_READ_DONE",
    "IRQ_GATTC_READ_RESULT",
    "IRQ_GATTC_SERVICE_DONE",
    "IRQ_GATTC_SERVICE_RESULT",
    "IRQ_GATTC_WRITE_DONE",
    "IRQ_GATTS_INDICATE_DONE",
    "IRQ_GATTS_READ_REQUEST",
    "IRQ_GATTS_SUBSCRIPTION",
    "IRQ_GATTS_WRITE",
    "IRQ_GATTS_WRITE_REQUEST",
    "IRQ_GET_SECRET",
    "IRQ_L2CAP_ACCEPT",
    "IRQ_L2CAP_CONNECT",
    "IRQ_L2CAP_DISCONNECT",
    "IRQ_L2CAP_RECONFIGURE_DONE",
    "IRQ_L2CAP_RECV",
    "IRQ_L2CAP_SEND_READY",
    "IRQ_MTU_EXCHANGED",
    "IRQ_PASSKEY_ACTION",
    "IRQ_PERIPHERAL_CONNECT",
    "IRQ_PERIPHERAL_DISCONNECT",
    "IRQ_SCAN_DONE",
    "IRQ_SCAN_RESULT",
    "IRQ_SET_SECRET",
    "PASSKEY_ACTION_DISPLAY",
    "PASSKEY_ACTION_INPUT",
    "PASSKEY_ACTION_NONE",
    "PASSKEY_ACTION_NUMERIC_COMPARISON",
    "UUID",
]

_Data: TypeAlias = str | Buffer
_Path: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes]
_Peer: TypeAlias = tuple[int, _Data]
_Descriptor: TypeAlias = Collection[UUID | int]
_Characteristic: TypeAlias = Collection[UUID | int | Collection[_Descriptor]]
_Service: TypeAlias = Collection[UUID | Collection[_Characteristic] | Collection[int] | bool]

@final
class UUID:
    def __new__(cls, value: int | _Data, /) -> UUID: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...
    def __hash__(self) -> int: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def __lt__(self, other: UUID, /) -> bool: ...
    def __le__(self, other: UUID, /) -> bool: ...
    def __gt__(self, other: UUID, /) -> bool: ...
    def __ge__(self, other: UUID, /) -> bool: ...

@final
class BLE:
    def __new__(cls, *, transport: str | None = None, store: _Path | None = None) -> BLE: ...
    def active(self, active: object = ..., /) -> bool: ...
    @overload
    def config(self, param: str, /) -> Any: ...
    @overload
    def config(
        self,
        *,
        addr_mode: int = ...,
        rpa_timeout: int = ...,
        gap_name: _Data = ...,
        gap_name_writable: object = ...,
        appearance: int = ...,
        preferred_parameters: Collection[int] | None = ...,
        subscriptions: object = ...,
        rxbuf: int = ...,
        mtu: int = ...,
        bond: object = ...,
        mitm: object = ...,
        io: int = ...,
        le_secure: object = ...,
        legacy: object = ...,
        secure_only: object = ...,
        key_size: int = ...,
        store: _Path | None = ...,
    ) -> None: ...
    def irq(self, handler: Callable[[int, Any], object] | None, /) -> None: ...
    def capture(self, path: _Path | None, /) -> None: ...
    def gap_advertise(
        self,
        interval_us: int | None = 500000,
        adv_data: _Data | None = None,
        *,
        resp_data: _Data | None = None,
        connectable: object = True,
        peer: _Peer | None = None,
    ) -> None: ...
    def gap_scan(
        self,
        duration_ms: int | None = 0,
        interval_us: int = 1280000,
        window_us: int = 11250,
        active: object = False,
        /,
    ) -> None: ...
    @overload
    def gap_connect(self, addr_type: None, /) -> None: ...
    @overload
    def gap_connect(
        self,
        addr_type: int,
        addr: _Data,
        scan_duration_ms: int | None = 2000,
        min_conn_interval_us: int | None = None,
        max_conn_interval_us: int | None = None,
        /,
    ) -> None: ...
    def gap_disconnect(self, conn_handle: int, /) -> bool: ...
    def gap_pair(self, conn_handle: int, /) -> None: ...
    def gap_passkey(self, conn_handle: int, action: int, passkey: int, /) -> None: ...
    @overload
    def gap_oob(self, /) -> tuple[bytes, bytes]: ...
    @overload
    def gap_oob(self, addr_type: int, addr: _Data, /) -> None: ...
    @overload
    def gap_oob(self, addr_type: int, addr: _Data, temporary_key: _Data, /) -> None: ...
    @overload
    def gap_oob(self, addr_type: int, addr: _Data, confirm: _Data, random: _Data, /) -> None: ...
    def gap_bonds(self) -> list[tuple[int, bytes]]: ...
    def gap_unpair(self, addr_type: int, addr: _Data, /) -> bool: ...
    def gap_disconnect_reason(self, conn_handle: int, /) -> int | None: ...
    def gap_update(
        self,
        conn_handle: int,
        min_conn_interval_us: int | None = None,
        max_conn_interval_us: int | None = None,
        latency: int | None = None,
        supervision_timeout_ms: int | None = None,
    ) -> None: ...
    @overload
    def gap_phy(self, conn_handle: int, /) -> tuple[int, int]: ...
    @overload
    def gap_phy(self, conn_handle: int, tx: int, rx: int = ..., /) -> None: ...
    @overload
    def gap_data_length(self, conn_handle: int, /) -> int: ...
    @overload
    def gap_data_length(self, conn_handle: int, octets: int, /) -> None: ...
    def gap_rssi(self, conn_handle: int, /) -> int | None: ...
    def gap_accept_list(
        self,
        peers: Iterable[_Peer],
        *,
        scan: object = False,
        scan_requests: object = False,
        connect_requests: object = False,
    ) -> None: ...
    def gap_connect_listed(
        self,
        scan_duration_ms: int | None = 2000,
        min_conn_interval_us: int | None = None,
        max_conn_interval_us: int | None = None,
        /,
    ) -> None: ...
    def gatts_register_services(self, services_definition: Collection[_Service], /) -> tuple[tuple[int, ...], ...]: ...
    def gatts_read(self, value_handle: int, /) -> bytes: ...
    def gatts_write(self, value_handle: int, data: _Data, send_update: object = False, /) -> int: ...
    def gatts_notify(self, conn_handle: int, value_handle: int, data: _Data | None = None, /) -> None: ...
    def gatts_indicate(self, conn_handle: int, value_handle: int, data: _Data | None = None, /) -> None: ...
    def gatts_notify_multiple(self, conn_handle: int, value_handles: Collection[int], /) -> int: ...
    def gatts_subscription(self, conn_handle: int | None, value_handle: int, /) -> int: ...
    def gatts_set_buffer(self, value_handle: int, len: int, append: object = False, /) -> None: ...
    def gattc_discover_services(self, conn_handle: int, uuid: UUID | None = None, /) -> None: ...
    def gattc_discover_included_services(self, conn_handle: int, start_handle: int, end_handle: int, /) -> None: ...
    def gattc_discover_characteristics(
        self, conn_handle: int, start_handle: int, end_handle: int, uuid: UUID | None = None, /
    ) -> None: ...
    def gattc_discover_descriptors(self, conn_handle: int, start_handle: int, end_handle: int, /) -> None: ...
    def gattc_read(self, conn_handle: int, value_handle: int, offset: int = 0, /) -> None: ...
    def gattc_read_long(self, conn_handle: int, value_handle: int, /) -> None: ...
    def gattc_read_by_uuid(self, conn_handle: int, start_handle: int, end_handle: int, uuid: UUID, /) -> None: ...
    def gattc_read_multiple(
        self, conn_handle: int, value_handles: Collection[int], variable: object = True, /
    ) -> None: ...
    def gattc_write_reliable(self, conn_handle: int, values: Collection[Collection[int | _Data]], /) -> None: ...
    def gattc_write(self, conn_handle: int, value_handle: int, data: _Data, mode: int = 0, /) -> None: ...
    def gattc_exchange_mtu(self, conn_handle: int, /) -> None: ...
    def l2cap_listen(self, psm: int, mtu: int | None, /) -> None: ...
    def l2cap_connect(self, conn_handle: int, psm: int, mtu: int, count: int = 1, /) -> None: ...
    def l2cap_reconfigure(self, conn_handle: int, cid: int | Sequence[int], mtu: int, /) -> None: ...
    def l2cap_disconnect(self, conn_handle: int, cid: int, /) -> None: ...
    def l2cap_send(self, conn_handle: int, cid: int, buf: _Data, /) -> bool: ...
    def l2cap_recvinto(self, conn_handle: int, cid: int, buf: Buffer | None, /) -> int: ...
    def hci_cmd(self, ogf: int, ocf: int, request: Buffer, response: Buffer, /) -> int | None: ...

@final
class VirtualAir:
    def __new__(cls, seed: int = 0, loss: float = 0.0) -> VirtualAir: ...
    def ble(self, store: _Path | None = None, /) -> BLE: ...
    def now(self) -> int: ...
    def run(self, until: int, stop_at_event: object = False, /) -> None: ...
    def set_loss(self, loss: float, /) -> None: ...
    def capture(self, path: str | PathLike[str], /) -> None: ...
    def control(self, line: str, /) -> str: ...
    def close(self) -> None: ...

def explain(space: str, code: int, /) -> tuple[str, str, str, str] | None: ...

@final
class CentralConnect(structseq[Any], tuple[int, int, memoryview]):
    __match_args__: Final = ("conn_handle", "addr_type", "addr")
    @property
    def conn_handle(self) -> int: ...
    @property
    def addr_type(self) -> int: ...
    @property
    def addr(self) -> memoryview: ...

@final
class CentralDisconnect(structseq[Any], tuple[int, int, memoryview]):
    __match_args__: Final = ("conn_handle", "addr_type", "addr")
    @property
    def conn_handle(self) -> int: ...
    @property
    def addr_type(self) -> int: ...
    @property
    def addr(self) -> memoryview: ...
    @property
    def reason(self) -> int: ...

@final
class ConnectionUpdate(structseq[Any], tuple[int, int, int, int, int]):
    __match_args__: Final = ("conn_handle", "conn_interval", "conn_latency", "supervision_timeout", "status")
    @property
    def conn_handle(self) -> int: ...
    @property
    def conn_interval(self) -> int: ...
    @property
    def conn_latency(self) -> int: ...
    @property
    def supervision_timeout(self) -> int: ...
    @property
    def status(self) -> int: ...

@final
class EncryptionUpdate(structseq[Any], tuple[int, int, int, int, int]):
    __match_args__: Final = ("conn_handle", "encrypted", "authenticated", "bonded", "key_size")
    @property
    def conn_handle(self) -> int: ...
    @property
    def encrypted(self) -> int: ...
    @property
    def authenticated(self) -> int: ...
    @property
    def bonded(self) -> int: ...
    @property
    def key_size(self) -> int: ...
    @property
    def reason(self) -> int: ...

@final
class GattcCharacteristicDone(structseq[Any], tuple[int, int]):
    __match_args__: Final = ("conn_handle", "status")
    @property
    def conn_handle(self) -> int: ...
    @property
    def status(self) -> int: ...

@final
class GattcCharacteristicResult(structseq[Any], tuple[int, int, int, int, UUID]):
    __match_args__: Final = ("conn_handle", "end_handle", "value_handle", "properties", "uuid")
    @property
    def conn_handle(self) -> int: ...
    @property
    def end_handle(self) -> int: ...
    @property
    def value_handle(self) -> int: ...
    @property
    def properties(self) -> int: ...
    @property
    def uuid(self) -> UUID: ...
    @property
    def def_handle(self) -> int: ...

@final
class GattcDescriptorDone(structseq[Any], tuple[int, int]):
    __match_args__: Final = ("conn_handle", "status")
    @property
    def conn_handle(self) -> int: ...
    @property
    def status(self) -> int: ...

@final
class GattcDescriptorResult(structseq[Any], tuple[int, int, UUID]):
    __match_args__: Final = ("conn_handle", "dsc_handle", "uuid")
    @property
    def conn_handle(self) -> int: ...
    @property
    def dsc_handle(self) -> int: ...
    @property
    def uuid(self) -> UUID: ...

@final
class GattcIndicate(structseq[Any], tuple[int, int, memoryview]):
    __match_args__: Final = ("conn_handle", "value_handle", "notify_data")
    @property
    def conn_handle(self) -> int: ...
    @property
    def value_handle(self) -> int: ...
    @property
    def notify_data(self) -> memoryview: ...

@final
class GattcNotify(structseq[Any], tuple[int, int, memoryview]):
    __match_args__: Final = ("conn_handle", "value_handle", "notify_data")
    @property
    def conn_handle(self) -> int: ...
    @property
    def value_handle(self) -> int: ...
    @property
    def notify_data(self) -> memoryview: ...

@final
class GattcReadDone(structseq[Any], tuple[int, int, int]):
    __match_args__: Final = ("conn_handle", "value_handle", "status")
    @property
    def conn_handle(self) -> int: ...
    @property
    def value_handle(self) -> int: ...
    @property
    def status(self) -> int: ...

@final
class GattcReadResult(structseq[Any], tuple[int, int, memoryview]):
    __match_args__: Final = ("conn_handle", "value_handle", "char_data")
    @property
    def conn_handle(self) -> int: ...
    @property
    def value_handle(self) -> int: ...
    @property
    def char_data(self) -> memoryview: ...
    @property
    def offset(self) -> int: ...

@final
class GattcServiceDone(structseq[Any], tuple[int, int]):
    __match_args__: Final = ("conn_handle", "status")
    @property
    def conn_handle(self) -> int: ...
    @property
    def status(self) -> int: ...

@final
class GattcServiceResult(structseq[Any], tuple[int, int, int, UUID]):
    __match_args__: Final = ("conn_handle", "start_handle", "end_handle", "uuid")
    @property
    def conn_handle(self) -> int: ...
    @property
    def start_handle(self) -> int: ...
    @property
    def end_handle(self) -> int: ...
    @property
    def uuid(self) -> UUID: ...
    @property
    def def_handle(self) -> int: ...

@final
class GattcWriteDone(structseq[Any], tuple[int, int, int]):
    __match_args__: Final = ("conn_handle", "value_handle", "status")
    @property
    def conn_handle(self) -> int: ...
    @property
    def value_handle(self) -> int: ...
    @property
    def status(self) -> int: ...

@final
class GattsIndicateDone(structseq[Any], tuple[int, int, int]):
    __match_args__: Final = ("conn_handle", "value_handle", "status")
    @property
    def conn_handle(self) -> int: ...
    @property
    def value_handle(self) -> int: ...
    @property
    def status(self) -> int: ...

@final
class GattsReadRequest(structseq[Any], tuple[int, int]):
    __match_args__: Final = ("conn_handle", "attr_handle")
    @property
    def conn_handle(self) -> int: ...
    @property
    def attr_handle(self) -> int: ...

@final
class GattsSubscription(structseq[Any], tuple[int, int, int]):
    __match_args__: Final = ("conn_handle", "value_handle", "subscribed")
    @property
    def conn_handle(self) -> int: ...
    @property
    def value_handle(self) -> int: ...
    @property
    def subscribed(self) -> int: ...

@final
class GattsWrite(structseq[Any], tuple[int, int]):
    __match_args__: Final = ("conn_handle", "attr_handle")
    @property
    def conn_handle(self) -> int: ...
    @property
    def attr_handle(self) -> int: ...

@final
class GetSecret(structseq[Any], tuple[int, int, memoryview | None]):
    __match_args__: Final = ("sec_type", "index", "key")
    @property
    def sec_type(self) -> int: ...
    @property
    def index(self) -> int: ...  # type: ignore[override]
    @property
    def key(self) -> memoryview | None: ...

@final
class GattsWriteRequest(structseq[Any], tuple[int, int, int, memoryview]):
    __match_args__: Final = ("conn_handle", "attr_handle", "offset", "data")
    @property
    def conn_handle(self) -> int: ...
    @property
    def attr_handle(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def data(self) -> memoryview: ...

@final
class L2capAccept(structseq[Any], tuple[int, int, int, int, int]):
    __match_args__: Final = ("conn_handle", "cid", "psm", "our_mtu", "peer_mtu")
    @property
    def conn_handle(self) -> int: ...
    @property
    def cid(self) -> int: ...
    @property
    def psm(self) -> int: ...
    @property
    def our_mtu(self) -> int: ...
    @property
    def peer_mtu(self) -> int: ...

@final
class L2capConnect(structseq[Any], tuple[int, int, int, int, int]):
    __match_args__: Final = ("conn_handle", "cid", "psm", "our_mtu", "peer_mtu")
    @property
    def conn_handle(self) -> int: ...
    @property
    def cid(self) -> int: ...
    @property
    def psm(self) -> int: ...
    @property
    def our_mtu(self) -> int: ...
    @property
    def peer_mtu(self) -> int: ...

@final
class L2capDisconnect(structseq[Any], tuple[int, int, int, int]):
    __match_args__: Final = ("conn_handle", "cid", "psm", "status")
    @property
    def conn_handle(self) -> int: ...
    @property
    def cid(self) -> int: ...
    @property
    def psm(self) -> int: ...
    @property
    def status(self) -> int: ...

@final
class L2capReconfigureDone(structseq[Any], tuple[int, int, int, int]):
    __match_args__: Final = ("conn_handle", "cid", "our_mtu", "status")
    @property
    def conn_handle(self) -> int: ...
    @property
    def cid(self) -> int: ...
    @property
    def our_mtu(self) -> int: ...
    @property
    def status(self) -> int: ...

@final
class L2capRecv(structseq[Any], tuple[int, int]):
    __match_args__: Final = ("conn_handle", "cid")
    @property
    def conn_handle(self) -> int: ...
    @property
    def cid(self) -> int: ...

@final
class L2capSendReady(structseq[Any], tuple[int, int, int]):
    __match_args__: Final = ("conn_handle", "cid", "status")
    @property
    def conn_handle(self) -> int: ...
    @property
    def cid(self) -> int: ...
    @property
    def status(self) -> int: ...

@final
class MtuExchanged(structseq[Any], tuple[int, int]):
    __match_args__: Final = ("conn_handle", "mtu")
    @property
    def conn_handle(self) -> int: ...
    @property
    def mtu(self) -> int: ...

@final
class PasskeyAction(structseq[Any], tuple[int, int, int]):
    __match_args__: Final = ("conn_handle", "action", "passkey")
    @property
    def conn_handle(self) -> int: ...
    @property
    def action(self) -> int: ...
    @property
    def passkey(self) -> int: ...

@final
class PeripheralConnect(structseq[Any], tuple[int, int, memoryview]):
    __match_args__: Final = ("conn_handle", "addr_type", "addr")
    @property
    def conn_handle(self) -> int: ...
    @property
    def addr_type(self) -> int: ...
    @property
    def addr(self) -> memoryview: ...

@final
class PeripheralDisconnect(structseq[Any], tuple[int, int, memoryview]):
    __match_args__: Final = ("conn_handle", "addr_type", "addr")
    @property
    def conn_handle(self) -> int: ...
    @property
    def addr_type(self) -> int: ...
    @property
    def addr(self) -> memoryview: ...
    @property
    def reason(self) -> int: ...

@final
class ScanResult(structseq[Any], tuple[int, memoryview, int, int, memoryview]):
    __match_args__: Final = ("addr_type", "addr", "adv_type", "rssi", "adv_data")
    @property
    def addr_type(self) -> int: ...
    @property
    def addr(self) -> memoryview: ...
    @property
    def adv_type(self) -> int: ...
    @property
    def rssi(self) -> int: ...
    @property
    def adv_data(self) -> memoryview: ...
    @property
    def primary_phy(self) -> int: ...
    @property
    def secondary_phy(self) -> int: ...

@final
class SetSecret(structseq[Any], tuple[int, memoryview, memoryview | None]):
    __match_args__: Final = ("sec_type", "key", "value")
    @property
    def sec_type(self) -> int: ...
    @property
    def key(self) -> memoryview: ...
    @property
    def value(self) -> memoryview | None: ...

IRQ_CENTRAL_CONNECT: Final = 1
IRQ_CENTRAL_DISCONNECT: Final = 2
IRQ_GATTS_WRITE: Final = 3
IRQ_GATTS_READ_REQUEST: Final = 4
IRQ_SCAN_RESULT: Final = 5
IRQ_SCAN_DONE: Final = 6
IRQ_PERIPHERAL_CONNECT: Final = 7
IRQ_PERIPHERAL_DISCONNECT: Final = 8
IRQ_GATTC_SERVICE_RESULT: Final = 9
IRQ_GATTC_SERVICE_DONE: Final = 10
IRQ_GATTC_CHARACTERISTIC_RESULT: Final = 11
IRQ_GATTC_CHARACTERISTIC_DONE: Final = 12
IRQ_GATTC_DESCRIPTOR_RESULT: Final = 13
IRQ_GATTC_DESCRIPTOR_DONE: Final = 14
IRQ_GATTC_READ_RESULT: Final = 15
IRQ_GATTC_READ_DONE: Final = 16
IRQ_GATTC_WRITE_DONE: Final = 17
IRQ_GATTC_NOTIFY: Final = 18
IRQ_GATTC_INDICATE: Final = 19
IRQ_GATTS_INDICATE_DONE: Final = 20
IRQ_MTU_EXCHANGED: Final = 21
IRQ_L2CAP_ACCEPT: Final = 22
IRQ_L2CAP_CONNECT: Final = 23
IRQ_L2CAP_DISCONNECT: Final = 24
IRQ_L2CAP_RECV: Final = 25
IRQ_L2CAP_SEND_READY: Final = 26
IRQ_CONNECTION_UPDATE: Final = 27
IRQ_ENCRYPTION_UPDATE: Final = 28
IRQ_GET_SECRET: Final = 29
IRQ_SET_SECRET: Final = 30
IRQ_PASSKEY_ACTION: Final = 31
IRQ_GATTS_WRITE_REQUEST: Final = 32
IRQ_GATTS_SUBSCRIPTION: Final = 33
IRQ_L2CAP_RECONFIGURE_DONE: Final = 34
FLAG_BROADCAST: Final = 0x0001
FLAG_READ: Final = 0x0002
FLAG_WRITE_NO_RESPONSE: Final = 0x0004
FLAG_WRITE: Final = 0x0008
FLAG_NOTIFY: Final = 0x0010
FLAG_INDICATE: Final = 0x0020
FLAG_AUTHENTICATED_SIGNED_WRITE: Final = 0x0040
FLAG_AUX_WRITE: Final = 0x0100
FLAG_READ_ENCRYPTED: Final = 0x0200
FLAG_READ_AUTHENTICATED: Final = 0x0400
FLAG_READ_AUTHORIZED: Final = 0x0800
FLAG_WRITE_ENCRYPTED: Final = 0x1000
FLAG_WRITE_AUTHENTICATED: Final = 0x2000
FLAG_WRITE_AUTHORIZED: Final = 0x4000
FLAG_RELIABLE_WRITE: Final = 0x0080
FLAG_ASK_WRITE: Final = 0x8000
ADDR_MODE_PUBLIC: Final = 0
ADDR_MODE_RANDOM: Final = 1
ADDR_MODE_RPA: Final = 2
ADDR_MODE_NRPA: Final = 3
IO_CAPABILITY_DISPLAY_ONLY: Final = 0
IO_CAPABILITY_DISPLAY_YESNO: Final = 1
IO_CAPABILITY_KEYBOARD_ONLY: Final = 2
IO_CAPABILITY_NO_INPUT_OUTPUT: Final = 3
IO_CAPABILITY_KEYBOARD_DISPLAY: Final = 4
GATTS_NO_ERROR: Final = 0x00
GATTS_ERROR_READ_NOT_PERMITTED: Final = 0x02
GATTS_ERROR_WRITE_NOT_PERMITTED: Final = 0x03
GATTS_ERROR_INSUFFICIENT_AUTHENTICATION: Final = 0x05
GATTS_ERROR_INSUFFICIENT_AUTHORIZATION: Final = 0x08
GATTS_ERROR_INSUFFICIENT_ENCRYPTION: Final = 0x0F
PASSKEY_ACTION_NONE: Final = 0
PASSKEY_ACTION_INPUT: Final = 2
PASSKEY_ACTION_DISPLAY: Final = 3
PASSKEY_ACTION_NUMERIC_COMPARISON: Final = 4
