"""Hear from the kernel that our table, or a chain or rule of it, was deleted.

Without the table, replies of masqueraded members leave with the members' own addresses and end their
connections: the deletion cannot wait for the next reading. Messages: ``NFT_MSG_*`` in
include/uapi/linux/netfilter/nf_tables.h, whose events nf_tables_commit() sends (nf_tables_api.c).
"""

from __future__ import annotations

from struct import Struct

from clusterlb.drivers.monitor import Watched
from clusterlb.drivers.netlink.codec import HEADER, NetlinkError, attributes, messages
from clusterlb.drivers.netlink.socket import NETLINK_NETFILTER

_GROUP = 1 << (7 - 1)  # NFNLGRP_NFTABLES
_DELETED = frozenset(
    (10 << 8) | message for message in (2, 5, 8)
)  # of NFNL_SUBSYS_NFTABLES: table, chain, rule
_NFGENMSG = Struct("=BBH")  # address family, version, resource
_TABLE = 1  # NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE
_INET = 1  # NFPROTO_INET
NAME = b"clusterlb\0"


def deletes(data: bytes) -> bool:
    """Say whether netlink messages tell of something of our table that was deleted."""
    try:
        return any(
            kind in _DELETED and _is_ours(data[start + HEADER.size : end])
            for start, end, kind, _, _ in messages(data)
        )
    except NetlinkError:  # cut short
        return False


def _is_ours(body: bytes) -> bool:
    return body[:1] == bytes([_INET]) and attributes(body, _NFGENMSG.size).get(_TABLE) == NAME


# At once, and at most once a second: something else may delete the table again and again.
OUR_TABLE = Watched(NETLINK_NETFILTER, _GROUP, deletes, pace=1.0)
