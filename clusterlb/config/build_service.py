"""Validated services, members and tunnels -> the model's dataclasses."""

from __future__ import annotations

from clusterlb.config.models.forwarding import GreFile, GueFile, TunnelFile
from clusterlb.config.models.vip import ServiceFile
from clusterlb.model.forwarding import Forwarding, Tunnel
from clusterlb.model.inventory import USUAL_FLAGS, Service
from clusterlb.model.ipvs import Protocol, TunnelFlag, TunnelType

_CHECKSUM = {"none": TunnelFlag.NOCSUM, "full": TunnelFlag.CSUM, "remote": TunnelFlag.REMCSUM}


def service(file: ServiceFile) -> Service:
    """Return one service, without the mark that it may need."""
    return Service(
        protocol=Protocol[file.protocol.upper()],
        port=file.port or 0,
        pool=file.pool,
        forwarding=Forwarding(file.forwarding),
        scheduler=file.scheduler,
        flags=USUAL_FLAGS.get(file.scheduler, frozenset()) if file.flags is None else frozenset(file.flags),
        persistence=file.persistence,
        netmask=file.netmask,
        tunnel=tunnel(file.tunnel),
        ports=tuple(sorted(file.ports or ())),
        fwmark=file.fwmark or 0,
    )


def tunnel(file: TunnelFile) -> Tunnel:
    """Return one encapsulation."""
    return Tunnel(
        TunnelType[file.type.upper()],
        file.port if isinstance(file, GueFile) else 0,
        _CHECKSUM[file.checksum] if isinstance(file, GueFile | GreFile) else TunnelFlag.NOCSUM,
    )


def method(name: str | None) -> Forwarding | None:
    """Return a forwarding method; None where it is left to the service."""
    return None if name is None else Forwarding(name)
