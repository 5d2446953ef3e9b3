"""Services as rules of ``ipvsadm --restore``, for people and for other tools.

Options: ipvsadm(8), version 1.31.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from ipaddress import IPv4Address

from clusterlb.model.address import AddressFamily, endpoint_text
from clusterlb.model.ipvs import (
    Destination,
    ForwardMethod,
    Protocol,
    ServiceFlag,
    ServiceKey,
    ServiceState,
    TunnelFlag,
    TunnelType,
    VirtualService,
    ipv4_mask,
)
from clusterlb.render.templates import fill

TEMPLATE = "ipvs/services.rules.j2"

_PROTOCOLS = {Protocol.TCP: "-t", Protocol.UDP: "-u", Protocol.SCTP: "--sctp-service"}
# The kernel chooses LOCAL and BYPASS itself, for local addresses.
_METHODS = {
    ForwardMethod.MASQ: "-m",
    ForwardMethod.LOCAL: "-m",
    ForwardMethod.TUNNEL: "-i",
    ForwardMethod.ROUTE: "-g",
    ForwardMethod.BYPASS: "-g",
}
_TUNNELS = {TunnelType.IPIP: "ipip", TunnelType.GUE: "gue", TunnelType.GRE: "gre"}
_CHECKSUMS = {
    TunnelFlag.NOCSUM: "--tun-nocsum",
    TunnelFlag.CSUM: "--tun-csum",
    TunnelFlag.REMCSUM: "--tun-remcsum",
}
_SCHEDULER_FLAGS = {
    ServiceFlag.SCHED1: ("flag-1", "fallback"),
    ServiceFlag.SCHED2: ("flag-2", "port"),
    ServiceFlag.SCHED3: ("flag-3", ""),
}


def render_rules(services: Iterable[ServiceState]) -> str:
    """Return the rules that build these services, with destinations in their insertion order.

    A destination whose weight is not its nominal one is added with that and then edited, as the driver does.
    """
    return fill(
        TEMPLATE,
        services=list(services),
        selector=_selector,
        scheduler_flags=_scheduler_flags,
        persistence=_persistence,
        one_packet=_one_packet,
        options=_destination_options,
        at_nominal=lambda destination: replace(destination, weight=destination.nominal),
    )


def _selector(key: ServiceKey) -> str:
    if key.address is None:
        return f"-f {key.fwmark}" + (" -6" if key.family is AddressFamily.IPV6 else "")
    return f"{_PROTOCOLS[key.protocol]} {endpoint_text(key.address, key.port)}"


def _scheduler_flags(service: VirtualService) -> str:
    prefix = service.scheduler if service.scheduler in ("mh", "sh") else ""
    names = [
        f"{prefix}-{special}" if prefix and special else general
        for flag, (general, special) in _SCHEDULER_FLAGS.items()
        if flag in service.flags
    ]
    return ",".join(names)


def _one_packet(service: VirtualService) -> bool:
    """Say whether to write ``-o``: with tcp and sctp it has no effect, and ipvsadm refuses to restore it."""
    return ServiceFlag.ONE_PACKET in service.flags and service.key.protocol in (Protocol.UDP, Protocol.NONE)


def _persistence(service: VirtualService) -> str:
    """Return the persistence options; without ``-M``, ipvsadm assumes a prefix of all bits."""
    ipv6 = service.key.family is AddressFamily.IPV6
    persistent = ServiceFlag.PERSISTENT in service.flags
    options = [f"-p {service.timeout}"] if persistent else []
    if persistent and service.prefix != (128 if ipv6 else 32):
        mask = str(service.prefix if ipv6 else IPv4Address(ipv4_mask(service.prefix)))
        options.append(f"-M {mask}")
    return " ".join(options)


def _destination_options(destination: Destination) -> str:
    options = [
        f"-r {endpoint_text(*destination.key)}",
        _METHODS[destination.method],
        f"-w {destination.weight}",
    ]
    if destination.upper or destination.lower:
        options.append(f"-x {destination.upper} -y {destination.lower}")
    if destination.method is ForwardMethod.TUNNEL and destination.tunnel_type is not TunnelType.IPIP:
        options.append(f"--tun-type {_TUNNELS[destination.tunnel_type]}")
        if destination.tunnel_type is TunnelType.GUE:
            options.append(f"--tun-port {destination.tunnel_port}")
        options.append(_CHECKSUMS[destination.tunnel_flags])
    return " ".join(options)
