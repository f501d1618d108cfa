"""Applications of asyncio whose tasks are woken by the handler, as those of aioble are."""

import pytest
from conftest import HERE, finish

PERIPHERAL = ["written b'first'", "confirmed 0", "bonds True"]
CENTRAL = [
    *("mtu 200", "all True", "refused 128", "read b'text'", "came b'pushed'", "came b'second'", "received True"),
    *("refused 5", "paired 1 0 1 16", "read b'secret'", "bonds True"),
]


@pytest.mark.parametrize("sides", ["micropython-micropython", "micropython-cpython", "cpython-micropython"])
def test_tasks(sides, on_micropython, on_cpython):
    known = {"micropython": on_micropython, "cpython": on_cpython}
    roles = ("peripheral", "central")
    processes = [
        known[side].start(HERE / "asyncio_programs.py", role)
        for side, role in zip(sides.split("-"), roles, strict=True)
    ]
    assert [finish(process) for process in processes] == [PERIPHERAL, CENTRAL]
