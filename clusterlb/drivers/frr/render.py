"""FRR's files from the inventory. VIPs are not in them: they come and go as addresses on the lanes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.lanes import lane_interface
from clusterlb.drivers.templates import environment
from clusterlb.model.inventory import Director, Inventory, Lane, Ospf

BFD_PROFILE = "clusterlb"


@dataclass(frozen=True, slots=True)
class _Interface:
    name: str
    lane: bool
    cost: int = 0


def render_config(inventory: Inventory, director: Director) -> str:
    """Return ``frr.conf`` for one director: the lines that clusterlb needs and no other.

    Every line is written as ``show running-config`` prints it and in its order, and values that are FRR's
    defaults are left out as FRR leaves them out, so that what runs can be compared with it as text.
    Raises DriverError when a timer is one that OSPF or FRR cannot express.
    """
    ospf = inventory.cluster.ospf
    ipv6 = _announces_ipv6(inventory)
    multiplier = _hello_multiplier(ospf)
    if ipv6 and multiplier:
        raise DriverError(
            f"ospf.hello {ospf.hello} s: OSPFv3 has no hello below 1 s (FRR ospf6d). "
            "Set hello to 1s or more; with bfd a dead director is noticed just as fast."
        )
    return (
        environment()
        .get_template("frr/frr.conf.j2")
        .render(
            cluster=inventory.cluster,
            director=director,
            ospf=ospf,
            ipv6=ipv6,
            interfaces=_interfaces(ospf, director),
            profile=BFD_PROFILE,
            hello_multiplier=multiplier,
            hello=0 if multiplier else _whole("hello", ospf.hello),
            dead=_whole("dead", ospf.dead),
            retransmit=_whole("retransmit", ospf.retransmit),
            bfd_interval=round(ospf.bfd.interval * 1000) if ospf.bfd else 0,
        )
    )


def render_daemons(inventory: Inventory) -> str:
    """Return ``/etc/frr/daemons`` with the daemons that the inventory needs."""
    return (
        environment()
        .get_template("frr/daemons.j2")
        .render(ipv6=_announces_ipv6(inventory), bfd=inventory.cluster.ospf.bfd is not None)
    )


def _announces_ipv6(inventory: Inventory) -> bool:
    return any(prefix.version == 6 for prefix in inventory.cluster.vip_prefixes)


def _interfaces(ospf: Ospf, director: Director) -> list[_Interface]:
    lanes = [_Interface(lane_interface(lane), True, ospf.costs.of(lane)) for lane in Lane]
    uplinks = [_Interface(name, False) for name in director.uplinks]
    return sorted(lanes + uplinks, key=lambda interface: _frr_order(interface.name))


def _frr_order(name: str) -> tuple[tuple[str, int], ...]:
    """Sort as FRR does, e2 before e10 (lib/if.c, if_cmp_name_func)."""
    return tuple((text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", name))


def _hello_multiplier(ospf: Ospf) -> int:
    """Return how many hellos a second OSPFv2 sends when hello is below 1 s, else 0."""
    if ospf.hello >= 1:
        return 0
    multiplier = round(1 / ospf.hello)
    if ospf.dead != 1 or abs(multiplier * ospf.hello - 1) > 0.01:
        raise DriverError(
            f"ospf.hello {ospf.hello} s, dead {ospf.dead} s: FRR sends hellos faster than 1 s only with "
            "dead 1s and a hello that divides it (500ms, 250ms, 200ms, 100ms). Or hello 1s with bfd."
        )
    return multiplier


def _whole(name: str, seconds: float) -> int:
    if seconds != int(seconds) or seconds < 1:
        raise DriverError(f"ospf.{name} {seconds} s: OSPF carries whole seconds, at least 1. Round it.")
    return int(seconds)
