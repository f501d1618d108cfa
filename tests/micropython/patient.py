"""Runs a program of MicroPython's for two devices with patience: patient.py INTERPRETER... -c PROGRAM

The programs give each other some seconds, and between two steps some tenths: too little for a machine that is busy. The
patience is multiplied in what is run; the source stays as it is.
"""

import os
import re
import sys

PATIENCE, PAUSES = 10, 3

program = sys.argv[-1]
program = re.sub(r"^(TIMEOUT_MS = )(\d+)$", lambda found: f"{found[1]}{PATIENCE * int(found[2])}", program, flags=re.M)
program = re.sub(r"\btime\.sleep_ms\((\d+)\)", lambda found: f"time.sleep_ms({PAUSES * int(found[1])})", program)
os.execv(sys.argv[1], [*sys.argv[1:-1], program])
