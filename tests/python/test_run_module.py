"""python -m bluet.run: programs for MicroPython, and the names that they find."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest
from radios import python


@pytest.fixture
def run(tmp_path, own_air):
    """Runs a program to its end; gives its output, its errors, and its exit code."""

    def run_program(text, *arguments, options=(), **settings):
        program = tmp_path / "app.py"
        program.write_text(textwrap.dedent(text))
        process = python("-m", "bluet.run", *options, program, *arguments, **settings)
        output, errors = process.communicate(timeout=60)
        return output, errors, process.returncode

    return run_program


def output_of(result):
    output, errors, code = result
    assert (errors, code) == ("", 0)
    return output


def test_main_module(run, tmp_path):
    (tmp_path / "beside.py").write_text("name = __name__\n")
    program = """
        import sys, beside
        print(__name__, __file__ == sys.argv[0], sys.argv[1:], beside.name, sys.modules["__main__"].sys is sys)
        print(sys.implementation.name)
    """
    assert output_of(run(program, "a", "--b")) == "__main__ True ['a', '--b'] beside True\ncpython\n"


def test_names_of_modules(run):
    program = """
        import uarray, uasyncio, ubinascii, ubluetooth, ucollections, uerrno, uhashlib, uheapq, uio, ujson, umachine
        import uos, uplatform, urandom, ure, uselect, usocket, ussl, ustruct, usys, utime, uzlib
        import asyncio, binascii, bluetooth, bluet.bluetooth, struct, machine, time
        assert ubluetooth is bluetooth is bluet.bluetooth and umachine is machine
        assert (uasyncio, ubinascii, ustruct, utime) == (asyncio, binascii, struct, time)
        assert ustruct.__name__ == "struct" and ustruct.__spec__.name == "struct"
        from ucollections import namedtuple, OrderedDict, deque
        assert list(deque((1, 2, 3), 2)) == [2, 3]
        full = deque((1, 2), 2, 1)
        for add in (full.append, full.appendleft):
            try:
                add(3)
            except IndexError:
                full.popleft()
                add(3)
        assert list(full) == [3, 3]
        import sys, gc
        gc.collect(); gc.mem_free(); gc.mem_alloc()
        try:
            1 / 0
        except ZeroDivisionError as error:
            sys.print_exception(error)
    """
    output = output_of(run(program))
    assert output.startswith("Traceback") and "ZeroDivisionError" in output


def test_own_module_comes_before_an_older_name(run, tmp_path):
    (tmp_path / "uheapq.py").write_text("mine = True\n")
    assert output_of(run("import uheapq; print(uheapq.mine)")) == "True\n"


def test_other_programs_do_not_see_them(own_air):
    program = "import bluet, time\ntry:\n    import machine\nexcept ImportError:\n    print(hasattr(time, 'ticks_ms'))"
    assert python("-c", program).communicate(timeout=60) == ("False\n", "")


def test_ticks(run):
    program = """
        import time
        start = time.ticks_ms()
        time.sleep_ms(50)
        time.sleep_us(50)
        assert 45 < time.ticks_diff(time.ticks_ms(), start) < 5000
        assert time.ticks_diff(time.ticks_add(start, 100), start) == 100
        assert time.ticks_diff(time.ticks_add(start, -100), start) == -100
        largest = time.ticks_add(0, -1)
        assert largest == 2**30 - 1 and time.ticks_diff(5, largest) == 6 and time.ticks_diff(largest, 5) == -6
        assert 0 <= time.ticks_us() <= largest and 0 <= time.ticks_cpu() <= largest
        try:
            time.ticks_add(0, 2**29)
        except OverflowError:
            print("overflow")
    """
    assert output_of(run(program)) == "overflow\n"


def test_micropython(run):
    program = """
        import micropython, time, threading
        from micropython import const
        _NAME = const(5)
        @micropython.native
        def double(x): return 2 * x
        @micropython.viper
        def triple(x: int) -> int: return 3 * x
        micropython.opt_level(micropython.opt_level())
        micropython.alloc_emergency_exception_buf(100)
        done = []
        def scheduled(argument):
            done.append((argument, threading.current_thread() is threading.main_thread()))
            if argument == 1:
                micropython.schedule(scheduled, "inner")
                done.append("not nested")
        micropython.schedule(scheduled, 1)
        micropython.schedule(lambda argument: 1 / 0, None)
        threading.Thread(target=micropython.schedule, args=(scheduled, 2)).start()
        time.sleep_ms(100)
        print(_NAME, double(2), triple(2), *done)
    """
    output, errors, code = run(program)
    assert output == "5 4 6 (1, True) not nested ('inner', True) (2, True)\n"
    assert "ZeroDivisionError" in errors and code == 0


def test_schedule_wakes_a_sleeping_main_thread(run):
    program = """
        import bluetooth, micropython, time
        ble = bluetooth.BLE()
        ble.active(True)
        moments = []
        ble.irq(lambda event, data: micropython.schedule(moments.append, time.ticks_ms()))
        ble.gap_scan(100)
        time.sleep_ms(100)
        time.sleep_ms(500)
        print(len(moments))
    """
    assert output_of(run(program)) == "1\n"


def test_octets_for_text(run):
    program = """
        import json, struct, sys
        joined = struct.pack("<HB", 1, 2) + "na\u00efve"
        print(joined, struct.pack("B", 1) + b"x" + b"y", struct.unpack("<HB", joined[:3]))
        value = bytearray()
        value += struct.pack("B", 3) + "s"
        print(value, json.dumps([b"aGk=\\n", (1, "x")]), json.loads(json.dumps({"k": bytearray(b"v")})))
        json.dump((b"y", None), sys.stdout)
        for wrong in (lambda: json.dumps({1, 2}), lambda: struct.pack("B", 1) + 2):
            try:
                wrong()
            except TypeError:
                print(" refused", end="")
    """
    assert output_of(run(program)).splitlines() == [
        r"b'\x01\x00\x02na\xc3\xafve' b'\x01xy' (1, 2)",
        r"""bytearray(b'\x03s') ["aGk=\n", [1, "x"]] {'k': 'v'}""",
        '["y", null] refused refused',
    ]


def test_asyncio(run):
    program = """
        import asyncio, bluetooth, threading, time
        async def main():
            flag, event = asyncio.ThreadSafeFlag(), asyncio.Event()
            threading.Timer(0.05, flag.set).start()
            await flag.wait()
            flag.set()
            await flag.wait()
            flag.set()
            flag.clear()
            try:
                await asyncio.wait_for_ms(flag.wait(), 30)
            except asyncio.TimeoutError:
                print("timeout")
            ble = bluetooth.BLE()
            ble.active(True)
            ble.irq(lambda code, data: event.set())
            ble.gap_scan(20)
            await asyncio.wait_for_ms(event.wait(), 5000)
            start = time.ticks_ms()
            await asyncio.sleep_ms(40)
            print(35 < time.ticks_diff(time.ticks_ms(), start) < 5000)
            return await asyncio.wait_for_ms(asyncio.sleep(0, "result"), 100)
        print(asyncio.run(main()))
        print(asyncio.run(main()))
    """
    assert output_of(run(program)) == "timeout\nTrue\nresult\n" * 2


def test_machine(run):
    program = """
        import machine, time
        from machine import ADC, PWM, RTC, Pin, Signal, Timer
        led = Pin(2, Pin.OUT)
        led.on(); led.toggle(); led.value(1); led(0)
        button = Pin("BUTTON", Pin.IN, Pin.PULL_UP)
        edges = []
        button.irq(edges.append, Pin.IRQ_FALLING)
        Pin("BUTTON").value(0)
        Pin("BUTTON").value(1)
        light = Signal(led, invert=True)
        light.on()
        calls = []
        periodic = Timer(period=20, mode=Timer.PERIODIC, callback=lambda timer: calls.append(timer))
        Timer(-1).init(period=10, mode=Timer.ONE_SHOT, callback=lambda timer: calls.append("once"))
        while len(calls) < 8:
            time.sleep_ms(10)
        periodic.deinit()
        time.sleep_ms(50)
        count = len(calls)
        time.sleep_ms(100)
        assert calls.count("once") == 1 and calls.count(periodic) >= 5 and len(calls) == count
        assert machine.unique_id() == machine.unique_id() and len(machine.unique_id()) == 8
        assert 0 <= ADC(0).read_u16() <= 65535 and len(RTC().datetime()) == 8
        pwm = PWM(led, freq=100); pwm.duty_u16(5)
        state = machine.disable_irq(); machine.enable_irq(state)
        machine.idle(); machine.lightsleep(1); machine.freq()
        print(led.value(), light.value(), button.value(), len(edges), machine.reset_cause() == machine.PWRON_RESET)
    """
    assert output_of(run(program)) == "0 1 1 1 True\n"


def test_reset_begins_again(run):
    program = """
        import bluetooth, machine, sys
        ble = bluetooth.BLE()
        ble.active(True)
        print(machine.reset_cause() == machine.HARD_RESET, sys.argv[1:], flush=True)
        if machine.reset_cause() == machine.PWRON_RESET:
            machine.reset()
    """
    assert output_of(run(program, "x")) == "False ['x']\nTrue ['x']\n"


def test_watchdog(run):
    program = """
        import machine, time
        if machine.reset_cause() == machine.WDT_RESET:
            print("bitten")
        else:
            dog = machine.WDT(timeout=3000)
            for _ in range(4):
                time.sleep_ms(1000)
                dog.feed()
            print("fed", flush=True)
            time.sleep(60)
    """
    assert output_of(run(program)) == "fed\nbitten\n"


def test_traceback_has_the_lines_of_the_program(run):
    _output, errors, code = run("def deep():\n    return 1 / 0\n\ndeep()\n")
    assert code == 1
    assert errors.splitlines()[0] == "Traceback (most recent call last):"
    assert "bluet" not in errors.replace("bluet-", "") and errors.count("app.py") == 2
    assert "return 1 / 0" in errors and errors.endswith("ZeroDivisionError: division by zero\n")


def test_syntax_error(run):
    _, errors, code = run("x = = 1\n")
    assert code == 1 and "app.py" in errors and "SyntaxError" in errors and "run.py" not in errors


@pytest.mark.parametrize(("ending", "code"), [("sys.exit()", 0), ("sys.exit(5)", 5), ("raise SystemExit('why')", 1)])
def test_exit_codes(run, ending, code):
    assert run(f"import sys\n{ending}\n")[2] == code


def test_ctrl_c_ends_it_cleanly(tmp_path, own_air):
    program = tmp_path / "app.py"
    program.write_text(
        "import bluetooth, time\nbluetooth.BLE().active(True)\nprint('on', flush=True)\ntime.sleep(60)\n"
    )
    process = python("-m", "bluet.run", program)
    assert process.stdout.readline() == "on\n"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == 130


def test_transport_option(run):
    program = "import bluetooth, os; print(bluetooth.BLE().active(True), os.environ['BLUET_TRANSPORT'])"
    assert output_of(run(program, options=["--transport", "air:other"])) == "True air:other\n"
    _, errors, code = run(program, options=["--transport=smoke"])
    assert code == 2 and errors.startswith("bluet.run: ") and "smoke" in errors and len(errors.splitlines()) == 1


def test_snoop_option(run, tmp_path):
    program = "import bluetooth; bluetooth.BLE().active(True)"
    assert output_of(run(program, options=["--snoop", tmp_path / "capture"])) == ""
    assert (tmp_path / "capture").read_bytes().startswith(b"btsnoop\0")


def test_mistakes_on_the_command_line(own_air):
    for arguments in ([], ["--nothing", "x"], ["missing.py"]):
        result = subprocess.run([sys.executable, "-m", "bluet.run", *arguments], capture_output=True, text=True)
        assert result.returncode == 2 and "Traceback" not in result.stderr and result.stderr
    assert (
        "usage" in subprocess.run([sys.executable, "-m", "bluet.run", "--help"], capture_output=True, text=True).stdout
    )
