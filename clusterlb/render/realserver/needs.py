"""A real server's needs for the VIPs whose services use the server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from clusterlb.model.address import IPAddress
from clusterlb.model.forwarding import Forwarding, Tunnel
from clusterlb.model.inventory import Inventory, Member, Service
from clusterlb.model.ipvs import Protocol, TunnelFlag, TunnelType
from clusterlb.render.templates import RenderError

LOOPBACK = "lo"
MTU = 1500  # of the path from a director to a real server

# bytes: RFC 791 and 8200; RFC 9293; RFC 2784; struct udphdr with struct guehdr (include/net/gue.h)
_IP = {4: 20, 6: 40}
_TCP = 20
_INSIDE = {TunnelType.IPIP: 0, TunnelType.GUE: 8 + 4, TunnelType.GRE: 4}
_REMOTE_CHECKSUM = 4 + 4  # GUE_LEN_PRIV and GUE_PLEN_REMCSUM
_GRE_CHECKSUM = 4


class RealServerError(RenderError):
    """A real server cannot be set up; the text says which, why, and what to change."""


class Receiver(NamedTuple):
    """A device that decapsulates packets tunnelled to a member's address. ``kind``: ip-link(8)'s type.

    ``checksum``: the device accepts only GRE with a checksum.
    """

    name: str
    kind: str
    checksum: bool


class Listener(NamedTuple):
    """A UDP port that accepts GUE packets of an IP version."""

    port: int
    version: int


class Place(NamedTuple):
    """A VIP, and the device that holds it."""

    vip: IPAddress
    device: str

    def __str__(self) -> str:
        return f"{self.vip}/{self.vip.max_prefixlen} {self.device}"


class Clamp(NamedTuple):
    """The largest segment, in bytes, that clients of a VIP may send. ``str()``: the nft rule."""

    vip: IPAddress
    mss: int

    def __str__(self) -> str:
        family = "ip" if self.vip.version == 4 else "ip6"
        return f"{family} saddr {self.vip} tcp flags syn tcp option maxseg size set {self.mss}"


@dataclass(frozen=True, slots=True)
class Needs:
    """The needs of the host with one member's address; empty fields: no such need.

    ``gateways``: the directors' addresses that the host's default route leads to.
    """

    address: IPAddress
    places: tuple[Place, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    listeners: tuple[Listener, ...] = ()
    clamps: tuple[Clamp, ...] = ()
    gateways: tuple[IPAddress, ...] = ()

    @property
    def quiet(self) -> dict[str, str]:
        """Return the sysctls, to be set before the VIPs, against ARP for the VIPs (ip-sysctl.rst).

        IPv6 needs none: only the device that holds an address answers a neighbour solicitation
        (ndisc_recv_ns() in net/ipv6/ndisc.c), and lo, which holds the VIPs, receives none.
        """
        if all(place.vip.version == 6 for place in self.places):
            return {}
        return {"net/ipv4/conf/all/arp_ignore": "1", "net/ipv4/conf/all/arp_announce": "2"}

    @property
    def loose(self) -> dict[str, str]:
        """Return the sysctls of the devices that decapsulate packets to IPv4 VIPs; IPv6 has no rp_filter.

        The kernel uses the larger of ``all`` and the device's value, and 2 (loose) is the largest: so 2 takes
        effect for any value of ``all``, and other devices do not change.
        """
        holding = {place.device for place in self.places}
        return {
            f"net/ipv4/conf/{receiver.name}/rp_filter": "2"
            for receiver in self.receivers
            if receiver.name in holding
        }

    @property
    def spread(self) -> dict[str, str]:
        """Return the sysctls for several gateways. IPv6 avoids a dead gateway without a setting."""
        if len(self.gateways) < 2:
            return {}
        if self.address.version == 6:
            return {"net/ipv6/fib_multipath_hash_policy": "1"}
        return {"net/ipv4/fib_multipath_hash_policy": "1", "net/ipv4/fib_multipath_use_neigh": "1"}

    @property
    def default(self) -> str:
        """Return the prefix of the default route."""
        return "0.0.0.0/0" if self.address.version == 4 else "::/0"


class _Use(NamedTuple):
    vip: IPAddress
    service: Service
    member: Member

    @property
    def forwarding(self) -> Forwarding:
        return self.service.forwarding_of(self.member)

    @property
    def tunnel(self) -> Tunnel:
        return self.member.tunnel or self.service.tunnel


def needs_of(inventory: Inventory, address: IPAddress, suffix: str = "") -> Needs:
    """Return the needs of the host with a member's address, for all services of the member's pools.

    ``suffix`` is appended to the devices' names, for a host with several members' addresses. Raises
    RealServerError when no director has an address for replies, or when two services need contradictory
    settings of one device.
    """
    uses = list(_uses(inventory, address))
    tunnelled = [use for use in uses if use.forwarding is Forwarding.TUN]
    places = [Place(use.vip, LOOPBACK) for use in uses if use.forwarding is Forwarding.DR]
    places += [Place(use.vip, _holder(use, suffix)) for use in tunnelled]
    receivers = dict.fromkeys(_receiver(use, suffix) for use in tunnelled)
    if len({receiver.name for receiver in receivers}) < len(receivers):
        raise RealServerError(
            f"{address} is sent GRE packets with a checksum by one service and without by another, and Linux "
            "takes one kind for an address (ip_tunnel_rcv): set the same `checksum` in both"
        )
    gue = (use.tunnel.port for use in tunnelled if use.tunnel.type is TunnelType.GUE)
    clamps = [Clamp(use.vip, _mss(use)) for use in tunnelled if use.service.protocol is Protocol.TCP]
    masquerades = any(use.forwarding is Forwarding.NAT for use in uses)
    return Needs(
        address=address,
        places=tuple(dict.fromkeys(places)),
        receivers=tuple(receivers),
        listeners=tuple(dict.fromkeys(Listener(port, address.version) for port in gue)),
        clamps=lowest(clamps),
        gateways=_gateways(inventory, address) if masquerades else (),
    )


def _uses(inventory: Inventory, address: IPAddress) -> Iterator[_Use]:
    for vip in inventory.vips.values():
        for service in vip.services:
            pool = inventory.pools[service.pool]
            members = list(pool.members)
            if pool.sorry is not None:
                members.append(Member(pool.sorry.address, pool.sorry.port, forwarding=pool.sorry.forwarding))
            for member in members:
                if member.address == address:
                    uses = (_Use(each, service, member) for each in vip.addresses)
                    # only a tunnel carries one IP version in the other
                    yield from (
                        use
                        for use in uses
                        if use.forwarding is Forwarding.TUN or use.vip.version == address.version
                    )


def _receiver(use: _Use, suffix: str) -> Receiver:
    """Return the device for a tunnel. GUE's inner packets have ipip's protocol (gue_udp_recv)."""
    if use.tunnel.type is TunnelType.GRE:
        kind = "gre" if use.member.address.version == 4 else "ip6gre"
        return Receiver(f"clb-{kind}{suffix}", kind, TunnelFlag.CSUM in use.tunnel.checksum)
    in_ipv4 = "ipip" if use.vip.version == 4 else "sit"
    kind = in_ipv4 if use.member.address.version == 4 else "ip6tnl"
    return Receiver(f"clb-{kind}{suffix}", kind, checksum=False)


def _holder(use: _Use, suffix: str) -> str:
    """Return the device for a tunnelled VIP: for IPv4, the device that decapsulates its packets.

    With the VIP on another device rp_filter drops the packets, in its loose mode too, because the tunnel
    device has no address (__fib_validate_source() in net/ipv4/fib_frontend.c).
    """
    return _receiver(use, suffix).name if use.vip.version == 4 else LOOPBACK


def _mss(use: _Use) -> int:
    """Return the largest segment that fits the MTU inside the tunnel (ip_vs_tunnel_xmit())."""
    outer = _IP[use.member.address.version] + _INSIDE[use.tunnel.type]
    if use.tunnel.type is TunnelType.GUE and TunnelFlag.REMCSUM in use.tunnel.checksum:
        outer += _REMOTE_CHECKSUM
    if use.tunnel.type is TunnelType.GRE and TunnelFlag.CSUM in use.tunnel.checksum:
        outer += _GRE_CHECKSUM
    return MTU - outer - _IP[use.vip.version] - _TCP


def lowest(clamps: Iterable[Clamp]) -> tuple[Clamp, ...]:
    """Return one clamp for each VIP, its lowest."""
    found: dict[IPAddress, int] = {}
    for vip, mss in clamps:
        found[vip] = min(mss, found.get(vip, mss))
    return tuple(Clamp(vip, mss) for vip, mss in found.items())


def _gateways(inventory: Inventory, address: IPAddress) -> tuple[IPAddress, ...]:
    inside = (each for director in inventory.directors.values() for each in director.inside)
    found = tuple(each for each in inside if each.version == address.version)
    if not found:
        raise RealServerError(
            f"{address} is reached with nat, and no director has an IPv{address.version} address in `inside` "
            "that replies could go to: give each director its address on the real servers' link"
        )
    return found
