"""The part of our nftables table that sends flows to their owner and translates those that are ours.

A mark names a director (``core.marks.director_marks``): on a packet, where a policy rule sends it; on a
connection, who translates it. What comes from a pool's sources is handled in this order:

- in raw, a TCP SYN in another director's bucket is sent to the bucket's owner and not tracked: connection
  tracking sees one direction of such a flow alone, and would call all but the SYN invalid;
- in mangle, a connection with a mark goes on as before; a new one goes to its bucket's owner;
- a TCP packet that belongs to no connection here was moved by ECMP: it goes to the bucket's owner, from there
  to the owner before (``previous``), and so on until a director knows the connection;
- in filter, a packet is dropped that is marked for another director and leaves by another way;
- in srcnat, a new connection that is ours gets one of our addresses of the pool.

The maps of two directors may differ for seconds. So a TCP packet that is sent on gets a small TTL, enough for
HOPS directors, and the owner that knows its connection sets a usual TTL again. A SYN needs no such cap
(``core.snat.buckets``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from clusterlb.core.marks import director_marks
from clusterlb.core.nft.part import (
    MARK,
    WORDS,
    Part,
    Words,
    addresses,
    chain,
    is_of,
    jumped,
    lookups,
    reached,
)
from clusterlb.core.nft.untracked import untracked_replies
from clusterlb.core.snat.buckets import BUCKETS, SEED, Buckets, Owners, PoolFamily
from clusterlb.model.address import AddressFamily, IPAddress, IPNetwork, family_of
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.marks import DIRECTOR_MARKS, UNKNOWN_OWNER
from clusterlb.model.rules import Element, NamedSet, Rules
from clusterlb.model.snat import SnatPool

HOPS = 4  # how often a TCP packet may be sent from director to director
_LIFE = 7  # its TTL then: it arrives with 6, and may be sent on as long as it has more than LIFE - HOPS
_FULL_LIFE = 64
_ADDRESS_SEED = 0x5EED
_PORTS = "meta l4proto { tcp, udp, udplite, dccp, sctp }"
_OPENS = "tcp flags & (fin | syn | rst | ack) == syn"
_MARKED = is_of(DIRECTOR_MARKS)
# A map's key must be of the hash's own type. nft 1.0.6 crashes when it lists one that is declared by jhash,
# and nft 1.1.7 turns the bytes of a bucket's number round where it is a key alone, not in a concatenation.
_BUCKET, _MARK = "typeof meta nfproto . symhash mod 256", "meta mark"
_PROTOCOL = {AddressFamily.IPV4: "2", AddressFamily.IPV6: "10"}  # NFPROTO_*, linux/netfilter.h


def snat_part(inventory: Inventory, director: Director, buckets: Mapping[PoolFamily, Buckets]) -> Part:
    """Return the part for the inventory's SNAT pools; empty without one.

    ``buckets``: who owns what, for each pool and family that has addresses. Every director has the maps and
    sends flows to their owners; only those with addresses of a pool translate.
    """
    if not inventory.snat_pools:
        return Part()
    numbers = director_marks(inventory.directors)
    others = [a for name, one in inventory.directors.items() if name != director.name for a in one.inside]
    sets, spared = _spared(inventory)
    opening: list[str] = []
    steering: list[str] = []
    leaving: list[str] = []
    text = ""
    for each in _branches(inventory, director):
        known = buckets.get((each.pool.name, each.family), Buckets())
        sets[each.current] = _map(known.current, each.family, numbers, director.name)
        sets[each.previous] = _map(known.previous, each.family, numbers, director.name)
        for rules, name in ((opening, "open"), (steering, "steer"), (leaving, "out")):
            rules.extend(f"{match} goto snat_{name}{each.suffix}" for match in each.matches())
        text += each.chains(f"{numbers[director.name]:#x}")
    families = inventory.snat_families
    for family in families:
        words = WORDS[family]
        sets[f"snat_peers{words.suffix}"] = addresses(words, others, family)
    text += jumped("snat_ours", (_revived(WORDS[family]) for family in families))
    text += jumped("snat_hop", (rule for family in families for rule in _capped(WORDS[family])))
    return Part(
        text
        + chain("snat_opening", "prerouting priority raw + 10", [f"{_OPENS} goto snat_opens"])
        + jumped("snat_opens", [*spared, *opening])
        + chain(
            "snat_steering",
            "prerouting priority mangle + 10",
            [f"meta mark {_MARKED} accept", *spared, *steering],
        )
        + chain(
            "snat_leaving",
            "postrouting priority srcnat",
            [f"ct mark != {numbers[director.name]:#x} accept", *leaving],
            "nat",
        )
        # a packet to a peer leaves by the interface that it came in by: the kernel would send a redirect
        + chain(
            "snat_output",
            "output priority filter",
            ["icmp type redirect drop", "icmpv6 type nd-redirect drop"],
        )
        + chain("snat_forward", "forward priority filter", map(_astray, families)),
        sets,
    )


def read_buckets(rules: Rules, inventory: Inventory, director: Director) -> dict[PoolFamily, Buckets]:
    """Return what the maps of a table say, for the pools and families that it has; a start goes on there."""
    names = {MARK.format(mark): name for name, mark in director_marks(inventory.directors).items()}
    found = {}
    for each in _branches(inventory, director):
        if each.current in rules.sets and each.previous in rules.sets:
            now, before = rules.sets[each.current].elements, rules.sets[each.previous].elements
            own = director.name if each.own else None
            found[each.pool.name, each.family] = Buckets(
                tuple(names.get(now.get(_key(each.family, bucket), ""), own) for bucket in range(BUCKETS)),
                tuple(names.get(before.get(_key(each.family, bucket), "")) for bucket in range(BUCKETS)),
            )
    return found


@dataclass(frozen=True, slots=True)
class _Branch:
    """One pool's rules in one family; ``own``: this director's addresses."""

    pool: SnatPool
    family: AddressFamily
    own: tuple[IPAddress, ...]

    @property
    def suffix(self) -> str:
        return f"{WORDS[self.family].suffix}_{self.pool.name}"

    @property
    def current(self) -> str:
        return f"snat_current{self.suffix}"

    @property
    def previous(self) -> str:
        return f"snat_previous{self.suffix}"

    def matches(self) -> Iterator[str]:
        """Yield what says that a packet is of this pool; nothing when no source is of this family."""
        ip = WORDS[self.family].ip
        sources = _of(self.pool.sources, self.family)
        destinations = _of(self.pool.destinations, self.family)
        if sources and (destinations or not self.pool.destinations):
            where = f"{ip} saddr {{ {sources} }}"
            where += f" {ip} daddr {{ {destinations} }}" if destinations else ""
            yield where + (f" meta mark {self.pool.fwmark:#x}" if self.pool.fwmark else "")

    def chains(self, mine: str) -> str:
        """Write the chains; ``mine`` is this director's mark."""
        ip = WORDS[self.family].ip
        pair = f"jhash {ip} saddr . {ip} daddr"
        flow = f"jhash {ip} saddr . th sport . {ip} daddr . th dport"
        bucket, bucket_of_pair = (
            f"meta nfproto . {what} mod {BUCKETS} seed {SEED:#x}" for what in (flow, pair)
        )
        older = f"meta mark set {bucket} map @{self.previous} ct mark set {UNKNOWN_OWNER:#x} goto snat_hop"
        return (
            jumped(f"snat_open{self.suffix}", [f"meta mark set {bucket} map @{self.current} notrack"])
            + jumped(
                f"snat_steer{self.suffix}",
                [
                    f"ct mark {mine} goto snat_ours",
                    f"meta l4proto tcp goto snat_tcp{self.suffix}",
                    f"ct mark {_MARKED} meta mark set ct mark accept",
                    "ct state != new accept",
                    f"{_PORTS} meta mark set {bucket} map @{self.current} ct mark set meta mark accept",
                    f"{_PORTS} ct mark set {mine} accept",
                    f"meta mark set {bucket_of_pair} map @{self.current} ct mark set meta mark accept",
                    f"ct mark set {mine}",
                ],
            )
            + jumped(
                f"snat_tcp{self.suffix}",
                [
                    # the ports of a flow that went elsewhere, and has not been forgotten
                    f"{_OPENS} ct mark {_MARKED} drop",
                    f"{_OPENS} ct mark set {mine} accept",
                    f"ct mark {_MARKED} ct mark != {UNKNOWN_OWNER:#x} meta mark set ct mark goto snat_hop",
                    "ct state established,related accept",
                    f"{WORDS[self.family].life} < {_LIFE} {older}",
                    f"meta mark set {bucket} map @{self.current} ct mark set meta mark goto snat_hop",
                    older,
                    "ct state invalid drop",
                    f"ct mark {UNKNOWN_OWNER:#x} drop",
                    f"ct mark set {mine} goto snat_ours",
                ],
            )
            + jumped(f"snat_out{self.suffix}", list(self._translations(flow, pair)))
        )

    def _translations(self, flow: str, pair: str) -> Iterator[str]:
        ip = WORDS[self.family].ip
        if not self.own:
            yield "drop"  # nobody serves, and with its own address it must not go out
            return
        places = ", ".join(f"{place} : {address}" for place, address in enumerate(self.own))
        for which, what in ((f"{_PORTS} ", flow), ("", pair)):
            yield f"{which}snat {ip} to {what} mod {len(self.own)} seed {_ADDRESS_SEED:#x} map {{ {places} }}"


def _branches(inventory: Inventory, director: Director) -> Iterator[_Branch]:
    for pool in inventory.snat_pools.values():
        for family in pool.families:
            yield _Branch(pool, family, pool.addresses_of(director.name, family))


def _spared(inventory: Inventory) -> tuple[dict[str, NamedSet], list[str]]:
    """Return the rules that keep out of the pools what is never theirs, with their sets.

    That is packets to VIPs, which the guard has in a set, and replies of masqueraded members. Those that are
    not tracked are in a set of the untracked part. The replies of a service that has full NAT for some of its
    members are tracked, so they are in a set of their own.
    """
    masqueraded = reached(inventory.uses(), Forwarding.NAT)
    untracked = untracked_replies(inventory)
    sets: dict[str, NamedSet] = {}
    rules = ["fib daddr type != unicast accept"]
    for family in inventory.snat_families:
        words = WORDS[family]
        vips = f"vips{words.suffix}"
        sets[vips] = addresses(words, inventory.vips, family)
        rules.append(f"{words.ip} daddr @{vips} accept")
        apart = untracked.get(family, {})
        tracked = {key: "" for key in masqueraded.get(family, {}) if key not in apart}
        for name, elements in (("untracked_reply", apart), ("tracked_reply", tracked)):
            if elements:
                named, found_by = lookups(words, "s", name, elements)
                sets |= named
                rules += [f"{each.key} @{each.name} accept" for each in found_by]
    return sets, rules


def _capped(words: Words) -> Iterator[str]:
    """Yield rules that cap the TTL so that a packet is forwarded between directors at most HOPS times."""
    yield f"{words.life} <= {_LIFE - HOPS} drop"
    yield f"{words.life} > {_LIFE} {words.life} set {_LIFE}"


def _revived(words: Words) -> str:
    return f"meta l4proto tcp {words.life} < {_LIFE} {words.life} set {_FULL_LIFE}"


def _astray(family: AddressFamily) -> str:
    """Drop a packet that is marked for another director and leaves by another way, un-translated.

    The far end would reset the flow. It happens when others have removed our policy rules, and with them the
    rule that drops such packets (``drivers.peers``).
    """
    words = WORDS[family]
    elsewhere = f"rt {words.ip} nexthop != @snat_peers{words.suffix}"
    return f"meta nfproto ipv{words.suffix} meta mark {_MARKED} {elsewhere} drop"


def _key(family: AddressFamily, bucket: int) -> Element:
    return _PROTOCOL[family], str(bucket)


def _map(owners: Owners, family: AddressFamily, numbers: Mapping[str, int], own: str) -> NamedSet:
    """Return the map to the marks of others; what is not in it is ours, or nobody's."""
    elements: dict[Element, str] = {
        _key(family, bucket): MARK.format(numbers[name])
        for bucket, name in enumerate(owners)
        if name is not None and name != own
    }
    return NamedSet(_BUCKET, _MARK, elements=elements)


def _of(networks: tuple[IPNetwork, ...], family: AddressFamily) -> str:
    return ", ".join(str(network) for network in networks if family_of(network.network_address) is family)
