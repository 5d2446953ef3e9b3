"""A part of the table, and what all parts have in common."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.forwarding import Forwarding, PortRange
from clusterlb.model.inventory import Member, Service, Vip
from clusterlb.model.marks import KIND_MASK
from clusterlb.model.rules import Element, NamedSet, Rules

EVERY_PORT = PortRange(0, 65535)
MARK = "{:#010x}"  # as nft prints it


@dataclass(frozen=True, slots=True)
class Part:
    """Chains and dynamic sets as nft's text, and the named sets and maps that they look into."""

    chains: str = ""
    sets: Mapping[str, NamedSet] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Words:
    """How nft names one address family.

    ``ip`` selects the header, ``type`` is the type of an address, ``life`` the field that counts down the
    routers which a packet may still pass, ``suffix`` the end of our sets' names.
    """

    ip: str
    type: str
    life: str
    suffix: str


@dataclass(frozen=True, slots=True)
class Lookup:
    """What of a packet nft looks up (``key``), and in which set or map of ours (``name``)."""

    key: str
    name: str


WORDS = {
    AddressFamily.IPV4: Words("ip", "ipv4_addr", "ip ttl", "4"),
    AddressFamily.IPV6: Words("ip6", "ipv6_addr", "ip6 hoplimit", "6"),
}


def is_of(marks: range) -> str:
    """Write the end of a match: ``meta mark``, or ``ct mark``, is of one kind of ours."""
    return f"& {KIND_MASK:#x} == {marks.start:#x}"


def chain(name: str, hook: str, rules: Iterable[str], kind: str = "filter") -> str:
    """Write a base chain; ``hook`` is such as ``prerouting priority mangle``. No rules, no chain."""
    lines = [f"    {rule}\n" for rule in rules]
    if not lines:
        return ""
    return f"  chain {name} {{\n    type {kind} hook {hook}; policy accept;\n{''.join(lines)}  }}\n"


def jumped(name: str, rules: Iterable[str]) -> str:
    """Write a chain that others jump to."""
    return f"  chain {name} {{\n{''.join(f'    {rule}{chr(10)}' for rule in rules)}  }}\n"


def addresses(words: Words, found: Iterable[IPAddress], family: AddressFamily) -> NamedSet:
    """Return a set of the addresses of one family."""
    return NamedSet(words.type, elements={(str(a),): "" for a in found if family_of(a) is family})


def lookups(
    words: Words, end: str, name: str, elements: Mapping[Element, str], value: str = ""
) -> tuple[dict[str, NamedSet], list[Lookup]]:
    """Return the sets, or maps to ``value``, of these endpoints, and how packets are looked up in them.

    ``end``: ``s`` for a packet's source, ``d`` for its destination. One set has them all, unless a key is a
    range of ports: then there is one for each protocol. nft 1.0.6 cannot have kernels of 7.3 look up a
    concatenation with ``meta l4proto`` in a set with intervals (EOPNOTSUPP). And intervals are only where a
    key is one, for nft compares every new key of an interval set with all others; an exact set hashes it.
    """
    elements = apart(elements)
    address = f"{words.ip} {end}addr"
    if not any("-" in key[-1] for key in elements):
        whole = f"{name}{words.suffix}"
        kind = f"{words.type} . inet_proto . inet_service"
        return (
            {whole: NamedSet(kind, value, elements=elements)},
            [Lookup(f"{address} . meta l4proto . th {end}port", whole)],
        )
    sets: dict[str, NamedSet] = {}
    found: list[Lookup] = []
    for protocol in sorted({key[1] for key in elements}):
        part = f"{name}_{protocol}{words.suffix}"
        own: dict[Element, str] = {
            (key[0], key[2]): marked for key, marked in elements.items() if key[1] == protocol
        }
        interval = any("-" in key[-1] for key in own)
        sets[part] = NamedSet(f"{words.type} . inet_service", value, interval, own)
        found.append(Lookup(f"{address} . {protocol} {end}port", part))
    return sets, found


def apart(elements: Mapping[Element, str]) -> Mapping[Element, str]:
    """Return the same endpoints with no port of one in two keys, which nft refuses where keys are ranges.

    Keys that overlap become one where they mean the same. Ports that mean two things are left out: nothing in
    a packet says which was meant.
    """
    spans: defaultdict[tuple[str, ...], list[tuple[PortRange, str]]] = defaultdict(list)
    for (*host, ports), meant in elements.items():
        first, _, last = ports.partition("-")
        spans[tuple(host)].append((PortRange(int(first), int(last or first)), meant))
    return {
        (*host, str(ports)): meant
        for host, group in spans.items()
        for ports, meant in (_disjoint(group) if _overlap(group) else group)
    }


def _overlap(group: Iterable[tuple[PortRange, str]]) -> bool:
    return any(before.last >= after.first for (before, _), (after, _) in pairwise(sorted(group)))


def _disjoint(group: Sequence[tuple[PortRange, str]]) -> Iterator[tuple[PortRange, str]]:
    """Yield the ports that mean one thing, in ranges as wide as can be."""
    edges = sorted({edge for ports, _ in group for edge in (ports.first, ports.last + 1)})
    pieces: list[tuple[PortRange, str]] = []
    for first, behind in pairwise(edges):
        meant = {what for ports, what in group if ports.first <= first and behind <= ports.last + 1}
        if len(meant) != 1:
            continue
        (what,) = meant
        touching = pieces and pieces[-1][0].last + 1 == first and pieces[-1][1] == what
        pieces.append((PortRange(pieces.pop()[0].first if touching else first, behind - 1), what))
    yield from pieces


def reached(
    uses: Iterable[tuple[Vip, Service, Member, Forwarding]], wanted: Forwarding
) -> dict[AddressFamily, dict[Element, str]]:
    """Return where members get the packets that are forwarded in the wanted way, by family."""
    found: dict[AddressFamily, dict[Element, str]] = {}
    for _, service, member, method in uses:
        if method is wanted:
            keys = (endpoint(member.address, service, ports) for ports in member_ports(service, member))
            found.setdefault(family_of(member.address), {}).update(dict.fromkeys(keys, ""))
    return found


def client_ports(service: Service) -> tuple[PortRange, ...]:
    """Return the ports that clients of a service use; all where a firewall mark says what is its."""
    if service.port:
        return (PortRange(service.port, service.port),)
    return service.ports or (EVERY_PORT,)


def member_ports(service: Service, member: Member) -> tuple[PortRange, ...]:
    """Return the ports on which a member gets the packets of a service."""
    return client_ports(service) if service.keeps_port else (PortRange(member.port, member.port),)


def endpoint(address: IPAddress, service: Service, ports: PortRange) -> Element:
    """Return the key ``address . protocol . port``."""
    return (str(address), service.protocol.name.lower(), str(ports))


def join(parts: Iterable[Part]) -> Rules:
    """Put parts together, in their order.

    Parts may share a set; the first one's holds. They differ for a moment when the inventory has changed: the
    SNAT part is still that of the old one.
    """
    text, sets = "", dict[str, NamedSet]()
    for part in parts:
        text += part.chains
        sets |= {name: named for name, named in part.sets.items() if name not in sets}
    return Rules(text, sets)
