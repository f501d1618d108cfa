"""The project's examples, unchanged, on MicroPython: the same output as on CPython, and the same events."""

import re

import pytest
from conftest import HERE, finish

EXAMPLES = HERE.parents[1] / "examples"
PAIRS = (
    ("heart_rate_sensor", "heart_rate_monitor"),
    ("nordic_uart_peripheral", "nordic_uart_central"),
    ("environmental_sensor", "environmental_reader"),
    ("file_sender", "file_receiver"),
    ("beacon", "observer"),
)

SCAN_RESULT, GET_SECRET = 5, 29
WITH_ADDRESS = (1, 2, 7, 8)


def run(interpreters, programs, folder):
    """Runs one program on each interpreter. Returns, for each, what it printed, and the events it had."""
    traces = [folder / f"{program}.events" for program in programs]
    processes = [
        interpreter.start(HERE / "traced.py", trace, EXAMPLES / f"{program}.py")
        for interpreter, program, trace in zip(interpreters, programs, traces, strict=True)
    ]
    outputs = [finish(process) for process in processes]
    return [(output, trace.read_text().splitlines()) for output, trace in zip(outputs, traces, strict=True)]


def settled(lines):
    """Without what chance decides: addresses, signal strength, and what sensors measure."""
    text = "\n".join(lines)
    text = re.sub(r"([0-9A-F]{2}:){5}[0-9A-F]{2}", "ADDRESS", text)
    text = re.sub(r"-?\d+ dBm", "RSSI", text)
    text = re.sub(r"(heart rate|temperature|humidity|pressure) [\d.]+", r"\1 MEASURED", text)
    return text.splitlines()


def settled_events(lines, program):
    """The same of events. How many advertisements are heard is chance; secrets are asked for before there is a handler.

    What is read and notified is compared octet by octet, unless it has been measured.
    """
    measured = program.startswith(("heart", "environmental"))
    kept = []
    for line in lines:
        event, *parts = line.split()
        if int(event) in (GET_SECRET, SCAN_RESULT) and (int(event) == GET_SECRET or kept[-1:] == [(event,)]):
            continue
        if int(event) == SCAN_RESULT:
            parts = []
        elif measured or int(event) in WITH_ADDRESS:
            parts = [str(len(part)) if part.startswith("0x") else part for part in parts]
        kept.append((event, *parts))
    return kept


@pytest.mark.parametrize("programs", PAIRS, ids=lambda programs: programs[0])
def test_same_as_on_cpython(programs, on_micropython, on_cpython, tmp_path):
    expected = run((on_cpython, on_cpython), programs, tmp_path)
    for sides in ((on_micropython, on_micropython), (on_micropython, on_cpython), (on_cpython, on_micropython)):
        for side, program, (lines, events), (wanted_lines, wanted_events) in zip(
            sides, programs, run(sides, programs, tmp_path), expected, strict=True
        ):
            what = f"{program} on {side.name}"
            assert settled(lines) == settled(wanted_lines), what
            assert settled_events(events, program) == settled_events(wanted_events, program), what
