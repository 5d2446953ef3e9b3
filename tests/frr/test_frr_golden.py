"""Every golden frr.conf, in a real FRR: accepted, complete, printed back as written, and taken away again."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from frr_inventories import CASES, NEEDS_FRR_9, NEEDS_VRRPD

from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.merge import merge, needed
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.interface import DriverError

pytestmark = pytest.mark.smoke
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "frr"


@cache
def has_key_chains() -> bool:
    """Say whether this FRR is 9.1 or later."""
    shown = subprocess.run(
        ["/usr/lib/frr/ospfd", "--version"], capture_output=True, text=True, check=True
    ).stdout
    return tuple(map(int, re.findall(r"\d+", shown)[:2])) >= (9, 1)


@pytest.fixture
def router(routers):
    made = routers("a")
    made.start("zebra", "ospfd", "bfdd", "ospf6d")
    return made


@pytest.mark.parametrize("name", CASES)
async def test_frr_prints_it_as_we_write_it_and_forgets_it(name, router):
    if name in NEEDS_FRR_9 and not has_key_chains():
        pytest.skip("this FRR has no key chains for OSPFv2")
    if name in NEEDS_VRRPD:
        router.start("vrrpd")
    frr = FrrDaemon(pathspace=router.name)
    bare = await frr.read()
    wanted = parse((GOLDEN / f"{name}.conf").read_text())
    await frr.configure(wanted, ())
    running = await frr.read()
    assert {line for line in running if line not in bare} == set(wanted)
    assert needed(running, wanted) == ()
    delta = await frr.delta(running, merge(running, wanted, ()))
    assert not delta
    left = set(await frr.configure((), wanted)) - set(bare)
    # of an interface that it has heard of, vrrpd goes on to show the name
    assert left == {line for line in left if name in NEEDS_VRRPD and line.text.startswith("interface ")}


@pytest.mark.parametrize(
    ("before", "after"), [("plain", "external"), ("nssa", "stub"), ("external", "broadcast")]
)
async def test_one_set_up_takes_the_place_of_another(before, after, router):
    frr = FrrDaemon(pathspace=router.name)
    bare = await frr.read()
    old, new = (parse((GOLDEN / f"{name}.conf").read_text()) for name in (before, after))
    await frr.configure(old, ())
    running = await frr.configure(new, [line for line in old if line not in new])
    assert {line for line in running if line not in bare} == set(new)


async def test_changed_costs_and_prefixes_take_the_place_of_the_old(router):
    frr = FrrDaemon(pathspace=router.name)
    old = parse((GOLDEN / "external.conf").read_text())
    text = (GOLDEN / "external.conf").read_text().replace("set metric 10\n", "set metric 11\n")
    new = parse(text.replace("seq 10 permit 10.200.0.7/32", "seq 10 permit 10.201.0.0/16 ge 32"))
    await frr.configure(old, ())
    running = await frr.configure(new, [line for line in old if line not in new])
    assert needed(running, new) == ()
    assert not (set(old) - set(new)) & set(running)


async def test_a_key_chain_fails_clearly_before_frr_9_1(router):
    if has_key_chains():
        pytest.skip("this FRR has them")
    frr = FrrDaemon(pathspace=router.name)
    before = await frr.read()
    with pytest.raises(DriverError, match=r"key-chain OSPF.*old configuration keeps running.*needs FRR 9\.1"):
        await frr.configure(parse((GOLDEN / "key-chain.conf").read_text()), ())
    assert await frr.read() == before
