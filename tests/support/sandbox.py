"""Run a program under the sandbox of a unit file, as far as that goes without systemd as process 1.

``python -m tests.support.sandbox UNIT WRITABLE... -- PROGRAM ARGUMENT...``: the capability bounding set, no
new privileges, no memory that is writable and executable, the filter of system calls and of address families,
the umask, and a root file system that is read-only but for WRITABLE, ReadWritePaths= and an empty /var/tmp.
What is left out hides folders and devices (ProtectHome=, /tmp of PrivateTmp=, PrivateDevices=, ProtectProc=).
"""

from __future__ import annotations

import configparser
import ctypes
import os
import re
import socket
import struct
import subprocess
import sys
from pathlib import Path

CLONE_NEWNS = 0x20000
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, PR_SET_MDWE = 24, 38, 22, 65
SECCOMP_MODE_FILTER, ALLOW, ERRNO_EPERM = 2, 0x7FFF0000, 0x00050001
LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06  # BPF_LD|W|ABS, BPF_JMP|JEQ|K, BPF_RET|K
NUMBERS = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
CAPABILITIES = Path("/usr/include/linux/capability.h")

libc = ctypes.CDLL(None, use_errno=True)


class _Many(dict):
    """Joins the values of a key that is written several times, as systemd does."""

    def __setitem__(self, key, value):
        if isinstance(value, list) and key in self:
            value = [*self[key], *value]
        super().__setitem__(key, value)


def settings(unit: Path) -> dict[str, str]:
    """Return the [Service] section of a unit."""
    parser = configparser.RawConfigParser(strict=False, dict_type=_Many, comment_prefixes="#")
    parser.optionxform = str  # type: ignore[method-assign, assignment] # as configparser documents
    parser.read_string(unit.read_text())
    return {key: " ".join(value.split()) for key, value in parser["Service"].items()}


def calls(name: str) -> set[str]:
    """Return the system calls of a group, as systemd knows them."""
    shown = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", name], capture_output=True, text=True, check=True
    ).stdout
    rows = [row.split("#")[0] for row in shown.splitlines() if row.startswith("    ")]
    words = [word for row in rows for word in row.split()]
    return set().union(*(calls(word) if word.startswith("@") else {word} for word in words))


def program(allowed: set[int], families: set[int], socket_number: int) -> bytes:
    """Return a BPF program that allows these calls, and sockets of these families; all else is EPERM."""
    code = [(LOAD, 0, 0, 0)]
    for number in sorted(allowed - {socket_number}):
        code += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ALLOW)]
    code += [(EQUAL, 1, 0, socket_number), (RETURN, 0, 0, ERRNO_EPERM), (LOAD, 0, 0, 16)]
    for family in sorted(families):
        code += [(EQUAL, 0, 1, family), (RETURN, 0, 0, ALLOW)]
    code.append((RETURN, 0, 0, ERRNO_EPERM))
    return b"".join(struct.pack("=HBBI", *row) for row in code)


def call(result: int) -> None:
    """Raise OSError for a call that failed."""
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def read_only(writable: list[str]) -> None:
    """Make the root file system read-only for this process and what it starts, but for some folders."""
    call(libc.unshare(CLONE_NEWNS))
    mount = ["mount"]
    subprocess.run([*mount, "--make-rprivate", "/"], check=True)
    for folder in writable:
        subprocess.run([*mount, "--bind", folder, folder], check=True)
    subprocess.run([*mount, "-o", "remount,bind,ro", "/"], check=True)
    subprocess.run([*mount, "-t", "tmpfs", "none", "/var/tmp"], check=True)  # PrivateTmp=


def enter(unit: Path, writable: list[str]) -> None:
    """Enter the sandbox."""
    wanted = settings(unit)
    paths = [path.removeprefix("-") for path in wanted["ReadWritePaths"].split()]
    known = dict(re.findall(r"#define (CAP_\w+)\s+(\d+)", CAPABILITIES.read_text()))
    numbers = {n: int(v) for n, v in re.findall(r"#define __NR_(\w+) (\d+)", NUMBERS.read_text())}
    names = set().union(*(calls(group) for group in wanted["SystemCallFilter"].split()))
    filtered = program(
        {numbers[name] for name in names if name in numbers},
        {int(getattr(socket, name)) for name in wanted["RestrictAddressFamilies"].split()},
        numbers["socket"],
    )
    read_only([*writable, *filter(os.path.isdir, paths)])
    os.umask(int(wanted["UMask"], 8))
    for name, number in known.items():
        if name not in wanted["CapabilityBoundingSet"].split():
            libc.prctl(PR_CAPBSET_DROP, int(number), 0, 0, 0)
    assert wanted["NoNewPrivileges"] == wanted["MemoryDenyWriteExecute"] == "yes"
    call(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    call(libc.prctl(PR_SET_MDWE, 1, 0, 0, 0))
    code = ctypes.create_string_buffer(filtered)
    head = ctypes.create_string_buffer(struct.pack("@HP", len(filtered) // 8, ctypes.addressof(code)))
    call(libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0))


if __name__ == "__main__":
    split = sys.argv.index("--")
    enter(Path(sys.argv[1]), sys.argv[2:split])
    os.execvp(sys.argv[split + 1], sys.argv[split + 1 :])
