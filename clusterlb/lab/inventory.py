"""The inventory that the lab's directors run from."""

from __future__ import annotations

from typing import Any

import yaml

from clusterlb.lab.spec import LabSpec
from clusterlb.lab.topology import VIP_NET, Topology


def inventory_text(spec: LabSpec, lab: Topology) -> str:
    """Return the cluster's inventory as YAML."""
    return yaml.safe_dump(_document(spec, lab), sort_keys=False, default_flow_style=None, width=100)


def seconds_text(seconds: float) -> str:
    """Write a duration the way inventories do."""
    return f"{round(seconds * 1000)}ms" if seconds % 1 else f"{seconds:.0f}s"


def _document(spec: LabSpec, lab: Topology) -> dict[str, Any]:
    service = spec.service
    return {
        "cluster": {
            "name": "lab",
            "vip_prefixes": [str(VIP_NET)],
            "max_active": 16,
            "ospf": {
                "hello": "1s",
                "dead": "3s",
                "pace": seconds_text(spec.pace),
                "bfd": {"interval": seconds_text(spec.bfd.interval), "multiplier": spec.bfd.multiplier},
            },
        },
        "directors": {
            director.name: {"router_id": str(director.router_id), "uplinks": ["e0"]}
            for director in lab.directors
        },
        "pools": {
            "web": {
                "members": [{"address": str(server.address), "port": service.port} for server in lab.servers],
                "check": {
                    "type": "tcp",
                    "interval": seconds_text(spec.check.interval),
                    "timeout": seconds_text(spec.check.timeout),
                    "rise": spec.check.rise,
                    "fall": spec.check.fall,
                },
                "quorum": {"up": spec.quorum.up, "down": spec.quorum.down},
            }
        },
        "vips": {
            str(vip): {
                "services": [
                    {
                        "protocol": "tcp",
                        "port": service.port,
                        "pool": "web",
                        "forwarding": service.forwarding,
                        "scheduler": service.scheduler,
                        "flags": list(service.flags),
                    }
                ]
            }
            for vip in lab.vips
        },
    }
