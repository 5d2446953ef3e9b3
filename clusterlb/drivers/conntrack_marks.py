"""Have connection tracking forget the connections with a mark.

One message: the kernel deletes by mark itself (ctnetlink_flush_conntrack(), nf_conntrack_netlink.c).
"""

from __future__ import annotations

import socket
import struct
from os import strerror

from clusterlb.model.address import AddressFamily

_NETLINK_NETFILTER = 12
_CT_DELETE = 1 << 8 | 2
_NLM_F_REQUEST_ACK = 0x5
_CTA_MARK, _CTA_MARK_MASK = 8, 21
_SECONDS = 15.0


def forget_marked(mark: int, family: AddressFamily) -> None:
    """Delete this namespace's connections of one family with a mark; OSError when the kernel refuses."""
    body = struct.pack("=BBH", family, 0, 0)
    for kind, value in ((_CTA_MARK, mark), (_CTA_MARK_MASK, 0xFFFFFFFF)):
        body += struct.pack("=HH", 8, kind) + struct.pack(">I", value)
    message = struct.pack("=IHHII", 16 + len(body), _CT_DELETE, _NLM_F_REQUEST_ACK, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER) as asked:
        asked.settimeout(_SECONDS)
        asked.bind((0, 0))
        asked.send(message)
        errno = -struct.unpack_from("=i", asked.recv(4096), 16)[0]
    if errno:
        raise OSError(errno, strerror(errno))
