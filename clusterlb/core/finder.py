"""Which virtual service a flow is of."""

from __future__ import annotations

from collections import defaultdict

from clusterlb.core.nft.part import client_ports
from clusterlb.core.served import Served
from clusterlb.model.address import IPAddress
from clusterlb.model.flow import Flow
from clusterlb.model.forwarding import PortRange
from clusterlb.model.ipvs import Protocol, ServiceKey


class ServiceFinder:
    """Finds the service of a flow as ip_vs_service_find() does: several ports, one port, then every port.

    A flow that the operator's own firewall mark leads to a service is not found: nothing in its entry says
    which mark its packets have.
    """

    def __init__(self, served: Served) -> None:
        self._one: dict[tuple[Protocol, IPAddress, int], ServiceKey] = {}
        self._ranges: dict[tuple[Protocol, IPAddress], list[tuple[PortRange, ServiceKey]]] = defaultdict(list)
        services = ((vip, service) for vip, service in served.values() if not service.fwmark)
        for vip, service in services:
            key = service.key(vip.address)
            for address, ports in ((a, p) for a in vip.addresses for p in client_ports(service)):
                if ports.first == ports.last:
                    self._one[service.protocol, address, ports.first] = key
                else:
                    self._ranges[service.protocol, address].append((ports, key))
        for ranges in self._ranges.values():
            ranges.sort(key=lambda item: item[0].last - item[0].first)  # every port is the widest

    def service_of(self, flow: Flow) -> ServiceKey | None:
        """Return the service of a flow, None where it is of none that is known here."""
        found = self._one.get((flow.protocol, flow.vip, flow.port))
        if found is not None or not self._ranges:
            return found
        ranges = self._ranges.get((flow.protocol, flow.vip), ())
        return next((key for ports, key in ranges if ports.first <= flow.port <= ports.last), None)
