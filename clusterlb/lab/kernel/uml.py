"""User-Mode Linux: a kernel with IPVS as a process, on this root file system or another system's.

Three serial lines carry the guest's standard output, its standard error and its exit status, each over a
pipe: consoles would mix the outputs with each other and with the kernel's messages. The kernel writes its
messages to its standard error; they are shown when the guest fails.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from clusterlb.lab.kernel import uml_init
from clusterlb.lab.kernel.guest import HOST, Task, attend, outermost, prefixes, projects
from clusterlb.lab.netns import CLONE_NEWNS, MS_REC, LabError, checked, die_with_parent

_TMPDIRS = ("TMPDIR", "TMP", "TEMP")  # arch/um/os-Linux/mem.c prefers these to /dev/shm
_LAST_LINES = 15
_LOCKS = Path("/run/lock")
SCRATCH = Path("/dev/shm")
_MS_PRIVATE = 0x40000  # include/uapi/linux/mount.h
_MOUNT_SETATTR = 442  # the same number on every architecture (scripts/syscall.tbl)
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000  # include/uapi/linux/fcntl.h
_ATTR_RDONLY = 0x1  # MOUNT_ATTR_RDONLY
_libc = ctypes.CDLL(None, use_errno=True)


class NotStartedError(LabError):
    """The kernel did not start the command."""


def run(binary: Path, task: Task) -> int:
    """Run a command in a guest, with this process's outputs, and return its exit status.

    Raises NotStartedError when the guest does not start the command, LabError when the guest ends without a
    status. Other ends: see ``guest.attend``.
    """
    if task.tree is not None:
        _require_tree(task.tree)
    with claim_processor() as number, tempfile.TemporaryFile() as console, _pipes() as pipes:
        process = subprocess.Popen(
            command(binary, task.memory, pipes),
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            pass_fds=pipes.guests,
            env={name: value for name, value in os.environ.items() if name not in _TMPDIRS},
            start_new_session=True,
            preexec_fn=lambda: _become_guest(task, number),  # noqa: PLW1509 - there is one thread
        )
        pipes.close_guests()
        outputs = {pipes.output: sys.stdout.fileno(), pipes.error: sys.stderr.fileno()}
        ended = attend(process, outputs, task, pipes.keyboard if task.interactive else None)
        _, started, status = os.read(pipes.status, 16).rpartition(uml_init.STARTED)
        if started and status:
            return int(status)
        if ended is not None:
            return ended
        console.seek(0)
        lines = console.read().decode(errors="replace").splitlines()[-_LAST_LINES:]
        if started:
            raise LabError("\n".join([f"User-Mode Linux ({binary}) ended before its command did:", *lines]))
        raise NotStartedError("\n".join([f"User-Mode Linux ({binary}) did not start:", *lines]))


@contextlib.contextmanager
def claim_processor(locks: Path = _LOCKS) -> Iterator[int]:
    """Yield a processor that no other guest uses, of those this process may use; if all are used, any.

    A system call of a guest's process wakes another process of the host and waits for it: the kernel, and
    then the caller again. That takes 7 us on one processor of the host, and 47 us on two, over which an idle
    host's scheduler spreads the processes. A claim ends with its process.
    """
    mine = sorted(os.sched_getaffinity(0))
    locks.mkdir(parents=True, exist_ok=True)
    for number in reversed(mine):  # the host's own processes start on the first
        with (locks / f"clusterlb-guest-cpu{number}").open("w", encoding="ascii") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield number
            return
    yield mine[os.getpid() % len(mine)]


def command(binary: Path, memory: int, pipes: Pipes) -> list[str]:
    """Return the kernel's command line; ``memory`` is in MiB."""
    keyboard, output, error, status = pipes.guests
    return [
        str(binary),
        f"mem={memory}M",
        # seccomp halves the cost of system calls compared with ptrace; kernels before 6.16 ignore the option
        "seccomp=auto",
        "loglevel=4",
        "dummy.numdummies=0",  # as ``host`` loads the module elsewhere
        *["rootfstype=hostfs", "rootflags=/", "ro"],
        f"uml_dir={SCRATCH}",
        *["con=null", "con0=null,fd:2", "ssl=null"],
        *[f"ssl0=fd:{keyboard},fd:{output}", f"ssl1=null,fd:{error}", f"ssl2=null,fd:{status}"],
        # the kernel splits its command line at spaces: it must hold no text of the user
        *[f"init={SCRATCH}/python", "--", "-I", "-S", f"{SCRATCH}/init.py"],
    ]


@dataclass(slots=True)
class Pipes:
    """The guest's serial lines. ``guests`` are its ends: keyboard, output, error, status."""

    keyboard: int
    output: int
    error: int
    status: int
    guests: tuple[int, int, int, int]

    def close_guests(self) -> None:
        """Close the guest's ends in this process, so that reads end when the guest ends."""
        for descriptor in self.guests:
            os.close(descriptor)
        self.guests = (-1, -1, -1, -1)


@contextlib.contextmanager
def _pipes() -> Iterator[Pipes]:
    keyboard_out, keyboard_in = os.pipe()
    (output, output_in), (error, error_in), (status, status_in) = os.pipe(), os.pipe(), os.pipe()
    pipes = Pipes(keyboard_in, output, error, status, (keyboard_out, output_in, error_in, status_in))
    try:
        yield pipes
    finally:
        for descriptor in (keyboard_in, output, error, status, *pipes.guests):
            if descriptor >= 0:
                os.close(descriptor)


def _become_guest(task: Task, number: int) -> None:
    """Prepare the child between fork and exec; print errors on its standard error, the console."""
    plan = {
        "argv": list(task.argv),
        "cwd": str(Path.cwd()),
        "environment": task.variables,
        "window": task.window,
        "host": str(HOST),
        "tree": str(task.tree.resolve()) if task.tree else "",
        "shared": [str(path) for path in (projects() if task.tree else _shared())],
    }
    files = {"guest.json": json.dumps(plan).encode(), "init.py": Path(uml_init.__file__).read_bytes()}
    try:
        # the real interpreter: a virtual environment's would look for its packages
        _confine(files, {"python": Path(os.path.realpath(sys.executable))})
        os.sched_setaffinity(0, {number})
    except OSError as error:
        os.write(2, f"cannot make the host's files read-only for the guest: {error}\n".encode())
        os._exit(1)


def _shared() -> list[Path]:
    """Return the host's directories that a guest's own file systems hide, and that it needs."""
    return [
        path
        for path in outermost([*projects(), *prefixes()])
        if any(path.is_relative_to(hidden) for hidden in uml_init.FRESH)
    ]


def _require_tree(tree: Path) -> None:
    if not (tree / "proc").is_dir() or not (tree / "usr").is_dir():
        raise LabError(f"{tree} is no system's root directory: it has no proc or no usr")


def _confine(files: Mapping[str, bytes], links: Mapping[str, Path]) -> None:
    """Make every mount read-only for this process and its children, except for a new tmpfs at ``SCRATCH``.

    User-Mode Linux reads the host's files by its own system calls (hostfs), as root. The guest's root user
    can undo the guest's read-only mount of its root; it cannot undo a mount namespace of the host.

    ``files`` and ``links``, by name, are created in the tmpfs. The process ends with its parent. Needs root
    and Linux 5.12 (mount_setattr(2)); raises OSError. Call this in a child: it changes the whole process.
    """
    die_with_parent()
    checked(_libc.unshare(CLONE_NEWNS), "unshare")
    checked(_libc.mount(b"none", b"/", None, MS_REC | _MS_PRIVATE, None), "mount --make-rprivate /")
    # struct mount_attr: attr_set, attr_clr, propagation, userns_fd
    wanted = struct.pack("=QQQQ", _ATTR_RDONLY, 0, 0, 0)
    number, where, flags = (
        ctypes.c_long(_MOUNT_SETATTR),
        ctypes.c_int(_AT_FDCWD),
        ctypes.c_uint(_AT_RECURSIVE),
    )
    size = ctypes.c_size_t(len(wanted))
    checked(_libc.syscall(number, where, b"/", flags, wanted, size), "mount_setattr / read-only")
    checked(_libc.mount(b"none", bytes(SCRATCH), b"tmpfs", 0, b"mode=0700"), f"mount {SCRATCH}")
    for name, content in files.items():
        (SCRATCH / name).write_bytes(content)
    for name, target in links.items():
        (SCRATCH / name).symlink_to(target)
