"""The pages about forwarding: their YAML loads, their links lead somewhere, no scheduler is left out."""

import re
from pathlib import Path
from typing import get_args

import pytest
import yaml

from clusterlb.config.load import load
from clusterlb.config.models.vip import Flag, Scheduler
from clusterlb.core.host import limits, sysctls

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = ("forwarding", "full-nat", "host-settings", "layer7", "layouts", "schedulers")
SMALL = {
    "cluster": {"name": "c", "vip_prefixes": ["10.100.0.0/24", "10.100.1.0/24"]},
    "directors": {"d1": {"router_id": "10.1.0.1", "uplinks": ["e0"]}},
    "pools": {"web": {"members": [{"address": "10.2.0.101", "port": 80}], "check": {"type": "tcp"}}},
}


def text(page):
    return (DOCS / f"{page}.md").read_text()


EXAMPLES = [
    (page, example)
    for page in PAGES
    for example in map(
        yaml.safe_load, re.findall(r"^```yaml\n(.*?)^```", text(page), re.DOTALL | re.MULTILINE)
    )
]


def whole(example):
    """Put an example where it belongs in a small inventory."""
    if "services" in example:
        (service,) = example["services"]
        pool = {"members": [{"address": "10.2.0.101", "port": service["port"]}], "check": {"type": "tcp"}}
        return {**SMALL, "pools": {service["pool"]: pool}, "vips": {"10.100.0.1": example}}
    made = {**SMALL, **example}
    made["cluster"] = {**SMALL["cluster"], **example.get("cluster", {})}
    made.setdefault("vips", {"10.100.0.1": {"services": [{"protocol": "tcp", "port": 80, "pool": "web"}]}})
    return made


@pytest.mark.parametrize(("page", "example"), EXAMPLES, ids=[page for page, _ in EXAMPLES])
def test_an_example_loads(tmp_path, page, example):
    path = tmp_path / "inventory.yaml"
    path.write_text(yaml.safe_dump(whole(example), sort_keys=False))
    inventory, _ = load(path)  # of one that is wrong it raises
    assert inventory.vips


@pytest.mark.parametrize("page", PAGES)
def test_the_files_that_it_links_to_are_there(page):
    links = re.findall(r"\]\((?!http)([^)#]+)", text(page))
    assert links
    assert [link for link in links if not (DOCS / link).exists()] == []


def test_every_scheduler_and_every_flag_has_its_row():
    rows = {
        name
        for row in re.findall(r"^\| (`.*?) \|", text("schedulers"), re.MULTILINE)
        for name in re.findall(r"`([\w-]+)`", row)
    }
    assert rows >= {*get_args(Scheduler), *get_args(Flag)}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "inventory" / "examples").glob("*.yaml")), ids=lambda p: p.stem
)
def test_every_setting_that_an_example_gets_is_explained(path):
    inventory, _ = load(path)
    names = {
        re.sub(r"/conf/e\d/", "/conf/all/", name).replace("/", ".")
        for director in inventory.directors.values()
        for name in (*sysctls(inventory, director), *limits(inventory))
    }
    explained = set(re.findall(r"`(net\.[\w.]+)`", text("host-settings")))
    assert names - explained == set()
