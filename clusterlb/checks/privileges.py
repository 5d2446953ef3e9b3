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
from pathlib import Path

from clusterlb.checks.reach import keep_modules_within_reach
from clusterlb.checks.wire import NOBODY

CAP_NET_RAW = 13  # include/uapi/linux/capability.h
LAST_CAP = Path("/proc/sys/kernel/cap_last_cap")

# include/uapi/linux/prctl.h
_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 47, 2
_VERSION_3 = 0x20080522  # _LINUX_CAPABILITY_VERSION_3: two words of 32 bits each


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
    keep_modules_within_reach()
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
