import pytest
from lsdbs import net, network, rid, router

from clusterlb.core.topology import Vertex, topology
from clusterlb.model.lsdb import MAX_AGE, Lsdb, NetworkId

A = "0.0.0.0"


def reached(*lsas, root=1):
    routers = tuple(lsa for lsa in lsas if hasattr(lsa, "links"))
    networks = tuple(lsa for lsa in lsas if hasattr(lsa, "routers"))
    found = topology(Lsdb(routers, networks)).reached(rid(root))
    return {vertex.node for vertex in found if not isinstance(vertex.node, NetworkId)}


def ids(*numbers):
    return set(map(rid, numbers))


def test_a_chain_of_two_way_links():
    assert reached(router(1, 2), router(2, 1, 3), router(3, 2)) == ids(1, 2, 3)


@pytest.mark.parametrize(
    "lsas",
    [
        pytest.param([router(1, 2), router(2)], id="only we claim it"),
        pytest.param([router(1), router(2, 1)], id="only the other claims it"),
        pytest.param([router(1, 2)], id="the other has no LSA"),
        pytest.param([router(1, 2), router(2, 1, age=MAX_AGE)], id="the other's LSA is being flushed"),
        pytest.param([router(1, 2), router(2, 1, area="0.0.0.1")], id="the other's LSA is another area's"),
        pytest.param([router(1, net(9)), router(2, net(9)), network(9, 1)], id="not attached"),
        pytest.param([router(1, net(9)), router(2), network(9, 1, 2)], id="attached, and does not say so"),
        pytest.param([router(1, net(9)), router(2, net(9))], id="no network LSA"),
        pytest.param([router(1, net(9)), router(2, net(9)), network(9, 1, 2, age=MAX_AGE)], id="flushed"),
        pytest.param([router(1, net(9)), router(2, net(8)), network(9, 1, 2)], id="another network"),
    ],
)
def test_one_way_is_no_way(lsas):
    assert reached(*lsas) == ids(1)


def test_a_transit_network_joins_those_that_are_attached_and_say_so():
    lsas = [router(n, net(9)) for n in (1, 2, 3)]
    assert reached(*lsas, network(9, 1, 2, 3)) == ids(1, 2, 3)
    assert reached(*lsas, network(9, 1, 3)) == ids(1, 3)


def test_a_router_between_two_areas_is_in_both():
    inside, outside = router(1, 2), router(2, 1)
    beyond = router(2, 3, area="1"), router(3, 2, area="1")
    graph = topology(Lsdb((inside, outside, *beyond)))
    assert graph.reached(rid(1)) == {Vertex(A, rid(1)), Vertex(A, rid(2))}
    assert graph.reached(rid(2)) >= {Vertex(A, rid(1)), Vertex("1", rid(3))}


def test_without_our_own_lsa_nothing_is_reached():
    assert reached(router(2, 1), router(3, 2)) == set()


@pytest.mark.parametrize("turn", [1, -1])
def test_costs_are_the_least_of_parallel_links_and_a_networks_own_are_none(turn):
    cheap, dear = router(254, 1, 2, net(9), cost=10), router(254, 1, 2, 3, net(8), cost=20)
    others = [router(1, 254), router(2, 254), router(3, 254), router(4, net(9), net(8)), router(5, 254)]
    networks = network(9, 254, 4), network(8, 254, 4)
    graph = topology(Lsdb((*[dear, cheap][::turn], *others), networks[::turn]))
    assert graph.router_costs(Vertex(A, rid(254))) == {rid(1): 10, rid(2): 10, rid(3): 20, rid(4): 10}
