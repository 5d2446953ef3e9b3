"""Every YAML example of docs/checks.md is an inventory, or a part of one, that loads without a warning."""

import re
from pathlib import Path

import pytest
import yaml

from clusterlb.config.load import load
from clusterlb.model.check import CheckType

DOCUMENT = (Path(__file__).parents[3] / "docs" / "checks.md").read_text()
EXAMPLES = [
    yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
]


def inventory(example: dict) -> dict:
    """Put an example where it belongs in a small inventory."""
    pool = {"members": [{"address": "10.2.0.101", "port": 80, "weight": 4}]}
    whole = {
        "cluster": {"name": "edge-1", "vip_prefixes": ["10.100.0.0/24"]},
        "directors": {"d1": {"router_id": "10.1.0.1", "uplinks": ["e0"], "local_addresses": ["10.100.1.1"]}},
        "pools": {"web": pool},
        "vips": {},
    }
    if "cluster" in example:
        whole["cluster"] |= example["cluster"]
    elif "check" in example or "checks" in example:
        whole["pools"]["web"] |= example
    else:
        whole |= example
    if "check" not in whole["pools"]["web"] and "checks" not in whole["pools"]["web"]:
        whole["pools"]["web"]["check"] = {"type": "tcp"}
    vip = whole["vips"].setdefault("10.100.0.1", {})
    ports = [80, 443] if "announce_when" in vip else [80]
    service = {"protocol": "tcp", "pool": "web", "forwarding": "fullnat", "flags": ["mh-port", "mh-fallback"]}
    vip["services"] = [service | {"port": port} for port in ports]
    return whole


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example)[:60])
def test_an_example_loads(tmp_path, example):
    path = tmp_path / "inventory.yaml"
    path.write_text(yaml.safe_dump(inventory(example), sort_keys=False))
    found, problems = load(path)
    assert found.pools
    assert problems == ()


def test_every_kind_has_an_example():
    shown = {kind for example in EXAMPLES for kind in re.findall(r"'type': '(\w+)'", str(example))}
    assert shown == {kind.value for kind in CheckType}
