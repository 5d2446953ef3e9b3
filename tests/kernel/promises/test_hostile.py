"""Hostile members while another one dies: as docs/checks.md has it, none costs another's check."""

import pytest
from lab_view import eventually, inside

from tests.kernel.promises.conftest import BESIEGED, SOURCES
from tests.kernel.promises.hostile import Hostile

pytestmark = pytest.mark.kernel

HOSTILE = range(8091, 8098)
GOOD = {f"10.2.0.{n}:8090": 1 for n in (101, 102, 103)}
DEAD = "table ip dead { chain in { type filter hook input priority filter; tcp dport 8090 drop; }; }"


@pytest.fixture
def besieged(whole):
    """The lab with every member on r6 hostile."""
    hostile = Hostile("r6", HOSTILE)
    yield whole
    hostile.end()
    for director in whole.directors:
        eventually(lambda name=director: 0 not in whole.of(name, BESIEGED).values(), 30, "all are back")
        eventually(lambda name=director: 0 not in whole.of(name, BESIEGED, 81).values(), 30, "all are back")


@pytest.fixture
def dies():
    """Have r2's port fall silent, as that of a host that has lost its power."""
    yield lambda: inside("r2", "nft", DEAD)
    inside("r2", "nft", "delete", "table", "ip", "dead")


def serving(whole, director, port=80):
    return {member: weight for member, weight in whole.of(director, BESIEGED, port).items() if weight}


def verdicts(whole, since):
    """Return the members that a check has found DOWN since, by director."""
    found = {}
    for director, length in since.items():
        lines = [line for line in whole.log(director)[length:].splitlines() if "event=verdict" in line]
        words = [dict(word.split("=", 1) for word in line.split(" ") if "=" in word) for line in lines]
        found[director] = {each["member"] for each in words if each["now"] == "down"}
    return found


def test_a_member_that_dies_beside_hostile_ones_goes_and_the_others_stay(besieged, dies, holder):
    since = {director: len(besieged.log(director)) for director in besieged.directors}
    engines = {director: besieged.control.status(director)["checks"] for director in besieged.directors}
    for director in besieged.directors:
        eventually(lambda name=director: serving(besieged, name) == GOOD, 60, "the hostile members out")
        eventually(lambda name=director: len(serving(besieged, name, 81)) == 1, 60, "the one with TLS, too")
    dies()
    rest = {member: 1 for member in GOOD if "102" not in member}
    for director in besieged.directors:
        eventually(lambda name=director: serving(besieged, name) == rest, 30, "r2 out")
    names = [holder.visit(SOURCES[n % len(SOURCES)], BESIEGED, 80) for n in range(40)]
    assert set(names) == {"r1", "r3"}
    assert holder.visit(SOURCES[0], BESIEGED, 81) == "r1"
    bad = {"10.2.0.102:8090", *(f"10.2.0.106:{port}" for port in HOSTILE)}
    assert verdicts(besieged, since) == dict.fromkeys(besieged.directors, bad)
    for director, before in engines.items():
        now = besieged.control.status(director)["checks"]
        assert (now["restarts"], now["state"]) == (before["restarts"], "running")
        assert (now["broken"], now["quarantined"]) == (before["broken"], "")
    assert besieged.next_hops(BESIEGED) == list(besieged.directors)
