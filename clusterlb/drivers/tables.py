"""The fill of this host's tables: connection tracking, open files, and IPVS's connection hash."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_CONNTRACK = "proc/sys/net/netfilter/nf_conntrack_"
_FILES = "proc/sys/fs/file-nr"
_BITS = "sys/module/ip_vs/parameters/conn_tab_bits"
_LIMITS = "proc/self/limits"
_OPEN = "proc/self/fd"


def filled(connections: int | None = None, root: Path = Path("/")) -> Mapping[str, float]:
    """Return the per cent in use of ``conntrack``, ``descriptors`` and, given a count, ``connections``.

    Tables that this kernel does not have are left out. ``descriptors``: the higher of the host's share
    (proc_sys_fs(5), file-nr) and this process's share. IPVS's connection table is a hash with chains, so 100
    % means one connection per bucket (ip_vs_conn.c).
    """
    found = {
        "conntrack": _share(_number(root / f"{_CONNTRACK}count"), _number(root / f"{_CONNTRACK}max")),
        "descriptors": max((share for share in (_files(root), _own_files(root)) if share), default=None),
    }
    if connections is not None:
        bits = _number(root / _BITS)
        found["connections"] = _share(connections, None if bits is None else 1 << bits)
    return {name: share for name, share in found.items() if share is not None}


def _files(root: Path) -> float | None:
    words = _text(root / _FILES).split()
    return _share(int(words[0]), int(words[2])) if len(words) == 3 else None


def _own_files(root: Path) -> float | None:
    rows = (line.split() for line in _text(root / _LIMITS).splitlines() if line.startswith("Max open files"))
    soft = next((row[3] for row in rows), "unlimited")
    return _share(sum(1 for _ in (root / _OPEN).iterdir()), int(soft)) if soft.isdigit() else None


def _share(used: int | None, room: int | None) -> float | None:
    return None if used is None or not room else 100.0 * used / room


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if text.isdigit() else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:
        return ""
