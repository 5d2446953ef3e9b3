"""The privileges of the check processes: they drop root's before they read the first byte from outside.

The probes need, on Linux 5.17 and later, CAP_NET_RAW: for raw ICMP sockets where
net.ipv4.ping_group_range does not hold the group (icmp(7), raw(7)), and for the mark of probes through a VIP
(SO_MARK, sk_setsockopt() in net/core/sock.c). They need no other capability. Programs of ``command`` checks
have CAP_NET_RAW too, in the ambient set (capabilities(7)), so that ping(8) works.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import resource
import stat
import sys
from collections.abc import Iterable
from importlib import import_module, invalidate_caches
from pathlib import Path
from pkgutil import iter_modules

from clusterlb.checks.wire import NOBODY

CAP_NET_RAW = 13  # include/uapi/linux/capability.h
LAST_CAP = Path("/proc/sys/kernel/cap_last_cap")

# include/uapi/linux/prctl.h
_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3: two words of 32 bits each

# modules that functions of this package import at their first use
_LATER = ("cryptography.x509", "encodings.idna")


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Word(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable"))


def drop(user: str = NOBODY) -> None:
    """Become another user for good; keep CAP_NET_RAW if this process has it, and no other capability.

    Neither this process nor a program that it runs can regain privileges (PR_SET_NO_NEW_PRIVS). Does nothing
    if this process is not root, or ``user`` is. Raises KeyError for a user that this host does not know, and
    OSError.
    """
    if os.geteuid() != 0 or user == "root":
        return
    account = pwd.getpwnam(user)
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    _keep_modules_importable()
    libc = ctypes.CDLL(None, use_errno=True)
    kept = 1 << CAP_NET_RAW & _permitted(libc)
    _call(libc, "prctl", _PR_SET_KEEPCAPS, 1, 0, 0, 0)
    for capability in range(int(LAST_CAP.read_text()) + 1):
        if not kept >> capability & 1:
            # fails without CAP_SETPCAP; no_new_privs makes the bounding set useless anyway
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    os.setgroups(groups)
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    words = (_Word * 2)(_Word(kept, kept, kept), _Word(0, 0, 0))
    _call(libc, "capset", ctypes.byref(_Header(_VERSION_3, 0)), ctypes.byref(words))
    if kept:
        _call(libc, "prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0)
    _call(libc, "prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.chdir("/")


def raise_descriptor_limit() -> int:
    """Raise RLIMIT_NOFILE to its hard limit, which needs no privilege (setrlimit(2)), and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _permitted(libc: ctypes.CDLL) -> int:
    words = (_Word * 2)()
    _call(libc, "capget", ctypes.byref(_Header(_VERSION_3, 0)), ctypes.byref(words))
    return int(words[0].permitted) | int(words[1].permitted) << 32


def _call(libc: ctypes.CDLL, name: str, *arguments: object) -> None:
    if getattr(libc, name)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _keep_modules_importable() -> None:
    """Let this process import as any user what it can import as root: some modules are imported at first use.

    An interpreter or a virtual environment may lie below a folder such as /root, which only root may enter.
    If only a folder above an entry of sys.path is closed to others, a descriptor holds the entry open, and
    imports go through the descriptor (proc(5), /proc/PID/fd): importing modules at their first use saves 25
    MB and, on a small machine, half a second. If the entry itself or a package in it is closed to others,
    all modules are imported now.
    """
    closed = [entry for entry in sys.path if entry and Path(entry).is_dir() and not _path_is_open(entry)]
    if all(_is_readable(entry) for entry in closed):
        _hold_open(closed)
    else:
        _import_all()


def _path_is_open(entry: str) -> bool:
    folder = Path(entry).resolve()
    return all(each.stat().st_mode & stat.S_IXOTH for each in (folder, *folder.parents))


def _is_readable(entry: str) -> bool:
    """Say whether others may read a folder and the packages in it."""
    folders = (Path(entry), *(folder for folder in Path(entry).iterdir() if folder.is_dir()))
    needed = stat.S_IROTH | stat.S_IXOTH
    return all(folder.stat().st_mode & needed == needed for folder in folders)


def _hold_open(entries: Iterable[str]) -> None:
    moved = {}
    for entry in entries:
        descriptor = os.open(entry, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        moved[entry] = f"/proc/self/fd/{descriptor}"
    sys.path[:] = [moved.get(entry, entry) for entry in sys.path]
    for module in tuple(sys.modules.values()):
        path = getattr(module, "__path__", None)
        if isinstance(path, list):  # a namespace package's path follows sys.path by itself
            path[:] = [_through_descriptor(folder, moved) for folder in path]
    invalidate_caches()


def _through_descriptor(folder: str, moved: dict[str, str]) -> str:
    """Return a folder's name through the descriptor of the deepest entry that holds the folder."""
    for entry in sorted(moved, key=len, reverse=True):
        if folder.startswith(f"{entry}/"):
            return moved[entry] + folder.removeprefix(entry)
    return folder


def _import_all() -> None:
    package = str(__package__)
    here = (f"{package}.{found.name}" for found in iter_modules([str(Path(__file__).parent)]))
    for module in (*here, *_LATER):
        import_module(module)
