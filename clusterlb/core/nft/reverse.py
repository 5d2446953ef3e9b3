"""Replies of masqueraded members by way of any director.

IPVS gives a reply the VIP's address where it has the connection's entry; at another director the packet would
leave with the member's own and be reset by the client. The client's address was never touched, so the reply
can be corrected without any state: its source is a member's, and says which VIP and port it stands for. The
chain runs after IPVS's own rewriting (IPVS hooks into forward), which leaves nothing to match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from clusterlb.core.marks import unused_mark
from clusterlb.core.nft.part import (
    MARK,
    WORDS,
    Part,
    chain,
    client_ports,
    endpoint,
    lookups,
    member_ports,
)
from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Inventory
from clusterlb.model.marks import REPLY_MARKS
from clusterlb.model.rules import Element, NamedSet


def reverse(inventory: Inventory) -> Part:
    """Return the part for the members with ``forwarding: nat``.

    A member's endpoint that serves two VIPs, or two ports of one, is left out: nothing in a reply says which
    was meant.
    """
    origins = dict(_origins(inventory))
    sets: dict[str, NamedSet] = {}
    rules: list[str] = []
    ports: dict[Element, str] = {}
    for family in AddressFamily:
        words = WORDS[family]
        suffix = words.suffix
        mine = {key: origin for key, origin in origins.items() if family_of(origin[0]) is family}
        if not mine:
            continue
        marks = _marks(mine.values())
        replies = {key: marks[origin] for key, origin in mine.items()}
        named, found_by = lookups(words, "s", "replies", replies, "mark")
        sets |= named
        sets[f"reply_vip{suffix}"] = NamedSet(
            "mark", words.type, elements={(mark,): str(vip) for (vip, _), mark in marks.items()}
        )
        ports |= {(mark,): str(port) for (_, port), mark in marks.items() if port}
        rules += [f"meta mark set {each.key} map @{each.name}" for each in found_by]
        rules.append(f"{words.ip} saddr set meta mark map @reply_vip{suffix}")
    if rules:
        sets["reply_port"] = NamedSet("mark", "inet_service", elements=ports)
        # the marks say what the packet was; a packet that no rule above has marked has none of these. nft
        # corrects a checksum whose place it knows: of `th sport` it does not
        protocols = sorted({key[1] for key, (_, port) in origins.items() if port})
        rules += [f"{protocol} sport set meta mark map @reply_port" for protocol in protocols]
    return Part(chain("reverse", "postrouting priority srcnat + 10", rules), sets)


def _origins(inventory: Inventory) -> Iterator[tuple[Element, tuple[IPAddress, int]]]:
    """Yield the source of each reply, with the VIP and the port that the client used; 0: the same port."""
    found: dict[Element, set[tuple[IPAddress, int]]] = {}
    for vip, service, member, method in inventory.uses():
        if method is Forwarding.NAT:
            used = 0 if service.keeps_port else client_ports(service)[0].first
            for ports in member_ports(service, member):
                key = endpoint(member.address, service, ports)
                found.setdefault(key, set()).add((vip.address, used))
    for key, origins in found.items():
        if len(origins) == 1:
            yield key, next(iter(origins))


def _marks(origins: Iterable[tuple[IPAddress, int]]) -> dict[tuple[IPAddress, int], str]:
    """Give each VIP and port a mark that stays the same when others come and go."""
    taken: set[int] = set()
    return {
        (vip, port): MARK.format(unused_mark(f"{vip} {port}", taken, REPLY_MARKS))
        for vip, port in sorted(set(origins), key=str)
    }
