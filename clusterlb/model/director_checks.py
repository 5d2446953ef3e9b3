"""What a director checks of itself."""

from __future__ import annotations

from dataclasses import dataclass

from clusterlb.model.address import Endpoint
from clusterlb.model.check import CheckSpec


@dataclass(frozen=True, slots=True)
class DirectorProbe:
    """A check of the director's own: ``target`` is what is probed; a file or a command needs none."""

    name: str
    check: CheckSpec
    target: Endpoint


@dataclass(frozen=True, slots=True)
class DirectorChecks:
    """When a director is fit by itself.

    ``carrier``: some uplink has carrier. ``ospf_full``: this many OSPF neighbours on the uplinks are Full, 0
    does not ask. ``bfd``: some BFD session with such a neighbour is up. ``conntrack``, ``connections`` and
    ``descriptors``: per cent of the connection tracking table, of the IPVS connection table's room and of the
    open files at which it is unfit, 0 does not ask. ``probes``: checks of the operator's own; all must pass.
    """

    carrier: bool = True
    ospf_full: int = 0
    bfd: bool = False
    conntrack: int = 0
    connections: int = 0
    descriptors: int = 0
    probes: tuple[DirectorProbe, ...] = ()


BASIC_CHECKS = DirectorChecks()
