"""Writes the tables of assigned numbers as a C file: python cli/numbers.py OUT.c

Names of services, characteristics, descriptors and companies come from the package bluetooth-numbers (PyPI).
Appearances it does not carry; they are few, change little, and stand here (Assigned Numbers, 2.6).
"""

import sys
from pathlib import Path
from uuid import UUID

try:
    import bluetooth_numbers
except ImportError:
    sys.exit(
        f"cli/numbers.py: {sys.executable} lacks the package bluetooth-numbers, from which assigned numbers get their"
        " names: python3 -m pip install bluetooth-numbers (./do build does it by itself)"
    )

APPEARANCES = {
    0x000: ("Unknown",),
    0x001: ("Phone",),
    0x002: (
        "Computer",
        "Desktop Workstation",
        "Server-class Computer",
        "Laptop",
        "Handheld PC/PDA",
        "Palm-size PC/PDA",
        "Wearable Computer",
        "Tablet",
        "Docking Station",
        "All in One",
        "Blade Server",
        "Convertible",
        "Detachable",
        "IoT Gateway",
        "Mini PC",
        "Stick PC",
    ),
    0x003: ("Watch", "Sports Watch", "Smartwatch"),
    0x004: ("Clock",),
    0x005: ("Display",),
    0x006: ("Remote Control",),
    0x007: ("Eye-glasses",),
    0x008: ("Tag",),
    0x009: ("Keyring",),
    0x00A: ("Media Player",),
    0x00B: ("Barcode Scanner",),
    0x00C: ("Thermometer", "Ear Thermometer"),
    0x00D: ("Heart Rate Sensor", "Heart Rate Belt"),
    0x00E: ("Blood Pressure", "Arm Blood Pressure", "Wrist Blood Pressure"),
    0x00F: (
        "Human Interface Device",
        "Keyboard",
        "Mouse",
        "Joystick",
        "Gamepad",
        "Digitizer Tablet",
        "Card Reader",
        "Digital Pen",
        "Barcode Scanner",
        "Touchpad",
        "Presentation Remote",
    ),
    0x010: ("Glucose Meter",),
    0x011: (
        "Running Walking Sensor",
        "In-Shoe Running Walking Sensor",
        "On-Shoe Running Walking Sensor",
        "On-Hip Running Walking Sensor",
    ),
    0x012: (
        "Cycling",
        "Cycling Computer",
        "Speed Sensor",
        "Cadence Sensor",
        "Power Sensor",
        "Speed and Cadence Sensor",
    ),
    0x013: (
        "Control Device",
        "Switch",
        "Multi-switch",
        "Button",
        "Slider",
        "Rotary Switch",
        "Touch Panel",
        "Single Switch",
        "Double Switch",
        "Triple Switch",
        "Battery Switch",
        "Energy Harvesting Switch",
        "Push Button",
        "Dial",
    ),
    0x014: ("Network Device", "Access Point", "Mesh Device", "Mesh Network Proxy"),
    0x015: (
        "Sensor",
        "Motion Sensor",
        "Air quality Sensor",
        "Temperature Sensor",
        "Humidity Sensor",
        "Leak Sensor",
        "Smoke Sensor",
        "Occupancy Sensor",
        "Contact Sensor",
        "Carbon Monoxide Sensor",
        "Carbon Dioxide Sensor",
        "Ambient Light Sensor",
        "Energy Sensor",
        "Color Light Sensor",
        "Rain Sensor",
        "Fire Sensor",
        "Wind Sensor",
        "Proximity Sensor",
        "Multi-Sensor",
    ),
    0x016: (
        "Light Fixtures",
        "Wall Light",
        "Ceiling Light",
        "Floor Light",
        "Cabinet Light",
        "Desk Light",
        "Troffer Light",
        "Pendant Light",
        "In-ground Light",
        "Flood Light",
        "Underwater Light",
        "Bollard with Light",
        "Pathway Light",
        "Garden Light",
        "Pole-top Light",
        "Spotlight",
        "Linear Light",
        "Street Light",
        "Shelves Light",
        "Bay Light",
        "Emergency Exit Light",
    ),
    0x017: ("Fan", "Ceiling Fan", "Axial Fan", "Exhaust Fan", "Pedestal Fan", "Desk Fan", "Wall Fan"),
    0x018: ("HVAC", "Thermostat", "Humidifier", "De-humidifier", "Heater", "Radiator", "Boiler", "Heat Pump"),
    0x019: ("Air Conditioning",),
    0x01A: ("Humidifier",),
    0x01B: (
        "Heating",
        "Radiator",
        "Boiler",
        "Heat Pump",
        "Infrared Heater",
        "Radiant Panel Heater",
        "Fan Heater",
        "Air Curtain",
    ),
    0x01C: (
        "Access Control",
        "Access Door",
        "Garage Door",
        "Emergency Exit Door",
        "Access Lock",
        "Elevator",
        "Window",
        "Entrance Gate",
        "Door Lock",
        "Locker",
    ),
    0x01D: ("Motorized Device", "Motorized Gate", "Awning", "Blinds or Shades", "Curtains", "Screen"),
    0x01E: (
        "Power Device",
        "Power Outlet",
        "Power Strip",
        "Plug",
        "Power Supply",
        "LED Driver",
        "Fluorescent Lamp Gear",
        "HID Lamp Gear",
        "Charge Case",
        "Power Bank",
    ),
    0x01F: (
        "Light Source",
        "Incandescent Light Bulb",
        "LED Lamp",
        "HID Lamp",
        "Fluorescent Lamp",
        "LED Array",
        "Multi-Color LED Array",
        "Low voltage halogen",
        "Organic light emitting diode (OLED)",
    ),
    0x020: ("Window Covering", "Window Shades", "Window Blinds", "Window Awning", "Window Curtain"),
    0x021: (
        "Audio Sink",
        "Standalone Speaker",
        "Soundbar",
        "Bookshelf Speaker",
        "Standmounted Speaker",
        "Speakerphone",
    ),
    0x022: ("Audio Source", "Microphone", "Alarm", "Bell", "Horn", "Broadcasting Device", "Service Desk", "Kiosk"),
    0x023: ("Motorized Vehicle", "Car", "Large Goods Vehicle", "2-Wheeled Vehicle", "Motorbike", "Scooter", "Moped"),
    0x024: (
        "Domestic Appliance",
        "Refrigerator",
        "Freezer",
        "Oven",
        "Microwave",
        "Toaster",
        "Washing Machine",
        "Dryer",
    ),
    0x025: ("Wearable Audio Device", "Earbud", "Headset", "Headphones", "Neck Band", "Left Earbud", "Right Earbud"),
    0x026: ("Aircraft", "Light Aircraft", "Microlight", "Paraglider", "Large Passenger Aircraft"),
    0x027: ("AV Equipment", "Amplifier", "Receiver", "Radio", "Tuner", "Turntable", "CD Player", "DVD Player"),
    0x028: ("Display Equipment", "Television", "Monitor", "Projector"),
    0x029: ("Hearing aid", "In-ear hearing aid", "Behind-ear hearing aid", "Cochlear Implant"),
    0x02A: ("Gaming", "Home Video Game Console", "Portable handheld console"),
    0x02B: ("Signage", "Digital Signage", "Electronic Label"),
    0x031: ("Pulse Oximeter", "Fingertip Pulse Oximeter", "Wrist Worn Pulse Oximeter"),
    0x032: ("Weight Scale",),
    0x033: ("Personal Mobility Device", "Powered Wheelchair", "Mobility Scooter"),
    0x034: ("Continuous Glucose Monitor",),
    0x035: (
        "Insulin Pump",
        "Insulin Pump, durable pump",
        None,
        None,
        "Insulin Pump, patch pump",
        None,
        None,
        None,
        "Insulin Pen",
    ),
    0x036: ("Medication Delivery",),
    0x037: ("Spirometer", "Handheld Spirometer"),
    0x051: (
        "Outdoor Sports Activity",
        "Location Display",
        "Location and Navigation Display",
        "Location Pod",
        "Location and Navigation Pod",
    ),
    0x052: ("Industrial Measurement Device",),
    0x053: ("Industrial Tools",),
    0x054: ("Cookware Device",),
}


def repaired_name(name: str) -> str:
    """A few names in the package are UTF-8 that was once taken for Windows-1252."""
    try:
        return name.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return name


def repaired_number(number: int) -> int:
    """The package lists UUIDs of members such as 65279 (0xFEFF) as 0x65279: decimal digits that were read as hex."""
    return int(f"{number:x}") if number > 0xFFFF else number


def appearances() -> dict[int, str]:
    return {
        category << 6 | kind: name
        for category, names in APPEARANCES.items()
        for kind, name in enumerate(names)
        if name is not None
    }


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def table(name: str, numbers: dict) -> str:
    short = {repaired_number(key): text for key, text in numbers.items() if isinstance(key, int)}
    short |= {key: text for key, text in numbers.items() if isinstance(key, int) and key <= 0xFFFF}
    long = {key.bytes[::-1]: repaired_name(text) for key, text in numbers.items() if isinstance(key, UUID)}
    lines = []
    if short:
        lines.append(f"static const struct number {name}_short[] = {{")
        lines += [f"    {{0x{value:04x}, {quoted(repaired_name(text))}}}," for value, text in sorted(short.items())]
        lines.append("};\n")
    if long:
        lines.append(f"static const struct long_number {name}_long[] = {{")
        for octets, text in sorted(long.items()):
            lines.append("    {{" + ", ".join(f"0x{octet:02x}" for octet in octets) + f"}}, {quoted(text)}}},")
        lines.append("};\n")
    lines.append(f"const struct numbers numbers_{name} = {{")
    lines.append(f"    {f'{name}_short' if short else 'NULL'}, {len(short)},")
    lines.append(f"    {f'{name}_long' if long else 'NULL'}, {len(long)},")
    lines.append("};\n")
    return "\n".join(lines)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: numbers.py OUT.c")
    tables = {
        "services": bluetooth_numbers.service,
        "characteristics": bluetooth_numbers.characteristic,
        "descriptors": bluetooth_numbers.descriptor,
        "companies": bluetooth_numbers.company,
        "appearances": appearances(),
    }
    text = "/* Assigned numbers, made by cli/numbers.py from the package bluetooth-numbers (MIT licence). */\n"
    text += '#include "numbers.h"\n\n'
    text += "\n".join(table(name, numbers) for name, numbers in tables.items())
    Path(sys.argv[1]).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
