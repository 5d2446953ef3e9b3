"""FRR's vrrpd for the VIPs that VRRP moves: the devices it needs, and its configuration."""

from __future__ import annotations

from dataclasses import dataclass

from clusterlb.drivers.templates import environment, fill
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Director, Inventory, Vrrp

_FIRST = 200  # the first director's priority; RFC 5798 leaves 1 to 254 to routers that own no address
_STEP = 10  # leaves room for a director that is to go before another for a while


class VrrpError(Exception):
    """There is nothing to generate; the text says why."""


@dataclass(frozen=True, slots=True)
class Group:
    """One VRRP group of a director: a VIP on one interface. ``interval`` is in milliseconds.

    ``device``: the macvlan with the group's virtual ``mac``. ``serves``: the VIP's address is on it.
    """

    vip: IPAddress
    interface: str
    device: str
    mac: str
    vrid: int
    priority: int
    interval: int
    preempt: bool
    serves: bool


def groups_of(inventory: Inventory, director: Director) -> tuple[Group, ...]:
    """Return the groups of one director, in the inventory's order; VrrpError when it has none."""
    modes = {vip.address: vip.ha for vip in inventory.vips.values() if isinstance(vip.ha, Vrrp)}
    # counted over all directors, so that a device has the same name everywhere
    links = list(dict.fromkeys(name for ha in modes.values() for name in ha.interfaces))
    groups = tuple(
        Group(
            vip=address,
            interface=name,
            device=f"vrrp{address.version}-{links.index(name) + 1}-{ha.vrid}",
            mac=_mac(address, ha.vrid),
            vrid=ha.vrid,
            priority=_FIRST - _STEP * ha.order.index(director.name),
            interval=round(ha.interval * 1000),
            preempt=ha.preempt,
            serves=name == ha.interfaces[0],
        )
        for address, ha in modes.items()
        if director.name in ha.order
        for name in ha.interfaces
    )
    if not groups:
        raise VrrpError(f"no VIP has `ha: {{mode: vrrp}}` with {director.name} in its `order`")
    return groups


def render_links(inventory: Inventory, director: Director) -> str:
    """Return the shell script that makes the groups' macvlan devices; raises VrrpError.

    FRR's manual, chapter VRRP, says which it needs. ``addrgenmode`` is set afterwards: some kernels refuse it
    for a device that is only about to be.
    """
    return _render("frr/vrrp-links.sh.j2", inventory, director)


def render_frr(inventory: Inventory, director: Director) -> str:
    """Return vrrpd's lines of frr.conf; raises VrrpError."""
    return _render("frr/vrrp.conf.j2", inventory, director)


def _render(template: str, inventory: Inventory, director: Director) -> str:
    groups = groups_of(inventory, director)
    interfaces = tuple(dict.fromkeys(group.interface for group in groups))
    jinja = environment()
    jinja.filters["sysctl"] = _sysctl
    return fill(jinja, template, director=director.name, interfaces=interfaces, groups=groups)


def _mac(vip: IPAddress, vrid: int) -> str:
    """Return the virtual router's MAC address (RFC 5798, 7.3)."""
    return f"00:00:5e:00:{1 if vip.version == 4 else 2:02x}:{vrid:02x}"


def _sysctl(interface: str) -> str:
    """Return an interface as a part of a sysctl's name, where dots part (sysctl(8))."""
    return interface.replace(".", "/")
