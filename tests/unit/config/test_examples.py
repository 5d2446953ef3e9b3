"""Every inventory in inventory/examples loads; what is warned of is what its comments explain."""

from pathlib import Path

import pytest

from clusterlb.config.load import load
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.ipvs import Protocol, TunnelType

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "inventory" / "examples").glob("*.yaml"))
# the matrix is a test's, and quicker than an operator's cluster should be; it loads, see below
EXAMPLES = {path.stem: path for path in FILES if path.stem != "matrix"}
BREAKS = "scheduler wlc breaks flows when the ECMP set changes"
EXPECTED = {"persistence": [BREAKS, BREAKS], "per-member": [BREAKS]}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_loads_with_no_more_warnings_than_it_explains(name):
    _, problems = load(EXAMPLES[name])
    assert [problem.text for problem in problems] == EXPECTED.get(name, [])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_named_after_its_file(path):
    assert load(path)[0].cluster.name == path.stem


def services():
    for path in EXAMPLES.values():
        for vip in load(path)[0].vips.values():
            yield from vip.services


def test_the_examples_show_every_forwarding_protocol_and_tunnel():
    found = list(services())
    assert {service.forwarding for service in found} == set(Forwarding)
    assert {service.protocol for service in found} == set(Protocol) - {Protocol.NONE}
    assert {service.tunnel.type for service in found} == set(TunnelType)
