"""Labs for tests: from a spec, or from what is worth saying of an inventory."""

from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from clusterlb.config.load import load
from clusterlb.lab.inventory import prepare
from clusterlb.lab.spec import LabSpec
from clusterlb.lab.topology import LabTopology, topology
from clusterlb.model.inventory import Inventory

SPEC = LabSpec(directors=2, real_servers=2, vips=2)


def laid_out(what: LabSpec | str) -> LabTopology:
    """Return the topology of a spec, or of an inventory's text, see ``inventory``."""
    if isinstance(what, str):
        return topology(inventory(what))
    return topology(prepare(what, None)[1])


def inventory(text: str) -> Inventory:
    """Return an inventory of what ``text`` says; what it leaves out is there once, and plain.

    ``members`` are the addresses of the pool ``web``, ``services`` those of VIP 10.100.0.1.
    """
    said = yaml.safe_load(text) or {}
    members = said.get("members", ["10.2.0.101"])
    services = said.get("services", [{"protocol": "tcp", "port": 80, "pool": "web"}])
    directors = said.get("directors", {"d1": {"router_id": "10.1.0.1"}})
    document = {
        "cluster": {"name": "test", "vip_prefixes": ["10.100.0.0/24"], **said.get("cluster", {})},
        "directors": {name: {"uplinks": ["e0"], **director} for name, director in directors.items()},
        "pools": {
            "web": {"members": [{"address": member, "port": 80} for member in members]},
            **said.get("pools", {}),
        },
        "vips": {"10.100.0.1": {"services": services}, **said.get("vips", {})},
        **({"snat_pools": said["snat_pools"]} if "snat_pools" in said else {}),
    }
    with TemporaryDirectory() as folder:
        path = Path(folder, "inventory.yaml")
        path.write_text(yaml.safe_dump(document))
        return load(path)[0]
