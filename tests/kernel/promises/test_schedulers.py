"""Eight schedulers on one director each: whom they pick, as docs/schedulers.md has it."""

from collections import Counter

import pytest
from lab_view import eventually

from tests.kernel.promises.conftest import SOURCES

pytestmark = pytest.mark.kernel

LC, DH, SED, NQ, LBLC, LBLCR, FO, OVF = (f"10.100.0.{n}" for n in range(11, 19))
EVEN, RANKED = 82, 86


@pytest.fixture
def hold(holder):
    """Open so many connections, hold them, and return who has answered each."""

    def hold(vip, port, count):
        return [holder.open(SOURCES[n % len(SOURCES)], vip, port) for n in range(count)]

    return hold


def test_lc_gives_each_member_as_many(whole, hold):
    assert Counter(hold(LC, EVEN, 9)) == {"r1": 3, "r2": 3, "r3": 3}


def test_dh_gives_a_destination_to_one_member(whole, hold):
    assert len(set(hold(DH, EVEN, 9))) == 1


def test_sed_waits_for_the_faster_one(whole, hold):
    assert Counter(hold(SED, RANKED, 6)) == {"r1": 3, "r2": 2, "r3": 1}


def test_nq_takes_an_idle_one_first(whole, hold):
    got = hold(NQ, RANKED, 6)
    assert set(got[:3]) == {"r1", "r2", "r3"}
    assert Counter(got) == {"r1": 3, "r2": 2, "r3": 1}


@pytest.mark.parametrize("vip", [LBLC, LBLCR], ids=["lblc", "lblcr"])
def test_a_destination_stays_with_its_member_until_that_is_overloaded(whole, holder, hold, vip):
    assert len({holder.visit(SOURCES[n % len(SOURCES)], vip, EVEN) for n in range(6)}) == 1
    eventually(lambda: not whole.connections("d1", vip, EVEN)[0], 20, "no active connection is left")
    first, *rest = hold(vip, EVEN, 8)
    assert rest[0] == first
    assert len({first, *rest}) > 1


def test_fo_has_one_main_member_and_spares(whole, hold, says):
    assert set(hold(FO, RANKED, 4)) == {"r1"}
    says("r1", RANKED, 0)
    eventually(lambda: whole.of("d1", FO, RANKED)["10.2.0.101:86"] == 0, 20, "r1 out")
    assert set(hold(FO, RANKED, 4)) == {"r2"}
    says("r1", RANKED, 100)
    eventually(lambda: whole.of("d1", FO, RANKED)["10.2.0.101:86"] == 3, 20, "r1 back")
    assert set(hold(FO, RANKED, 4)) == {"r1"}


def test_ovf_fills_one_member_then_the_next(whole, hold):
    assert hold(OVF, RANKED, 9) == ["r1"] * 4 + ["r2"] * 3 + ["r3"] * 2
