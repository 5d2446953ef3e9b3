import pytest

from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.interface import DriverError, OspfNeighbor
from clusterlb.model.address import AddressFamily
from clusterlb.model.state import FrrLine
from tests.contract.frr_suite import FOREIGN, WANTED, FrrSuite
from tests.support.fake_frr import FakeFrr


@pytest.fixture
def frr():
    return FakeFrr(parse(FOREIGN))


@pytest.fixture
def foreign_neighbours(frr):
    frr.adjacent = (OspfNeighbor("192.0.2.254", "e1", "Full/DR"),)

    async def names():
        return [each.interface for each in await frr.neighbors(AddressFamily.IPV4) if each.full]

    return names


@pytest.fixture
def rejected(frr):
    line = FrrLine(("router ospf",), "bogus words")
    frr.rejects.add(line.text)
    return line


class TestFakeFrr(FrrSuite):
    async def test_counts_only_what_changed_something(self, frr):
        await frr.configure(WANTED, ())
        await frr.configure(WANTED, ())
        assert frr.applied == 1

    async def test_stuck(self, frr):
        frr.stuck = "ospfd"
        for call in (frr.read(), frr.neighbors(AddressFamily.IPV4), frr.configure((), ())):
            with pytest.raises(DriverError, match="ospfd did not answer"):
                await call
