"""Network namespaces: make them, step into them, and start processes in them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

# the handles of `ip netns` (ip-netns(8))
HANDLES = Path("/var/run/netns")
CLONE_NEWNET = 0x40000000  # include/uapi/linux/sched.h
CLONE_NEWNS = 0x00020000
MS_REC, MS_SLAVE = 0x4000, 0x80000  # include/uapi/linux/mount.h
PR_SET_PDEATHSIG = 1  # include/uapi/linux/prctl.h

# signals whose default action a child of the lab has
_OWN_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE)

# the Debian packages of programs whose package has another name
_PACKAGES = {"ip": "iproute2", "bridge": "iproute2", "nft": "nftables", "vtysh": "frr", "modprobe": "kmod"}

# Python 3.11 has no os.setns and no os.unshare, which came with 3.12
_libc = ctypes.CDLL(None, use_errno=True)


class LabError(Exception):
    """The lab cannot carry out a request; the text says what failed, where, and what to do."""


def enter(name: str) -> None:
    """Move this process into a namespace; raise OSError."""
    handle = os.open(HANDLES / name, os.O_RDONLY | os.O_CLOEXEC)
    try:
        checked(_libc.setns(handle, CLONE_NEWNET), f"setns {name}")
    finally:
        os.close(handle)


@contextlib.contextmanager
def inside(name: str) -> Iterator[None]:
    """Run the ``with`` block in a namespace. The process must have one thread."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        enter(name)
        try:
            yield
        finally:
            checked(_libc.setns(home, CLONE_NEWNET), "setns back")
    finally:
        os.close(home)


def own_sysfs() -> None:
    """Mount a /sys with this namespace's interfaces, for this process alone, as `ip netns exec` does."""
    checked(_libc.unshare(CLONE_NEWNS), "unshare")
    checked(_libc.mount(b"", b"/", b"none", MS_SLAVE | MS_REC, None), "mount --make-rslave /")
    checked(_libc.mount(b"sysfs", b"/sys", b"sysfs", 0, None), "mount /sys")


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends (prctl(2))."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def spawn(name: str | None, body: Callable[[], None], log: Path) -> int:
    """Fork a process that runs ``body`` in a namespace with both outputs in ``log``; return its pid.

    Nothing but the standard descriptors and the parent's memory is inherited. An exception ends the process
    with status 1 and its traceback in the log; SystemExit keeps its status.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _become_child(log)
        if name is not None:
            enter(name)
            own_sysfs()
        body()
        status = 0
    except SystemExit as leave:
        status = leave.code if isinstance(leave.code, int) else int(leave.code is not None)
    except BaseException:  # noqa: BLE001 - the last frame of a forked process: all it can do is say why
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def execute(name: str, argv: Sequence[str], log: Path) -> int:
    """Start a program in a namespace, outputs in ``log``; return its pid. It ends with this process.

    Two small programs prepare the process: a fork of this process, with all its memory, would take longer.
    """
    into = ["setpriv", "--pdeathsig", "KILL", "ip", "netns", "exec", name]
    return os.posix_spawnp(
        into[0],
        [*into, *argv],
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigdef=_OWN_SIGNALS,
    )


def running(pid: int) -> bool:
    """Say whether a child of this process runs, and reap a child that has ended."""
    if pid <= 0:
        return False
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return False


def run(argv: Sequence[str], text: str | None = None) -> str:
    """Run a program to its end and return its output; raise LabError with its error output."""
    try:
        done = subprocess.run(
            argv, input=text or "", text=True, capture_output=True, check=False, timeout=120
        )
    except FileNotFoundError as error:
        raise LabError(
            f"there is no {argv[0]}: install the package {_PACKAGES.get(argv[0], argv[0])}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{' '.join(argv)}` did not end within 120 s") from error
    if done.returncode:
        raise LabError(f"`{' '.join(argv)}` failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def processes_in(names: Iterable[str]) -> list[int]:
    """Return the pids of all processes whose network namespace is one of these."""
    inodes = set()
    for name in names:
        with contextlib.suppress(OSError):
            inodes.add((HANDLES / name).stat().st_ino)
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if (entry / "ns/net").stat().st_ino in inodes:
                    found.append(int(entry.name))
    return found


def _become_child(log: Path) -> None:
    die_with_parent()
    os.setsid()
    signal.set_wakeup_fd(-1)
    for number in _OWN_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, 1024)


def checked(result: int, what: str) -> None:
    """Raise OSError with the C library's errno, unless a call's result is 0."""
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Terminate a process, and kill it if it has not ended after ``patience`` seconds."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
