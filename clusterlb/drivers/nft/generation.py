"""The number of the nftables ruleset: every transaction of any table of this network namespace raises it.

NFT_MSG_GETGEN in include/uapi/linux/netfilter/nf_tables.h and net/netfilter/nf_tables_api.c of Linux 6.1;
nfnetlink's header in include/uapi/linux/netfilter/nfnetlink.h. What packets add to a dynamic set does not
count.
"""

from __future__ import annotations

from struct import Struct

from clusterlb.drivers.netlink.codec import parse
from clusterlb.drivers.netlink.socket import NETLINK_NETFILTER, NetlinkSocket

FIRST = 1  # of a network namespace in which nobody has loaded anything (nf_tables_init_net())
_NFGENMSG = Struct("=BBH")  # address family, version, resource
_GETGEN = (10 << 8) | 16  # NFNL_SUBSYS_NFTABLES, and the message
_NFTA_GEN_ID = 1


def current() -> int | None:
    """Return the number in the calling thread's network namespace; None when the kernel does not say."""
    try:
        with NetlinkSocket(NETLINK_NETFILTER) as asking:
            _, found = parse(_NFGENMSG, asking.ask(_GETGEN, _NFGENMSG.pack(0, 0, 0)))
    except OSError:
        return None
    return int.from_bytes(found[_NFTA_GEN_ID], "big") if _NFTA_GEN_ID in found else None
