"""Every YAML example of docs/maintenance.md is a part of an inventory that loads without a warning."""

import re
from pathlib import Path

import pytest

from clusterlb.config.load import load
from clusterlb.config.models.maintenance import WindowFile

DOCUMENT = (Path(__file__).parents[3] / "docs" / "maintenance.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
CLUSTER = "cluster:\n  name: c\n  vip_prefixes: [10.100.0.0/24]\n"
DIRECTORS = "directors:\n" + "".join(f"  d{n}: {{router_id: 10.1.0.{n}, uplinks: [e0]}}\n" for n in (1, 2, 3))


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_loads(tmp_path: Path, example: str) -> None:
    path = tmp_path / "inventory.yaml"
    own = example.startswith("cluster:\n")
    path.write_text((example.replace("cluster:\n", CLUSTER, 1) if own else CLUSTER + example) + DIRECTORS)
    inventory, problems = load(path)
    assert problems == ()
    assert inventory.cluster.max_drained == 1 if own else len(inventory.maintenance) == 2


def test_every_key_is_named() -> None:
    keys = {info.alias or name for name, info in WindowFile.model_fields.items()}
    table = {
        key
        for row in re.findall(r"^\| (`.*?) \|", DOCUMENT, re.MULTILINE)
        for key in re.findall(r"`(\w+)`", row)
    }
    assert table == keys
