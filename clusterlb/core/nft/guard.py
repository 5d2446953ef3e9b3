"""Never speak for a VIP.

A packet of a flow that this director does not know is handed to its own TCP, which answers with a reset and
ends a connection that another director, or this one a moment later, would have carried. Without the answer
the flow stalls for one retransmission. So what the director itself says from a VIP, a local address or a SNAT
address, a reset or an ICMP error, is dropped; but for "fragmentation needed", on which path MTU discovery
lives. Real servers' own resets pass: they are forwarded, not said here.
"""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address

from clusterlb.core.nft.part import WORDS, Part, addresses, chain, families, jumped
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Inventory
from clusterlb.model.rules import Rules

# "packet too big" is a type of its own in ICMPv6 (RFC 4443 section 3.2)
_MUTE = (
    "tcp flags & rst == rst drop",
    "icmp type destination-unreachable icmp code != frag-needed drop",
    "icmpv6 type destination-unreachable drop",
)


def guard(inventory: Inventory, translated: Collection[IPAddress]) -> Part:
    """Return the part for the VIPs and for ``translated``, the director's local and SNAT addresses.

    A packet to the latter that belongs to no connection is dropped, too: accepted, it would take the place of
    the entry that a peer may hand over (nf_conntrack_tcp_loose).
    """
    vips = inventory.vips.keys()
    sets = {}
    rules = []
    orphans = []
    for family in families([*vips, *translated]):
        words = WORDS[family]
        sets[f"vips{words.suffix}"] = addresses(words, vips, family)
        rules.append(f"{words.ip} saddr @vips{words.suffix} jump mute")
        if family in families(translated):
            sets[f"translated{words.suffix}"] = addresses(words, translated, family)
            rules.append(f"{words.ip} saddr @translated{words.suffix} jump mute")
            orphans.append(
                f"{words.ip} daddr @translated{words.suffix} ct state new tcp flags & (syn | ack) != syn drop"
            )
    if not rules:
        return Part()
    return Part(
        jumped("mute", _MUTE)
        + chain("guard_output", "output priority filter", rules)
        + chain("guard_input", "input priority filter", orphans),
        sets,
    )


def guarded(rules: Rules) -> frozenset[IPAddress]:
    """Return the VIPs that a table knows."""
    sets = (rules.sets.get(f"vips{words.suffix}") for words in WORDS.values())
    return frozenset(ip_address(key[0]) for named in sets if named for key in named.elements)
