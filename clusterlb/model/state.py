"""A director's state: one type for what is wanted and for what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from clusterlb.model.address import IPAddress
from clusterlb.model.ipvs import KEEP_TIMEOUTS, ProtocolTimeouts, ServiceKey, ServiceState
from clusterlb.model.ospf import Lane
from clusterlb.model.rules import NO_RULES, Rules
from clusterlb.model.snat import Peer
from clusterlb.model.vrrp import VrrpDevice


class FrrLine(NamedTuple):
    """One configuration line of FRR and the contexts it stands in, outermost first.

    ``FrrLine(("interface e0",), "ip ospf cost 10")``; an empty context is the global level.
    """

    context: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class DirectorState:
    """Everything on a director that clusterlb owns.

    ``sysctls`` maps names with slashes (``net/ipv4/vs/sloppy_tcp``) to values; ``services`` holds the
    owned virtual services; ``local_routes`` the VIPs that the kernel delivers locally through our own
    route; ``lanes`` the lane interfaces that exist and are up; ``frr`` the configuration lines that are
    ours; ``announced`` each VIP that sits on a lane; ``rules`` our nftables table; ``timeouts`` those of
    IPVS, 0 for one that nobody asks for; ``peers`` the other directors that flows can be sent to;
    ``devices`` those of VRRP's virtual routers.
    """

    sysctls: Mapping[str, str] = field(default_factory=dict)
    services: Mapping[ServiceKey, ServiceState] = field(default_factory=dict)
    local_routes: frozenset[IPAddress] = frozenset()
    lanes: frozenset[Lane] = frozenset()
    frr: tuple[FrrLine, ...] = ()
    announced: Mapping[IPAddress, frozenset[Lane]] = field(default_factory=dict)
    rules: Rules = NO_RULES
    timeouts: ProtocolTimeouts = KEEP_TIMEOUTS
    peers: frozenset[Peer] = frozenset()
    devices: frozenset[VrrpDevice] = frozenset()
