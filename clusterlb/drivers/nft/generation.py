"""The number of the nftables ruleset: every transaction of any table of this network namespace raises it.

NFT_MSG_GETGEN in include/uapi/linux/netfilter/nf_tables.h and net/netfilter/nf_tables_api.c of Linux 6.1;
nfnetlink's header in include/uapi/linux/netfilter/nfnetlink.h. What packets add to a dynamic set does not
count.
"""

from __future__ import annotations

import socket
import struct

FIRST = 1  # of a network namespace in which nobody has loaded anything (nf_tables_init_net())
_NETLINK_NETFILTER = 12
_NEWGEN, _GETGEN = (10 << 8) | 15, (10 << 8) | 16  # NFNL_SUBSYS_NFTABLES, and the message
_NLM_F_REQUEST = 1
_HEADERS = struct.Struct("=IHHIIBBH")  # nlmsghdr and nfgenmsg
_ATTRIBUTE = struct.Struct("=HH")
_NFTA_GEN_ID = 1
_REQUEST = _HEADERS.pack(_HEADERS.size, _GETGEN, _NLM_F_REQUEST, 0, 0, socket.AF_UNSPEC, 0, 0)
_PATIENCE = 5.0  # seconds; the kernel answers within the call that asks


def current() -> int | None:
    """Return the number in the calling thread's network namespace; None when the kernel does not say."""
    try:
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER
        ) as asking:
            asking.settimeout(_PATIENCE)
            asking.send(_REQUEST)
            return decode(asking.recv(4096))
    except OSError:
        return None


def decode(answer: bytes) -> int | None:
    """Return the number of an answer; None for an error or what is cut short."""
    if len(answer) < _HEADERS.size:
        return None
    end, kind, *_ = _HEADERS.unpack_from(answer)
    place = _HEADERS.size
    while kind == _NEWGEN and place + _ATTRIBUTE.size <= min(end, len(answer)):
        size, attribute = _ATTRIBUTE.unpack_from(answer, place)
        value = answer[place + _ATTRIBUTE.size : place + size]
        if attribute == _NFTA_GEN_ID and len(value) == 4:
            return int.from_bytes(value, "big")
        place += max(_ATTRIBUTE.size, (size + 3) & ~3)
    return None
