"""The figures to reach, and those of others that were measured the same way: what bench.py and size.py compare with."""

# Instructions at -Os on x86-64. NimBLE and BTstack inside MicroPython's unix port: their net cost.
INSTRUCTIONS = {
    # operation: (what it is, NimBLE, BTstack, to reach)
    "notify_20": ("send one notification, 20 octets", 1196, 851, 500),
    "notify_244": ("send one notification, 244 octets", 1494, 1075, 520),
    "completed_packets": ("completed packets, per packet sent", 361, 1390, 150),
    "receive_20": ("receive one notification, 20 octets", 1154, 764, 400),
    "receive_244": ("receive one notification, 244 octets", 1154, 764, 420),
    "read_request_20": ("serve a Read Request, 20 octets", 2023, 3477, 900),
    "write_request_20": ("serve a Write Request, 20 octets", 2138, 3786, 900),
    "channel_send_240": ("channel, send an SDU of 240 octets", 2070, "-", 900),
    "channel_receive_240": ("channel, receive an SDU of 240 octets", 1551, "-", 700),
    "advertising_report_31": ("advertising report, 31 octets", 588, 1034, 300),
}

# The same operation with more of something: (operation, of what it is a multiple, what there is more of, most).
GROWTH = [
    ("notify_20_attributes_1000", "notify_20", "1000 attributes for 10", 1.3),
    ("read_request_20_attributes_1000", "read_request_20", "1000 attributes for 10", 1.3),
    ("notify_20_connections_32", "notify_20", "32 connections for 1", 1.2),
    ("receive_20_connections_32", "receive_20", "32 connections for 1", 1.2),
]

# Octets on a Cortex-M4, 4 connections, without cryptography: (flash, RAM, RAM for each connection).
SIZES = {
    "NimBLE, with pairing and channels": (52122, 13926, 308),
    "BTstack, with legacy pairing, 1 connection": (46080, 7066, 740),
    "to reach: everything on": (32768, 6144, 300),
    "to reach: peripheral and server, no pairing": (14336, 3072, 300),
}
