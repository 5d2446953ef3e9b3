"""The kernel settings that an inventory's services need on a director, and no others."""

from __future__ import annotations

from collections.abc import Iterator

from clusterlb.core.marks import uses_vip
from clusterlb.core.programme import HASHING
from clusterlb.core.vrrp import groups_of
from clusterlb.model.address import AddressFamily, family_of
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.ipvs import Protocol

# What full NAT and SNAT need room for: some ten addresses' worth of ports. An entry takes about 320 bytes.
TRACKED = 1 << 20
BUCKETS = TRACKED // 4  # four entries a bucket, as the kernel itself sizes the table (nf_conntrack_core.c)


def sysctls(inventory: Inventory, director: Director) -> dict[str, str]:
    """Return the settings by names with slashes.

    A hashing scheduler sends a flow to the same member from every director, so a director must accept
    a flow that it has not seen begin (sloppy_tcp, sloppy_sctp: ip_vs_proto_tcp.c) and place an ICMP error
    for it (schedule_icmp: ip_vs_core.c); a flow whose member is gone is placed anew instead of hanging, with
    UDP whatever the scheduler (expire_nodest_conn). Without expire_quiescent_template a client that
    persistence knows is sent to its member even at weight 0. A probe through the VIP is answered from the
    VIP, an address of this host: accept_local lets such a packet in (fib_validate_source() in
    net/ipv4/fib_frontend.c).
    """
    return {
        **dict(_ipvs(inventory)),
        **dict(_forwarding(inventory, director)),
        **dict(_tracking(inventory)),
        **dict(_vrrp(inventory, director)),
    }


def limits(inventory: Inventory) -> dict[str, int]:
    """Return settings that must have at least these values, where connections are tracked."""
    if not (inventory.has_fullnat or inventory.snat_pools):
        return {}
    return {"net/netfilter/nf_conntrack_max": TRACKED, "net/netfilter/nf_conntrack_buckets": BUCKETS}


def _ipvs(inventory: Inventory) -> Iterator[tuple[str, str]]:
    for vip in inventory.vips.values():
        for service in vip.services:
            moves = service.protocol is Protocol.UDP and service.has_entries
            if service.scheduler in HASHING or moves or inventory.pools[service.pool].ends_flows_of(service):
                yield "net/ipv4/vs/expire_nodest_conn", "1"
            if service.scheduler in HASHING:
                yield "net/ipv4/vs/schedule_icmp", "1"
                if service.protocol is Protocol.SCTP:
                    yield "net/ipv4/vs/sloppy_sctp", "1"
                elif service.protocol is Protocol.TCP:
                    yield "net/ipv4/vs/sloppy_tcp", "1"
            if service.persistence:
                yield "net/ipv4/vs/expire_quiescent_template", "1"
            if vip.address.version == 4 and uses_vip(inventory.pools[service.pool]):
                yield "net/ipv4/conf/all/accept_local", "1"


def _forwarding(inventory: Inventory, director: Director) -> Iterator[tuple[str, str]]:
    """Yield what a director needs that passes on what is not for it.

    The way in and the way out of a flow differ: strict reverse path filtering would drop it, and the larger
    of the value for all interfaces and the interface's own counts (ip-sysctl.rst). Servers on the same link
    as the clients must not be told of a shorter way past the director.
    """
    translated = (Forwarding.NAT, Forwarding.FULLNAT)
    families = {family_of(vip.address) for vip, _, _, method in inventory.uses() if method in translated}
    families |= set(inventory.snat_families)
    if AddressFamily.IPV6 in families:
        yield "net/ipv6/conf/all/forwarding", "1"
    if AddressFamily.IPV4 in families:
        # first: it changes forwarding and accept_redirects everywhere (inet_forward_change(), devinet.c)
        yield "net/ipv4/ip_forward", "1"
        yield "net/ipv4/conf/all/accept_redirects", "0"
        for name in ("all", *director.interfaces):
            yield f"net/ipv4/conf/{name}/rp_filter", "0"
            yield f"net/ipv4/conf/{name}/send_redirects", "0"


def _tracking(inventory: Inventory) -> Iterator[tuple[str, str]]:
    """Yield what full NAT asks of connection tracking.

    IPVS must tell it of its translations (ip_vs_nfct.c). A packet outside the window it believes in would go
    untranslated, and be reset.
    """
    if inventory.has_fullnat:
        yield "net/ipv4/vs/conntrack", "1"
    if inventory.has_fullnat or inventory.snat_pools:
        yield "net/netfilter/nf_conntrack_tcp_be_liberal", "1"
    if inventory.snat_pools:
        # a flow that comes over from another director is in the middle (nf_conntrack_proto_tcp.c)
        yield "net/netfilter/nf_conntrack_tcp_loose", "1"


def _vrrp(inventory: Inventory, director: Director) -> Iterator[tuple[str, str]]:
    """Yield what keeps a director that is not master from answering for a VIP, which is a local address.

    Each interface answers ARP for its own addresses alone, and nobody asks in a VIP's name (ip-sysctl.rst).
    """
    for group in groups_of(inventory, director):
        yield f"net/ipv4/conf/{group.interface}/arp_ignore", "1"
        yield f"net/ipv4/conf/{group.interface}/arp_announce", "2"
