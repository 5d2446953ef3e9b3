"""The inventory of the lab's directors."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from clusterlb.config.load import load
from clusterlb.lab.spec import LabSpec, Programmer, SpecError
from clusterlb.lab.topology import FIRST_SERVER, SERVER_NET, UPLINK, UPLINK_NET, VIP_NET
from clusterlb.model.inventory import Inventory


def prepare(spec: LabSpec, given: Path | None) -> tuple[str, Inventory]:
    """Return the text and the content of the given inventory, or of the spec's own.

    Raises InventoryError, and SpecError for an inventory with directors without clusterlb.
    """
    if given is not None:
        if spec.controller is Programmer.NONE:
            raise SpecError("controller: none programs what the spec says, so it goes without an inventory")
        inventory, _ = load(given)
        return given.read_text(encoding="utf-8"), inventory
    text = inventory_text(spec)
    with TemporaryDirectory(prefix="clusterlb-lab-") as folder:
        path = Path(folder, "inventory.yaml")
        path.write_text(text, encoding="utf-8")
        return text, load(path)[0]


def inventory_text(spec: LabSpec) -> str:
    """Return the inventory of a spec as YAML."""
    return yaml.safe_dump(_document(spec), sort_keys=False, default_flow_style=None, width=100)


def seconds_text(seconds: float) -> str:
    """Write a duration the way inventories do."""
    return f"{round(seconds * 1000)}ms" if seconds % 1 else f"{seconds:.0f}s"


def _document(spec: LabSpec) -> dict[str, Any]:
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
            f"d{number}": {"router_id": str(UPLINK_NET.ipv4[number]), "uplinks": [UPLINK]}
            for number in range(1, spec.directors + 1)
        },
        "pools": {
            "web": {
                "members": [
                    {"address": str(SERVER_NET.ipv4[FIRST_SERVER + n]), "port": service.port}
                    for n in range(spec.real_servers)
                ],
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
            str(VIP_NET[number]): {
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
            for number in range(1, spec.vips + 1)
        },
    }
