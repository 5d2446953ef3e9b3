"""Replies of masqueraded members by way of any director.

IPVS gives a reply the VIP's address where it has the connection's entry; at another director the packet would
leave with the member's own and be reset by the client. The client's address was never touched, so the reply
can be mended without any state: its source is a member's, and says which VIP and port it stands for. It runs
after IPVS's own rewriting (its hook is in forward), which leaves nothing to match.
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
    families,
    lookups,
    member_ports,
)
from clusterlb.model.address import IPAddress, family_of
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Inventory, Service
from clusterlb.model.marks import REPLY_MARKS
from clusterlb.model.rules import Element, NamedSet


def reverse(inventory: Inventory) -> Part:
    """Return the part for the members with ``forwarding: nat``.

    Who answers for two VIPs, or two ports of one, is left out: nothing in a reply says which was meant.
    """
    ways = dict(_ways(inventory))
    sets: dict[str, NamedSet] = {}
    rules: list[str] = []
    ports: dict[Element, str] = {}
    for family in families([vip for vip, _ in ways.values()]):
        words = WORDS[family]
        suffix = words.suffix
        mine = {key: way for key, way in ways.items() if family_of(way[0]) is family}
        numbers = _numbers(mine.values())
        replies = {key: numbers[way] for key, way in mine.items()}
        named, found_by = lookups(words, "s", "replies", replies, "mark")
        sets |= named
        sets[f"reply_vip{suffix}"] = NamedSet(
            "mark", words.type, elements={(numbers[way],): str(way[0]) for way in mine.values()}
        )
        ports |= {(numbers[way],): str(way[1]) for way in mine.values() if way[1]}
        rules += [f"meta mark set {each.key} map @{each.name}" for each in found_by]
        rules.append(f"{words.ip} saddr set meta mark map @reply_vip{suffix}")
    if rules:
        sets["reply_port"] = NamedSet("mark", "inet_service", elements=ports)
        # the marks say what the packet was; a packet that no rule above has marked has none of these. nft
        # mends a checksum that it knows the place of: of `th sport` it does not
        protocols = sorted({key[1] for key, way in ways.items() if way[1]})
        rules += [f"{protocol} sport set meta mark map @reply_port" for protocol in protocols]
    return Part(chain("reverse", "postrouting priority srcnat + 10", rules), sets)


def _ways(inventory: Inventory) -> Iterator[tuple[Element, tuple[IPAddress, int]]]:
    """Yield what a reply looks like, with the VIP and the port (0: its own) it stands for."""
    found: dict[Element, set[tuple[IPAddress, int]]] = {}
    for vip, service, member, method in inventory.uses():
        if method is Forwarding.NAT:
            for ports in member_ports(service, member):
                key = endpoint(member.address, service, ports)
                found.setdefault(key, set()).add((vip.address, _client_port(service)))
    for key, ways in found.items():
        if len(ways) == 1:
            yield key, next(iter(ways))


def _client_port(service: Service) -> int:
    return 0 if service.keeps_port else client_ports(service)[0].first


def _numbers(ways: Iterable[tuple[IPAddress, int]]) -> dict[tuple[IPAddress, int], str]:
    """Give each VIP and port a number that stays the same when others come and go."""
    taken: set[int] = set()
    return {
        way: MARK.format(unused_mark(f"{way[0]} {way[1]}", taken, REPLY_MARKS))
        for way in sorted(set(ways), key=str)
    }
