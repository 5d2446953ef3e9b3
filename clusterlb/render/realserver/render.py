"""A real server's needs in the words of what configures the host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import chain

from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Inventory
from clusterlb.model.marks import CLUSTERLB_PROTO
from clusterlb.render.realserver.host import Host, host_of
from clusterlb.render.realserver.needs import RealServerError
from clusterlb.render.realserver.script import realserver_script
from clusterlb.render.templates import environment, fill

INTERFACE = "INTERFACE"  # stands where the operator has to fill the name in; no host has one


class Format(Enum):
    """What the text is for."""

    SH = "sh"
    NETWORKD = "networkd"
    IFUPDOWN = "ifupdown"
    ANSIBLE = "ansible"


def render(
    inventory: Inventory, hosts: Iterable[Sequence[IPAddress]], form: Format, interface: str = INTERFACE
) -> str:
    """Return the text for these hosts, each given by its members' addresses.

    ``sh`` and ``ansible`` have one script for all, ``networkd`` and ``ifupdown`` a part for each host, with
    default routes by ``interface``. Raises RealServerError, also when a format cannot say what a host needs.
    """
    wanted = list(hosts)
    members = list(dict.fromkeys(chain.from_iterable(wanted)))
    script = realserver_script(inventory, members)
    if form is Format.SH:
        return script
    jinja = environment()
    cluster = inventory.cluster.name
    if form is Format.ANSIBLE:
        unit = fill(jinja, "realserver/unit.j2", cluster=cluster)
        return fill(
            jinja, "realserver/ansible.j2", cluster=cluster, members=members, script=script, unit=unit
        )
    found = [host_of(inventory, addresses) for addresses in wanted]
    if form is Format.NETWORKD:
        for host in found:
            _check_networkd(host)
    template = f"realserver/{form.value}.j2"
    return fill(jinja, template, cluster=cluster, hosts=found, interface=interface, protocol=CLUSTERLB_PROTO)


def needs_interface(inventory: Inventory, hosts: Iterable[Sequence[IPAddress]], form: Format) -> bool:
    """Say whether the text names the interface towards the directors. Raises RealServerError."""
    return form in (Format.NETWORKD, Format.IFUPDOWN) and any(
        host_of(inventory, addresses).routed for addresses in hosts
    )


def _check_networkd(host: Host) -> None:
    """Refuse what systemd-networkd has no word for (systemd.netdev(5); fou-tunnel.c says AF_INET always)."""
    if any(receiver.checksum for receiver, _ in host.receivers):
        raise RealServerError(
            f"{host.names}: systemd-networkd cannot set up GRE with a checksum; take --format sh or ansible"
        )
    if any(listener.version == 6 for listener in host.listeners):
        raise RealServerError(
            f"{host.names}: systemd-networkd cannot set up GUE over IPv6; take --format sh or ansible"
        )
