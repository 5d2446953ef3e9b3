"""Keep a guest's process from changing the host's files.

User-Mode Linux reads the host's files by its own system calls (hostfs), as root. The guest's root user can
undo the guest's read-only mount of its root; it cannot undo a mount namespace of the host in which every
mount is read-only.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Mapping
from pathlib import Path

from clusterlb.lab.netns import CLONE_NEWNS, MS_REC, checked, die_with_parent

SCRATCH = Path("/dev/shm")
_MS_PRIVATE = 0x40000  # include/uapi/linux/mount.h
_MOUNT_SETATTR = 442  # the same number on every architecture (scripts/syscall.tbl)
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000  # include/uapi/linux/fcntl.h
_ATTR_RDONLY = 0x1  # MOUNT_ATTR_RDONLY
_libc = ctypes.CDLL(None, use_errno=True)


def confine(files: Mapping[str, bytes], links: Mapping[str, Path]) -> None:
    """Make every mount read-only for this process and its children, except for a new tmpfs at ``SCRATCH``.

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
