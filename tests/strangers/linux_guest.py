"""The Linux kernel and BlueZ in a virtual machine, a second serial port of which is the HCI of a controller.

The machine is QEMU's, started from the distribution's kernel and an initial file system that is made of the programs
installed here: nothing is booted from a disk, and nothing is left behind. Commands go through its first serial port.
"""

import re
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

PROGRAMS = ("busybox", "bluetoothctl", "btattach", "dbus-daemon", "l2test")
DAEMON = "/usr/libexec/bluetooth/bluetoothd"
# In the order in which they can be loaded; a kernel that has one built in needs no file.
MODULES = (
    *("crc16", "rfkill", "cmac", "ecb", "ctr", "hmac", "sha256_generic", "sha512_generic", "drbg", "ecc"),
    *("ecdh_generic", "af_alg", "algif_skcipher", "algif_hash"),
    *("bluetooth", "btintel", "btbcm", "btrtl", "btqca", "hci_uart"),
)
QEMU = "qemu-system-x86_64"
BOOT_SECONDS = 180
FETCH_SECONDS = 150
PATIENCE = 60
ATTEMPTS = 3

INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /run/dbus /tmp /var/lib/bluetooth /dev/pts
mount -t devpts none /dev/pts
for module in $(cat /modules/order); do insmod "/modules/$module.ko"; done
stty raw -echo </dev/ttyS1
dbus-daemon --system --nopidfile --fork
btattach -B /dev/ttyS1 -P h4 -S 3000000 </dev/null >/tmp/btattach.log 2>&1 &
bluetoothd -E -n </dev/null >/tmp/bluetoothd.log 2>&1 &
stty -echo </dev/ttyS0
echo READY
while :; do read -r line && sh -c "$line" </dev/null; done
"""
# Without enhanced bearers, if not asked for: this kernel does not survive it when a link is cut while it opens one.
CONFIGURATIONS = {
    "main": "[GATT]\nChannels=1\n",
    "private": "[General]\nPrivacy=device\n[GATT]\nChannels=1\n",
    "enhanced": "[GATT]\nChannels=3\n",
}
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_type="signal"/><allow receive_type="method_call"/><allow receive_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_return"/><allow receive_type="error"/><allow send_destination="*" eavesdrop="true"/>
</policy></busconfig>
"""
ACCOUNTS = "root:x:0:0:root:/:/bin/sh\nmessagebus:x:1:1::/:/bin/false\n"


class Missing(Exception):
    """Something that the guest is made of cannot be had."""


def _fetch_kernel(folder):
    """The distribution's newest kernel, unpacked: the kernel's file and the folder of its modules."""
    if not list(folder.glob("boot/vmlinuz-*")):
        if not shutil.which("apt-get"):
            raise Missing("no apt-get to fetch a kernel with")
        listed = subprocess.run(["apt-cache", "depends", "linux-image-amd64"], capture_output=True, text=True)
        names = re.findall(r"Depends: (linux-image-\S+)", listed.stdout)
        if not names:
            raise Missing("the distribution has no linux-image-amd64")
        with tempfile.TemporaryDirectory() as download:
            try:
                subprocess.run(
                    ["apt-get", "download", names[0]],
                    cwd=download,
                    capture_output=True,
                    text=True,
                    timeout=FETCH_SECONDS,
                    check=True,
                )
            except subprocess.SubprocessError as error:
                raise Missing(f"apt-get does not fetch {names[0]}: {error.stderr or error}") from error
            packages = list(Path(download).glob("*.deb"))
            unpacked = folder.with_name(folder.name + ".part")
            shutil.rmtree(unpacked, ignore_errors=True)
            subprocess.run(["dpkg", "-x", packages[0], unpacked], check=True)
            shutil.rmtree(folder, ignore_errors=True)
            unpacked.rename(folder)
    (kernel,) = folder.glob("boot/vmlinuz-*")
    (modules,) = folder.glob("lib/modules/*")
    return kernel, modules


def _libraries(program):
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return set(re.findall(r"(/\S+) \(0x", listed))


def _make_root(root, modules):
    for folder in ("bin", "dev", "proc", "sys", "modules", "etc/bluetooth", "run", "tmp", "usr/share/dbus-1"):
        (root / folder).mkdir(parents=True)
    libraries = set()
    for name in (*PROGRAMS, DAEMON):
        program = shutil.which(name)
        if not program:
            raise Missing(f"{name} is not installed")
        shutil.copy(program, root / "bin")
        libraries |= _libraries(program)
    for library in libraries:
        target = root / library[1:]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, target)
    order = []
    for module in MODULES:
        for file in modules.rglob(f"{module}.ko"):
            shutil.copy(file, root / "modules")
            order.append(module)
    (root / "modules/order").write_text("\n".join(order))
    (root / "usr/share/dbus-1/system.conf").write_text(BUS)
    for name, text in CONFIGURATIONS.items():
        (root / f"etc/bluetooth/{name}.conf").write_text(text)
    (root / "etc/passwd").write_text(ACCOUNTS)
    (root / "etc/group").write_text("root:x:0:\nmessagebus:x:1:\n")
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)


def _archive(root, target):
    """A cpio archive of the `newc` form, which the kernel unpacks as its first file system."""
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    with open(target, "wb") as file:
        subprocess.run(
            ["busybox", "cpio", "-o", "-H", "newc"],
            cwd=root,
            input="\n".join(names).encode(),
            stdout=file,
            stderr=subprocess.DEVNULL,
            check=True,
        )


def prepare(folder):
    """Makes what the guest is started from, once: the kernel and its first file system. Raises Missing."""
    if not shutil.which(QEMU):
        raise Missing(f"{QEMU} is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    kernel, modules = _fetch_kernel(folder / "kernel")
    archive = folder / "root.cpio"
    with tempfile.TemporaryDirectory() as root:
        _make_root(Path(root), modules)
        _archive(Path(root), archive)
    return kernel, archive


def versions(folder):
    """Of the kernel that was fetched, and of the daemon that is installed."""
    kernels = [path.name for path in folder.glob("kernel/lib/modules/*")]
    program = shutil.which("bluetoothctl")
    said = subprocess.run([program, "--version"], capture_output=True, text=True).stdout if program else ""
    return f"{', '.join(kernels) or 'none'}; {' '.join(re.findall(r'[0-9.]+', said)) or 'none'}"


class LinuxGuest:
    """A running guest, attached to the controller behind a unix socket of an air."""

    def __init__(self, kernel, archive, hci_socket, log):
        self._folder = tempfile.TemporaryDirectory()
        console = Path(self._folder.name) / "console"
        session = Path(self._folder.name) / "session"
        arguments = [QEMU, "-accel", "tcg"]
        arguments += ["-m", "256", "-display", "none", "-no-reboot", "-nodefaults"]
        arguments += ["-kernel", kernel, "-initrd", archive]
        arguments += ["-append", "console=ttyS0 quiet panic=-1 random.trust_cpu=on"]
        for name, where in (("console", console), ("hci", None), ("session", session)):
            at = f"path={where},server=on,wait=off" if where else f"path={hci_socket}"
            arguments += ["-chardev", f"socket,id={name},{at}", "-serial", f"chardev:{name}"]
        self._log = open(log, "ab")  # noqa: SIM115
        self._process = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT
        )
        self._console = _Line(console, self._log)
        self._session_path = session
        self._count = 0
        self._console.expect(r"READY\r?\n", BOOT_SECONDS)

    def run(self, command, seconds=60):
        """Runs a command of the guest's shell; returns its exit code and its output."""
        self._count += 1
        mark = f"=={self._count}=="
        self._console.send(f'{command}; echo "{mark[:-1]}$((0))=$?="\n')
        found = self._console.expect(rf"(?s)(.*?)=={self._count}=0=(\d+)=", seconds)
        return int(found[2]), found[1].replace("\r", "").lstrip("\n")

    def start(self, command, log):
        """Leaves a command running; what it says goes into that file of the guest."""
        self.run(f"({command} >{log} 2>&1 &)")

    def session(self, command):
        """A program that stays, on the third serial port: `person` is who types there, with send() and expect()."""
        self.run(f"(TERM=dumb {command} </dev/ttyS2 >/dev/ttyS2 2>&1 &)")
        self.person = _Line(self._session_path, self._log)

    def forget(self):
        """Leaves its session as it found it, whatever went wrong before: the main menu, and no devices."""
        for address in re.findall(r"Device (\S+)", self.run("bluetoothctl devices")[1]):
            self.run(f"bluetoothctl remove {address}")
        self.person.asks("back\nback\nversion\n", r"Version \d")

    def close(self):
        self._console.close()
        self._process.kill()
        self._process.wait()
        self._log.close()
        self._folder.cleanup()


class _Line:
    """A serial port of the guest."""

    def __init__(self, path, log):
        end = time.monotonic() + 10
        while not (path.exists() and stat.S_ISSOCK(path.stat().st_mode)):
            assert time.monotonic() < end, "QEMU did not start"
            time.sleep(0.05)
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._log = log
        self._text = ""

    def send(self, text):
        self._socket.sendall(text.encode())

    def expect(self, pattern, seconds=PATIENCE):
        """Waits for what matches; returns the match, and forgets everything up to its end."""
        found = self.hears(pattern, seconds)
        assert found, f"the guest did not say {pattern!r}, but: {self._text[-2000:]}"
        return found

    def hears(self, pattern, seconds):
        """As expect(), but returns None if it waited in vain."""
        end = time.monotonic() + seconds
        while not (found := re.search(pattern, self._text)):
            left = end - time.monotonic()
            if left <= 0:
                return None
            self._socket.settimeout(left)
            try:
                octets = self._socket.recv(65536)
            except TimeoutError:
                continue
            assert octets, f"the guest ended: {self._text[-2000:]}"
            self._log.write(octets)
            self._log.flush()
            self._text += octets.decode(errors="replace")
        self._text = self._text[found.end() :]
        return found

    def asks(self, command, answer, instead=None):
        """Types a command until what it brings is heard, for a console may lose a line; returns the match.

        Before it is typed again, `instead` is, which takes the first attempt back.
        """
        for _ in range(ATTEMPTS - 1):
            self.send(command)
            if found := self.hears(answer, PATIENCE / ATTEMPTS):
                return found
            if instead:
                self.send(instead)
        self.send(command)
        return self.expect(answer)

    def close(self):
        self._socket.close()
