"""What the kernel says of nftables over netlink: deletions from our table, and the ruleset's generation.

Messages: ``NFT_MSG_*`` in include/uapi/linux/netfilter/nf_tables.h. nf_tables_commit() sends the events
(net/netfilter/nf_tables_api.c of Linux 6.1).
"""

from __future__ import annotations

from clusterlb.drivers.monitor import Watched
from clusterlb.drivers.netlink.codec import HEADER, NFGENMSG, NetlinkError, attributes, messages, parse
from clusterlb.drivers.netlink.socket import NETLINK_NETFILTER, NetlinkSocket

FIRST_GENERATION = 1  # in a network namespace that never had a ruleset (nf_tables_init_net())
NAME = b"clusterlb\0"

_SUBSYSTEM = 10 << 8  # NFNL_SUBSYS_NFTABLES
_GETGEN = _SUBSYSTEM | 16  # NFT_MSG_GETGEN
_DELETED = frozenset(_SUBSYSTEM | message for message in (2, 5, 8))  # NFT_MSG_DELTABLE, _DELCHAIN, _DELRULE
_GROUP = 1 << (7 - 1)  # NFNLGRP_NFTABLES
_NFTA_GEN_ID = 1
_TABLE = 1  # NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE
_INET = 1  # NFPROTO_INET


def generation() -> int | None:
    """Return the ruleset's generation in the calling thread's network namespace; None without an answer.

    Every transaction of any table of the namespace raises it. Elements that packets add to a dynamic set do
    not.
    """
    try:
        with NetlinkSocket(NETLINK_NETFILTER) as asking:
            _, found = parse(NFGENMSG, asking.ask(_GETGEN, NFGENMSG.pack(0, 0, 0)))
    except OSError:
        return None
    return int.from_bytes(found[_NFTA_GEN_ID], "big") if _NFTA_GEN_ID in found else None


def deletes(data: bytes) -> bool:
    """Say whether netlink messages report the deletion of our table, or of a chain or rule in it."""
    try:
        return any(
            kind in _DELETED and _is_ours(data[start + HEADER.size : end])
            for start, end, kind, _, _ in messages(data)
        )
    except NetlinkError:  # cut short
        return False


def _is_ours(body: bytes) -> bool:
    return body[:1] == bytes([_INET]) and attributes(body, NFGENMSG.size).get(_TABLE) == NAME


# Without the table, replies of masqueraded members leave with the members' own addresses and end their
# connections, so a deletion is reported at once; but at most once a second, as it may recur without end.
OUR_TABLE = Watched(NETLINK_NETFILTER, _GROUP, deletes, pace=1.0)
