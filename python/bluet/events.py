"""What an event handler gets as `data`: a type for each event, to look at, and for `isinstance`.

Each unpacks as MicroPython's documentation says, has its names, and has what the tuple has no room for by name only.
The memoryviews in it are dead when the handler has returned.
"""

from bluet._bluetooth import (
    CentralConnect,
    CentralDisconnect,
    ConnectionUpdate,
    GattcCharacteristicDone,
    GattcCharacteristicResult,
    GattcDescriptorDone,
    GattcDescriptorResult,
    GattcIndicate,
    GattcNotify,
    GattcReadDone,
    GattcReadResult,
    GattcServiceDone,
    GattcServiceResult,
    GattcWriteDone,
    GattsIndicateDone,
    GattsReadRequest,
    GattsWrite,
    MtuExchanged,
    PeripheralConnect,
    PeripheralDisconnect,
    ScanResult,
)

__all__ = [
    "CentralConnect",
    "CentralDisconnect",
    "ConnectionUpdate",
    "GattcCharacteristicDone",
    "GattcCharacteristicResult",
    "GattcDescriptorDone",
    "GattcDescriptorResult",
    "GattcIndicate",
    "GattcNotify",
    "GattcReadDone",
    "GattcReadResult",
    "GattcServiceDone",
    "GattcServiceResult",
    "GattcWriteDone",
    "GattsIndicateDone",
    "GattsReadRequest",
    "GattsWrite",
    "MtuExchanged",
    "PeripheralConnect",
    "PeripheralDisconnect",
    "ScanResult",
]
