"""A scrape has each series once and Prometheus' parser reads it, whatever the inventory is."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scraped import families_twice, scrape, series, twice

from clusterlb.config.load import InventoryError, load
from clusterlb.model.inventory import Inventory

FOLDER = Path(__file__).parents[2] / "inventory"
EXAMPLES = [FOLDER / "example.yaml", *sorted((FOLDER / "examples").glob("*.yaml"))]
POOLS = ("web", "api", "dns")
MEMBER = st.fixed_dictionaries(
    {
        "address": st.sampled_from(["10.2.0.101", "10.2.0.102", "10.2.0.103"]),
        "port": st.sampled_from([80, 81]),
    }
)
POOL = st.lists(MEMBER, min_size=1, max_size=4).map(
    lambda found: {"members": found, "check": {"type": "tcp"}}
)
WHICH: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [{"port": 80}, {"port": 81}, {"ports": [80, 443]}, {"ports": [8080, "9000-9002"]}, {"fwmark": 7}]
)


@st.composite
def services(draw: st.DrawFn) -> dict[str, Any]:
    which = draw(WHICH)
    more: dict[str, Any] = {"forwarding": draw(st.sampled_from(["dr", "nat", "tun"]))}
    if draw(st.booleans()):
        more |= {"persistence": "60s", "scheduler": "rr"}
    protocol = draw(st.sampled_from(["tcp", "udp"]))
    return {"protocol": protocol, "pool": draw(st.sampled_from(POOLS)), **which, **more}


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    vips: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 3))):
        found = {"services": draw(st.lists(services(), min_size=1, max_size=3))}
        others = [f"10.100.{number}.{last}" for last in range(2, draw(st.integers(2, 4)))]
        vips[f"10.100.{number}.1"] = found | ({"group": others} if others else {})
    text = json.dumps(  # which is YAML too
        {
            "cluster": {"name": "test", "vip_prefixes": ["10.100.0.0/16"]},
            "directors": {"d1": {"router_id": "10.1.0.1", "uplinks": ["e0"]}},
            "pools": {name: draw(POOL) for name in POOLS},
            "vips": vips,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inventory.yaml"
        path.write_text(text)
        try:
            return load(path)[0]
        except InventoryError:
            assume(condition=False)
            raise


def lawful(inventory: Inventory) -> None:
    text = scrape(inventory)
    assert twice(text) == set()
    assert families_twice(text) == set()
    kept = {labels for name, labels in series(text) if name == "clusterlb_member_up"}
    for name in ("weight", "pinned", "suspect", "warning"):
        assert {labels for each, labels in series(text) if each == f"clusterlb_member_{name}"} == kept


@given(inventories())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)
def test_every_series_is_there_once(inventory: Inventory) -> None:
    lawful(inventory)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_series_of_an_example_is_there_once(path: Path) -> None:
    lawful(load(path)[0])
