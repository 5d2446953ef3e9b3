"""SNAT pools with running controllers: from the first packet to the director that has been taken down."""

import pytest

from tests.frr.conftest import eventually
from tests.support.snat_cluster import DIRECTORS, OUTSIDE, SERVERS, SNAT, SnatCluster
from tests.support.snat_traffic import Echo, Streams

LIVE = 60
EVERYBODY = set(DIRECTORS)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    with SnatCluster(tmp_path_factory.mktemp("snat")) as made:
        # one after the other, so that the last one has a past to remember
        made.settle(DIRECTORS[:2])
        yield made


@pytest.fixture
def cluster(network):
    network.settle()
    yield network
    print(network.logs(), network.connections())  # seen when the test failed


@pytest.fixture
def echo(cluster):
    made = Echo(lambda make: cluster.inside("outside", make), OUTSIDE)
    yield made
    made.close()


@pytest.fixture
def streams(cluster):
    made = []

    def connect():
        made.append(Streams(lambda make: cluster.inside("servers", make), SERVERS, OUTSIDE, LIVE))
        return made[-1]

    yield connect
    for each in made:
        each.close()


def owners(seen):
    """Return the directors whose addresses were seen outside."""
    names = {address: name for name, address in SNAT.items()}
    return {names[address] for address, _ in seen}


def test_every_director_is_the_default_route_and_translates_its_share(cluster, echo, streams):
    assert cluster.gateways() == EVERYBODY
    assert {name: cluster.owner(name) for name in DIRECTORS} == {name: {name} for name in DIRECTORS}
    assert streams().alive() == LIVE
    assert owners(echo.streams) == EVERYBODY
    shown = cluster.routers["core"].vtysh("show ip ospf database external 0.0.0.0")
    assert shown.count("Forward Address: 0.0.0.0") == len(DIRECTORS)


def test_a_drain_breaks_no_flow_and_ends_with_the_last_one(cluster, echo, streams):
    old = streams()
    assert old.alive() == LIVE
    assert "d2" in owners(echo.streams)
    d2 = cluster.directors["d2"]
    d2.clusterlb("drain", "director", "--reason", "a test", "--detach")
    eventually(lambda: cluster.gateways() == {"d1", "d3"})
    eventually(lambda: all(cluster.shares(name) == {"d1", "d3"} for name in ("d1", "d3")))
    assert old.alive() == LIVE
    before = set(echo.streams)
    young = streams()
    assert young.alive() == LIVE
    assert owners(echo.streams - before) == {"d1", "d3"}
    held = eventually(lambda: [one for one in d2.status()["snat"] if "flows live" in one["because"]], 60, 0.2)
    assert {one["address"]: one["announced"] for one in held} == {
        SNAT["d2"]: ["active"],
        SNAT["d1"]: ["drained"],
    }
    assert cluster.owner("d2") == {"d2"}
    assert old.alive() == LIVE

    old.close()
    eventually(lambda: cluster.owner("d2") == {"d3"}, 60, 0.1)
    assert young.alive() == LIVE
    d2.restart()  # who is drained stays so
    assert d2.status()["counts"]["steps"] == 0
    assert cluster.owner("d2") == {"d3"}

    d2.clusterlb("undrain", "director")
    cluster.settle()
    assert young.alive() == LIVE
    before = set(echo.streams)
    assert streams().alive() == LIVE
    assert "d2" in owners(echo.streams - before)


def test_a_controller_that_is_killed_and_comes_back_changes_nothing(cluster, echo, streams):
    live = streams()
    assert live.alive() == LIVE
    d3 = cluster.directors["d3"]
    assert cluster.shares("d3", "previous")
    before = d3.tables()
    d3.restart()
    assert d3.tables() == before
    assert live.alive() == LIVE
    assert d3.status()["counts"]["steps"] == 0
    assert cluster.gateways() == EVERYBODY


def test_down_leaves_the_host_as_it_was_and_who_joins_breaks_no_flow(cluster, echo, streams):
    d1 = cluster.directors["d1"]
    there = d1.host()
    assert all(word in there["nftables"] for word in ("table ip operator", "table inet clusterlb"))
    d1.down()
    eventually(lambda: cluster.gateways() == {"d2", "d3"})
    eventually(lambda: "proto ospf" not in d1.routes("-4"))
    assert d1.host() == cluster.before["d1"]
    live = streams()
    assert live.alive() == LIVE
    assert owners(echo.streams) == {"d2", "d3"}
    cluster.settle()
    assert live.alive() == LIVE
    assert cluster.shares("d1", "previous") == {"d2", "d3"}
