"""Every golden frr.conf, in a real FRR: accepted, complete, and printed back as it was written."""

from pathlib import Path

import pytest
from frr_inventories import CASES

from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.merge import merge, needed
from clusterlb.drivers.frr.text import parse

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "frr"


@pytest.mark.parametrize("name", CASES)
async def test_frr_prints_it_as_we_write_it(name, routers):
    router = routers("a")
    router.start("zebra", "ospfd", "bfdd", "ospf6d")
    frr = FrrDaemon(pathspace=router.name)
    bare = await frr.read()
    wanted = parse((GOLDEN / f"{name}.conf").read_text())
    await frr.configure(wanted, ())
    running = await frr.read()
    assert {line for line in running if line not in bare} == set(wanted)
    assert needed(running, wanted) == ()
    delta = await frr.delta(running, merge(running, wanted, ()))
    assert not delta
