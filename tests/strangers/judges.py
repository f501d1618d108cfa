"""tshark and btmon as judges of what was said: no line of them is ours."""

import re
import shutil
import subprocess

# What btmon says of what it cannot make out.
WORDS = re.compile(r"^ *(invalid (\w+ )*size|too short packet)")
# What tshark makes out wrongly: advertising data that come in several reports, each of which it takes for whole; and
# periodic advertising, which it takes for a connection.
MALFORMED = (
    "_ws.malformed && !(bthci_evt.le_meta_subevent in {0x0d, 0x0f})"
    " && !(btle_rf.pdu_type == 0 && btle.access_address != 0x8e89bed6)"
)


def _said(*command):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=60).stdout.splitlines()


def judge(capture, ours_alone=False):
    """What they hold to be wrong in a capture, or in what our host said in it."""
    faults = []
    if shutil.which("tshark"):
        faults += _said("tshark", "-r", capture, "-Y", MALFORMED + " && hci_h4.direction == 0" * ours_alone)
    if shutil.which("btmon") and capture.suffix != ".pcapng" and not ours_alone:
        faults += [line for line in _said("btmon", "-r", capture) if WORDS.search(line)]
    return faults
