"""What the documents say of exit codes, waits, packages and YAML is what the code has."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

import clusterlb
from clusterlb.api.scrape import FRESH
from clusterlb.cli.exits import Exit
from clusterlb.config.load import load
from clusterlb.controller import apply
from clusterlb.controller.pulse import DEADLINE
from clusterlb.core import place
from clusterlb.model.cluster_view import STALE
from tests.unit.docs.test_names import CODE, unknown_in

ROOT = Path(__file__).parents[3]
OPERATING = (ROOT / "docs" / "operating.md").read_text()
# The Debian package of each program that the controller and its commands call.
PACKAGES = {
    "vtysh": "frr",
    "frr-reload.py": "frr-pythontools",
    "nft": "nftables",
    "modprobe": "kmod",
    "ipvsadm": "ipvsadm",
}
PAGES = ("README.md", "docs/routing.md", "docs/snat.md", "docs/operating.md")


def section(title: str) -> str:
    return OPERATING.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_table_of_exit_codes_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", section("Exit codes"), re.MULTILINE)
    assert {int(number): name for number, name in rows} == {int(one): one.name for one in Exit}


def test_every_exit_code_is_used_where_the_table_says() -> None:
    """USAGE is click's own."""
    text = "\n".join(path.read_text() for path in (ROOT / "clusterlb" / "cli").rglob("*.py"))
    assert [one.name for one in Exit if f"Exit.{one.name}" not in text] == ["USAGE"]


def test_the_waits_are_those_of_the_code() -> None:
    told = dict(re.findall(r"^\| (\w+) \| ([\d.]+) s \|", section("How long it waits"), re.MULTILINE))
    assert apply.QUIET == place.QUIET
    assert {name: float(value) for name, value in told.items()} == {
        "quiet": place.QUIET,
        "stale": STALE,
        "late": DEADLINE,
        "fresh": FRESH,
    }


def called() -> set[str]:
    """Return the programs that the product runs, but the lab: the first words of lists, and defaults."""
    found = set()
    package = Path(clusterlb.__file__).parent
    for path in package.rglob("*.py"):
        if {"lab"} & set(path.relative_to(package).parts):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.List) and node.elts and isinstance(node.elts[0], ast.Constant):
                found.add(node.elts[0].value)
            if isinstance(node, ast.arguments):
                found |= {each.value for each in node.defaults if isinstance(each, ast.Constant)}
    return {name for name in found if isinstance(name, str)}


def test_the_line_that_installs_has_every_package_whose_programs_are_called() -> None:
    line = re.search(r"^apt-get install (.*)$", OPERATING, re.MULTILINE)
    assert line is not None
    packages = set(line[1].split())
    assert {"vtysh", "nft", "modprobe"} <= called()  # that the search finds what it is for
    assert set(PACKAGES.values()) - packages == set()
    script = (ROOT / "scripts" / "setup").read_text()
    assert set(PACKAGES.values()) - set(re.findall(r"[\w.-]+", script)) == set()


@pytest.mark.parametrize("page", PAGES)
def test_yaml_loads(tmp_path: Path, page: str) -> None:
    """Each block is an inventory, or a part of one, or of its cluster."""
    for text in re.findall(r"^```yaml\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE):
        part = yaml.safe_load(text)
        path = tmp_path / "inventory.yaml"
        path.write_text(yaml.safe_dump(whole(part), sort_keys=False))
        inventory, _ = load(path)  # of one that is wrong it raises
        assert inventory.vips


def whole(part: dict) -> dict:
    made = {
        "directors": {f"d{n}": {"router_id": f"10.1.0.{n}", "uplinks": ["e0"]} for n in (1, 2)},
        "pools": {"web": {"members": [{"address": "10.2.0.101", "port": 80}], "check": {"type": "tcp"}}},
        "vips": {"10.100.0.1": {"services": [{"protocol": "tcp", "port": 80, "pool": "web"}]}},
        **part,
    }
    made["cluster"] = {"name": "c", "vip_prefixes": ["10.100.0.0/16"], **part.get("cluster", {})}
    return made


def test_the_commands_of_the_exit_codes_are_there() -> None:
    rows = [row for row in section("Exit codes").splitlines() if row.startswith("| ")]
    named = [each for row in rows for each in CODE.findall(row)]
    calls = [each for each in named if re.fullmatch(r"[a-z]+(-[a-z]+)?( [a-z]+)?( --[a-z-]+)?", each)]
    assert len(calls) > 10
    assert [each for call in calls for each in unknown_in(f"clusterlb {call}")] == []
