from pathlib import Path

import pytest

from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.interface import DriverError
from clusterlb.model.state import FrrLine
from tests.frr.conftest import frr_missing

HERE = Path(__file__).parent
OURS = {
    "network": "interface e0\n ip ospf hello-interval 1\n ip ospf area 0.0.0.0\nexit\n",
    "redistribution": "router ospf\n redistribute kernel route-map clb-ipv4\nexit\n",
    "default-route": "router ospf\n default-information originate always metric 10 metric-type 1\nexit\n",
    "area-type": "router ospf\n area 0.0.0.1 stub\nexit\ninterface e0\n ip ospf area 0.0.0.1\nexit\n",
}
NAMED = {
    "network": r"`router ospf / network 10\.1\.0\.0/24 area 0.0.0.0`.*Write `ip ospf area 0\.0\.0\.0` on",
    "redistribution": r"`router ospf / redistribute kernel metric 20 route-map LAN` conflicts with",
    "default-route": r"`router ospf / default-information originate metric 5` conflicts with",
    "area-type": r"`router ospf / area 0\.0\.0\.1 stub` would end the adjacencies on e1",
}

pytestmark = [pytest.mark.frr, frr_missing]


@pytest.fixture
def router(routers):
    made = routers("d")
    made.start("zebra", "ospfd", "bfdd")
    return made


@pytest.mark.parametrize("name", OURS)
async def test_what_is_in_the_way_is_named_and_nothing_changes(name, router):
    router.load((HERE / f"{name}.conf").read_text())
    frr = FrrDaemon(pathspace=router.name)
    before = router.vtysh("show running-config")
    with pytest.raises(DriverError, match=NAMED[name]):
        await frr.configure(parse(OURS[name]), ())
    assert router.vtysh("show running-config") == before


async def test_what_frr_refuses_is_taken_back_whole_and_not_tried_again_at_once(router, monkeypatch):
    """The backbone cannot be a stub: vtysh takes the line, ospfd does not."""
    router.load("interface e0\n ip ospf cost 5\nexit\nrouter ospf\n log-adjacency-changes detail\nexit\n")
    frr = FrrDaemon(pathspace=router.name)
    before = router.vtysh("show running-config")
    wanted = [
        *parse(OURS["network"]),
        FrrLine(("interface e0",), "ip ospf cost 7"),
        FrrLine(("router ospf",), "area 0.0.0.0 stub"),
    ]
    with pytest.raises(DriverError, match=r"area 0\.0\.0\.0 stub.*is undone.*the same as before"):
        await frr.configure(wanted, ())
    assert router.vtysh("show running-config") == before
    monkeypatch.setattr(frr, "_apply", None)
    with pytest.raises(DriverError, match="stub"):
        await frr.configure(wanted, ())


async def test_each_word_of_frrs_is_said_once(router):
    router.load("interface e0\n ip ospf area 1\nexit\nrouter ospf\nexit\n")
    network = [FrrLine(("router ospf",), f"network 10.{n}.0.0/16 area 0.0.0.0") for n in range(1, 5)]
    with pytest.raises(DriverError) as raised:
        await FrrDaemon(pathspace=router.name).configure(network, ())
    assert str(raised.value).count("Please remove all ip ospf area") == 1
    assert "Failure to communicate" not in str(raised.value)
