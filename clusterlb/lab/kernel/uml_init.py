"""The first process of a User-Mode Linux guest: make a writable root, run a command, report its exit status.

The host's Python runs a copy of this file alone, on the host's root, which is read-only (``uml``). The
command gets an overlay over that root, or over another system's: its writes go to the guest's memory and are
lost at its end. Only the standard library is used, and imported at the start: after the change of root the
host's files are out of reach.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import termios
import threading
import traceback
import tty
from pathlib import Path
from typing import Any

HOST_NAME = "lab"
# directories that are empty tmpfs in the guest
FRESH = ("/run", "/tmp", "/var/tmp", "/dev/shm")
_ROOT = "/run/root"  # the new root, seen from the first one
_PLAN = "/dev/shm/guest.json"
_LINES = ("/dev/ttyS0", "/dev/ttyS1", "/dev/ttyS2")  # output and keyboard, error, status
STARTED = b"+"  # on the status line: the command starts now, and its status follows
_FAILED = 125  # the exit status if the command could not be started, as timeout(1) has it
_MNT_DETACH = 2  # include/linux/fs.h
_POWER_OFF = 0x4321FEDC  # LINUX_REBOOT_CMD_POWER_OFF, include/uapi/linux/reboot.h
_PIVOT_ROOT = 155  # x86_64, arch/x86/entry/syscalls/syscall_64.tbl
_CHUNK = 65536
_libc = ctypes.CDLL(None, use_errno=True)


def mount(kind: str, where: str, options: str = "") -> None:
    """Mount a new file system on a directory, which is made if it is missing."""
    Path(where).mkdir(parents=True, exist_ok=True)
    words = (b"none", where.encode(), kind.encode(), 0, options.encode() or None)
    _checked(_libc.mount(*words), f"mount -t {kind} -o {options} none {where}")


def overlay(number: int, lower: str, where: str) -> None:
    """Mount an overlay over a directory; writes go to a tmpfs."""
    scratch = f"/run/scratch/{number}"
    for part in ("upper", "work"):
        Path(scratch, part).mkdir(parents=True)
    mount("overlay", where, f"lowerdir={lower},upperdir={scratch}/upper,workdir={scratch}/work")


def make_root(plan: dict[str, Any]) -> None:
    """Change to the guest's own root, with the plan's shared directories of the host at their paths."""
    mount("tmpfs", "/run")
    lower = "/"
    if plan["tree"]:
        lower = "/run/tree"
        mount("hostfs", lower, plan["tree"])
    overlay(0, lower, _ROOT)
    for kind, where in (("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("devpts", "/dev/pts")):
        mount(kind, _ROOT + where)
    for where in FRESH:
        mount("tmpfs", _ROOT + where, f"mode={'0755' if where == '/run' else '1777'}")
    mount("hostfs", _ROOT + plan["host"], "/")
    for number, path in enumerate(plan["shared"], 1):
        host = f"/run/shared/{number}"
        mount("hostfs", host, path)
        overlay(number, host, _ROOT + path)
    os.chdir(_ROOT)
    _checked(_libc.syscall(_PIVOT_ROOT, b".", b"."), "pivot_root")
    _checked(_libc.umount2(b".", _MNT_DETACH), "umount the first root")
    os.chdir("/")


def loopback_up() -> None:
    """Bring lo up: SIOCSIFFLAGS (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, struct.pack("16sh14x", b"lo", 0x1))


def run(plan: dict[str, Any], output: int, error: int) -> int:
    """Run the command to its end; return its exit status, 128 plus the number of a signal."""
    os.chdir(plan["cwd"])
    argv, environment, window = plan["argv"], plan["environment"], plan["window"]
    try:
        if window:
            process = subprocess.Popen(
                argv,
                env=environment,
                stdin=output,
                stdout=output,
                stderr=output,
                preexec_fn=_own_terminal,  # noqa: PLW1509 - there is one thread
            )
        else:
            process = subprocess.Popen(
                argv,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
    except OSError as failure:
        os.write(error, f"cannot run {argv[0]}: {failure.strerror}\n".encode())
        return 127
    copiers = [
        threading.Thread(target=_copy, args=(stream.fileno(), line))
        for stream, line in ((process.stdout, output), (process.stderr, error))
        if stream is not None
    ]
    for copier in copiers:
        copier.start()
    status = _wait(process.pid)
    process.returncode = status
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)  # its remaining children hold the pipes open
    for copier in copiers:
        copier.join()
    return status if status >= 0 else 128 - status


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _wait(pid: int) -> int:
    """Reap every orphan until the command itself has ended; return its exit code."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _copy(source: int, line: int) -> None:
    while data := os.read(source, _CHUNK):
        while data:
            data = data[os.write(line, data) :]


def _open_line(path: str, window: tuple[int, int] | None) -> int:
    line = os.open(path, os.O_RDWR | os.O_NOCTTY)
    if window:
        fcntl.ioctl(line, termios.TIOCSWINSZ, struct.pack("HHHH", *window, 0, 0))
    else:
        tty.setraw(line)
    return line


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def main() -> None:
    """Be the guest's init."""
    plan = json.loads(Path(_PLAN).read_text(encoding="utf-8"))
    mount("devtmpfs", "/dev")
    output = _open_line(_LINES[0], plan["window"])
    error, told = (_open_line(path, None) for path in _LINES[1:])
    status = _FAILED
    try:
        make_root(plan)
        socket.sethostname(HOST_NAME)
        loopback_up()
        os.write(told, STARTED)
        status = run(plan, output, error)
    except BaseException:  # noqa: BLE001 - the guest's first process can only report the error
        os.write(error, traceback.format_exc().encode())
    os.write(told, str(status).encode())
    for line in (output, error, told):
        termios.tcdrain(line)
    os.sync()
    _libc.reboot(_POWER_OFF)


if __name__ == "__main__":
    main()
