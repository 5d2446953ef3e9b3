import json
import re
from ipaddress import IPv4Address, ip_address
from pathlib import Path

import pytest
from lsdbs import AREA, SWITCH, net, rid

from clusterlb.drivers.frr.database import OSPF6_COMMANDS, OSPF_COMMANDS, parse_databases
from clusterlb.drivers.interface import DriverError
from clusterlb.model.lsdb import HostRoute, NetworkId, NetworkLsa, RouterLink

# what tests/support/record_frr.py has recorded, and says of it
OUTPUTS = Path(__file__).parents[3] / "support" / "frr_outputs"
VIP, VIP6 = ip_address("10.100.0.1"), ip_address("fd00:100::1")


VERSIONS = sorted(path.stem.removeprefix("bfd-") for path in OUTPUTS.glob("bfd-*.txt"))


def output(name: str, version: str = "8.4.4") -> str:
    return (OUTPUTS / f"{name}-{version}.txt").read_text()


def external_age(text: str) -> int:
    """Return the age of the only external LSA in an answer."""
    return int(re.search(r'"(?:asExternal|nssaExternal)LinkStates".*?"lsaAge": ?(\d+)', text, re.DOTALL)[1])


def vips(database):
    return {
        route for route in database.host_routes if str(route.address).startswith(("10.100.", "fd00:100:"))
    }


def test_the_commands():
    assert OSPF_COMMANDS[0] == "show ip ospf database router json"
    assert len(OSPF_COMMANDS) == len(output("ospf").splitlines())
    assert OSPF6_COMMANDS == ("show ipv6 ospf6 database detail json",)


@pytest.mark.parametrize("version", VERSIONS)
def test_ospf(version):
    databases = parse_databases(output("ospf", version))
    database = databases.ospf
    assert databases.ospf6 is None
    by_id = {router.router_id: router for router in database.routers}
    assert list(by_id) == [rid(1), rid(2), rid(3), rid(SWITCH)]
    assert by_id[rid(1)].links == tuple(RouterLink(rid(peer), 10) for peer in (2, 3, SWITCH))
    assert by_id[rid(1)].area == AREA
    assert RouterLink(net(254), 10) in by_id[rid(2)].links
    [network] = database.networks
    assert (network.network, network.routers) == (net(254), {rid(2), rid(3), rid(SWITCH)})
    ages = {router.router_id: router.age for router in database.routers}
    assert vips(database) == {
        HostRoute(AREA, rid(1), VIP, 10, False, ages[rid(1)]),
        HostRoute(AREA, rid(2), VIP, 1000, False, ages[rid(2)]),
        HostRoute(AREA, rid(3), VIP, 10000, False, ages[rid(3)]),
        HostRoute(AREA, rid(1), VIP + 1, 10, False, ages[rid(1)]),
        HostRoute(None, rid(2), VIP + 1, 10, True, external_age(output("ospf", version))),
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_ospf6(version):
    database = parse_databases(output("ospf", version), output("ospf6", version)).ospf6
    segment = NetworkId(rid(SWITCH), IPv4Address("0.0.0.2"))
    assert {router.router_id for router in database.routers} == {rid(n) for n in (1, 2, 3, SWITCH)}
    assert {router.links for router in database.routers} == {(RouterLink(segment, 10),)}
    [network] = database.networks
    assert network == NetworkLsa(AREA, segment, frozenset(rid(n) for n in (1, 2, 3, SWITCH)), network.age)
    assert {
        (route.router_id, route.address, route.cost, route.external, route.area) for route in vips(database)
    } == {
        (rid(1), VIP6, 10, False, AREA),
        (rid(2), VIP6, 1000, False, AREA),
        (rid(3), VIP6, 10000, False, AREA),
        (rid(1), VIP6 + 1, 10, False, AREA),
        (rid(2), VIP6 + 1, 10, True, None),
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_an_nssa(version):
    databases = parse_databases(output("ospf-nssa", version), output("ospf6-nssa", version))
    for database, vip in ((databases.ospf, VIP), (databases.ospf6, VIP6)):
        [route] = vips(database)
        assert (route.area, route.router_id, route.address) == ("0.0.0.51", rid(1), vip + 1)
        assert (route.cost, route.external) == (10, True)
    assert databases.ospf6.routers[0].links == (RouterLink(rid(SWITCH), 10),)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_crashed_director_is_still_in_the_database(version):
    databases = parse_databases(output("ospf-crashed", version), output("ospf6-crashed", version))
    for database, count in ((databases.ospf, 2), (databases.ospf6, 2)):
        assert len([route for route in vips(database) if route.router_id == rid(2)]) == count
        assert all(rid(2) not in network.routers for network in database.networks)


def test_layout_does_not_matter():
    # FRR 8.4's ospfd prints an answer on one line; versions differ
    lines = [json.dumps(json.loads(line), indent=2) for line in output("ospf").splitlines()]
    assert parse_databases("\n\n".join(reversed(lines)) + "\n") == parse_databases(output("ospf"))
    assert parse_databases("".join(lines)) == parse_databases(output("ospf"))


def test_only_hosts_are_kept():
    answer = json.loads(output("ospf6"))
    [external] = answer["asScopedLinkStateDb"][0]["lsa"]
    for prefix in ("::", "fd00:100::2/64"):  # FRR prints the default route without a length
        external["prefix"] = prefix
        assert not any(
            route.external for route in parse_databases(output("ospf"), json.dumps(answer)).ospf6.host_routes
        )
    narrow = output("ospf").replace('"networkMask": 32', '"networkMask": 24')
    assert not any(route.external for route in parse_databases(narrow).ospf.host_routes)


def test_a_segments_own_prefix_is_not_a_routers():
    answer = output("ospf6").replace('"reference":"Router"', '"reference":"Network"')
    assert [route.external for route in parse_databases(output("ospf"), answer).ospf6.host_routes] == [True]


def test_link_types_that_lead_nowhere():
    answer = output("ospf6").replace('"Transit-Network"', '"Stub-Network"')
    assert not any(router.links for router in parse_databases(output("ospf"), answer).ospf6.routers)
    answer = output("ospf").replace('"designatedRouterAddress"', '"null"')
    assert not any(
        net(254) in {link.to for link in router.links} for router in parse_databases(answer).ospf.routers
    )


AGE = f'"lsaAge": {external_age(output("ospf"))}'
SPOILT = {
    "nothing": "",
    "not configured": "% OSPF is not enabled in vrf default\n" * 4,
    "not configured, FRR 9 and later": "{\n}\n" * 4,
    "not running": "ospfd is not running",
    "a list": "[]",
    "a number": "7",
    "deep": "[" * 100_000,
    "cut off": output("ospf")[:-20],
    "one answer of four": output("ospf").splitlines()[0],
    "more after it": output("ospf") + "x",
    "a boolean age": output("ospf").replace(AGE, '"lsaAge": true'),
    "a negative age": output("ospf").replace(AGE, '"lsaAge": -1'),
    "a fractional age": output("ospf").replace(AGE, '"lsaAge": 1e2'),
    "no metric": output("ospf").replace('"tos0Metric"', '"tos1Metric"'),
    "no address": output("ospf").replace('"10.1.0.254"', '"10.1.0.256"'),
    "no attached routers": output("ospf").replace('"attchedRouters"', '"attached"'),
}


@pytest.mark.parametrize("text", SPOILT.values(), ids=SPOILT)
def test_anything_else_is_an_error_that_names_the_daemon(text):
    with pytest.raises(DriverError, match="ospfd's link-state database"):
        parse_databases(text)


@pytest.mark.parametrize("text", ["", "{}", "OSPFv3 is not running", '{"areaScopedLinkStateDb":[{}]}'])
def test_the_same_of_ospf6(text):
    with pytest.raises(DriverError, match="ospf6d's link-state database"):
        parse_databases(output("ospf"), text)
