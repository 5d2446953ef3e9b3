"""What a lab tells others about itself: the JSON file that CLUSTERLB_LAB names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clusterlb.lab.spec import LabSpec
from clusterlb.lab.topology import Topology


def describe(spec: LabSpec, lab: Topology, run_dir: Path, logs: Path) -> dict[str, Any]:
    """Return names, addresses, and where each director keeps its things."""
    return {
        "namespaces": list(lab.names),
        "run_dir": str(run_dir),
        "socket": str(run_dir / "lab.sock"),
        "inventory": str(run_dir / "inventory.yaml"),
        "vips": [str(vip) for vip in lab.vips],
        "port": spec.service.port,
        "controller": spec.controller.value,
        "directors": {
            director.name: {
                "router_id": str(director.router_id),
                "servers_side": str(director.servers_side),
                "run_dir": str(run_dir / director.name),
                "state_dir": str(run_dir / director.name / "state"),
                "pathspace": director.name,
                "log": str(logs / f"{director.name}.log"),
            }
            for director in lab.directors
        },
        "servers": {server.name: {"address": str(server.address)} for server in lab.servers},
    }
