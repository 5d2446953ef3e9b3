"""VIPs as they are written -> one for each address, with the firewall marks that their services need."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from clusterlb.core.marks import service_marks
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Vip


def spread(vips: Iterable[Vip]) -> dict[IPAddress, Vip]:
    """Return every address with its VIP; those of a group follow each other and have the same services."""
    written = list(vips)
    marks = service_marks(written)
    found: dict[IPAddress, Vip] = {}
    for vip in written:
        services = tuple(
            replace(service, mark=marks[vip.address, service.name])
            if (vip.address, service.name) in marks
            else service
            for service in vip.services
        )
        for address in vip.addresses:
            found[address] = replace(vip, address=address, services=services)
    return found
