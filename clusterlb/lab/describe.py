"""The description of a lab for other programs: the JSON file that CLUSTERLB_LAB names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clusterlb.lab.servers import set_up_command
from clusterlb.lab.spec import LabSpec
from clusterlb.lab.topology import LabTopology
from clusterlb.model.inventory import Inventory, Pool, Service, Vip


def describe(
    spec: LabSpec, inventory: Inventory, lab: LabTopology, run_dir: Path, logs: Path
) -> dict[str, Any]:
    """Return names, addresses, services, and the directors' folders and logs."""
    return {
        "namespaces": list(lab.names),
        "run_dir": str(run_dir),
        "socket": str(run_dir / "lab.sock"),
        "inventory": str(run_dir / "inventory.yaml"),
        "vips": [str(vip) for vip in lab.vips],
        "port": next((s.port for vip in inventory.vips.values() for s in vip.services if s.port), 0),
        "services": [
            _service(vip, service, inventory.pools[service.pool])
            for vip in inventory.vips.values()
            if vip.address == vip.addresses[0]
            for service in vip.services
        ],
        "clients": [str(address) for address in lab.clients],
        "controller": spec.controller.value,
        "directors": {
            director.name: {
                "router_id": str(director.router_id),
                "next_hops": [str(director.next_hop(a.version)) for a in director.uplink],
                "uplink": [str(address) for address in director.uplink],
                "inside": [str(address) for address in director.inside],
                "run_dir": str(run_dir / director.name),
                "state_dir": str(run_dir / director.name / "state"),
                "pathspace": director.name,
                "log": str(logs / f"{director.name}.log"),
            }
            for director in lab.directors
        },
        "servers": {
            server.name: {
                "address": str(server.address),
                "addresses": [str(address) for address in server.addresses],
                "ports": list(server.ports),
                "udp_ports": list(server.udp_ports),
                "set_up": set_up_command(run_dir, server.name),
            }
            for server in lab.servers
        },
    }


def _service(vip: Vip, service: Service, pool: Pool) -> dict[str, Any]:
    """Return a service. ``port`` is 0 for one with a mark or with ``ports``, first and last of each range."""
    return {
        "vips": [str(address) for address in vip.addresses],
        "protocol": service.protocol.name.lower(),
        "port": service.port,
        "ports": [list(ports) for ports in service.ports],
        "fwmark": service.fwmark,
        "forwarding": service.forwarding.value,
        "members": [str(member.endpoint) for member in pool.members],
    }
