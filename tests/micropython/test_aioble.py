"""aioble, the asyncio library of micropython-lib, in its own words: its multitests, and its thermometer.

AIOBLE_DIR names the folder that holds `aioble/`, `multitests/` and `examples/`: micropython/bluetooth/aioble of a
checkout.
"""

import os
import sys
from pathlib import Path

import multitests
import pytest
from conftest import HERE, Interpreter

NAMED = os.environ.get("AIOBLE_DIR")
FOLDER = Path(NAMED).resolve() if NAMED else None
SIDES = [
    ("micropython", "micropython"),
    ("micropython", "cpython"),
    ("cpython", "micropython"),
    ("cpython", "cpython"),
]
# Each with what it needs and has not got.
LEFT_OUT = {
    "ble_bond": "a peripheral that makes bonds without being told to: NimBLE's does not either",
}
# The same for the side that CPython would play.
NOT_ON_CPYTHON = {
    ("ble_shutdown", 1): "memoryviews of str",
}
# Another version may have another set; those that say what they print are run.
PROGRAMS = sorted(path.name.removesuffix(".py.exp") for path in FOLDER.glob("multitests/*.py.exp")) if FOLDER else []

pytestmark = pytest.mark.skipif(not FOLDER, reason="AIOBLE_DIR does not say where aioble is")


def test_there_are_programs():
    assert (FOLDER / "aioble" / "core.py").is_file(), f"AIOBLE_DIR={NAMED} has no aioble"
    assert PROGRAMS


@pytest.fixture
def words(micropython):
    return {"micropython": (micropython,), "cpython": (sys.executable, HERE / "as_micropython.py")}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("sides", SIDES, ids="-".join)
def test_program(program, sides, words, own_air, tmp_path):
    if program in LEFT_OUT:
        pytest.skip(f"needs {LEFT_OUT[program]}")
    for number, side in enumerate(sides):
        if side == "cpython" and (program, number) in NOT_ON_CPYTHON:
            pytest.skip(f"needs {NOT_ON_CPYTHON[program, number]}")
    instances = []
    for number, side in enumerate(sides):
        # In a folder of its own, where it keeps its secrets. The runner has its own idea of MICROPYPATH.
        folder = tmp_path / str(number)
        folder.mkdir()
        paths = f'export MICROPYPATH="{FOLDER}:.frozen" PYTHONPATH="{FOLDER}:$PYTHONPATH"'
        script = tmp_path / f"{number}-{side}"
        instances.append(multitests.instance(script, *words[side], before=f'cd "{folder}"; {paths}'))
    multitests.run(FOLDER / "multitests" / f"{program}.py", *instances)


@pytest.mark.parametrize("sides", SIDES, ids="-".join)
def test_thermometer(sides, words, own_air):
    paths = {"MICROPYPATH": f"{FOLDER}:.frozen", "PYTHONPATH": f"{FOLDER}:{os.environ.get('PYTHONPATH', '')}"}
    processes = [
        Interpreter(side, *words[side]).start(FOLDER / "examples" / f"{name}.py", environment=paths)
        for side, name in zip(sides, ("temp_sensor", "temp_client"), strict=True)
    ]
    sensor, client = processes
    try:
        assert client.stdout.readline().startswith("Connecting to Device(ADDR_PUBLIC, ")
        assert sensor.stdout.readline().startswith("Connection from Device(ADDR_PUBLIC, ")
        for _ in range(3):
            word, degrees = client.stdout.readline().split()
            assert word == "Temperature:" and 20 < float(degrees) < 30
    finally:
        for process in processes:
            process.kill()
            process.communicate()
