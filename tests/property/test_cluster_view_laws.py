"""Who is alive, on any graph: what cannot be reached changes nothing, and a link less never adds anybody."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_network

from hypothesis import assume, given
from hypothesis import strategies as st
from lsdbs import VIP, net, rid

from clusterlb.core.cluster_view import view
from clusterlb.model.lsdb import (
    MAX_AGE,
    Databases,
    HostRoute,
    Lsdb,
    NetworkId,
    NetworkLsa,
    RouterLink,
    RouterLsa,
)
from clusterlb.model.ospf import LaneCosts

PREFIXES = (ip_network("10.100.0.0/24"),)
ROUTERS = [rid(number) for number in range(1, 6)]
STRANGER = rid(99)

NETWORKS = [net(1), net(2)]
NODES = [*ROUTERS, *NETWORKS]

areas = st.sampled_from(["0.0.0.0", "0.0.0.0", "0.0.0.0", "0.0.0.1"])
ages = st.sampled_from([1, 2, 5, 8, 9, 3000, 3599, MAX_AGE])
costs = st.sampled_from([10, 20, 1000, 10000])
nodes = st.sampled_from(NODES)
known = st.sampled_from(ROUTERS)
links = st.lists(st.builds(RouterLink, nodes, costs), max_size=6).map(tuple)
addresses = st.sampled_from([VIP, VIP + 1])


def routes(router_id):
    return st.builds(HostRoute, st.one_of(areas, st.none()), router_id, addresses, costs, st.booleans(), ages)


@st.composite
def lsdbs(draw):
    """Draw links, most of them two-way, some of them claimed twice; and announcements."""
    routers, networks = [], []
    for one, other, cost, back, area in draw(
        st.lists(st.tuples(nodes, nodes, costs, st.integers(0, 3), areas), min_size=4, max_size=14)
    ):
        for here, there in ((one, other), (other, one))[: 2 if back else 1]:
            age = draw(ages)
            if isinstance(here, IPv4Address):
                routers.append(RouterLsa(area, here, (RouterLink(there, cost),), age))
            elif isinstance(there, IPv4Address):
                networks.append(NetworkLsa(area, here, frozenset({there}), age))
    return Lsdb(tuple(routers), tuple(networks), tuple(draw(st.lists(routes(known), min_size=1, max_size=8))))


def see(database):
    return view(Databases(database), LaneCosts(), PREFIXES, ROUTERS[0], 0.0)


def alive(database):
    return {
        (one.vip, one.router_id, one.external)
        for several in see(database).announcements.values()
        for one in several
        if one.alive
    }


@given(
    lsdbs(),
    st.lists(st.builds(RouterLsa, areas, st.just(STRANGER), links, ages), max_size=3),
    st.lists(routes(st.just(STRANGER)), max_size=3),
)
def test_a_router_that_nobody_links_to_changes_nothing(database, lsas, announced):
    more = replace(
        database,
        routers=(*database.routers, *lsas),
        host_routes=(*database.host_routes, *announced),
    )
    assert alive(more) == alive(database)
    assert see(more).warnings == see(database).warnings


@given(lsdbs(), st.data())
def test_a_link_less_makes_nobody_alive(database, data):
    lsas = [lsa for lsa in (*database.routers, *database.networks) if ends(lsa)]
    assume(lsas)
    lsa = data.draw(st.sampled_from(lsas))
    end = data.draw(st.sampled_from(sorted(ends(lsa), key=repr)))
    less = replace(
        database,
        routers=tuple(without(one, end) if one is lsa else one for one in database.routers),
        networks=tuple(without(one, end) if one is lsa else one for one in database.networks),
    )
    assert alive(less) <= alive(database)


def ends(lsa: RouterLsa | NetworkLsa) -> set[IPv4Address | NetworkId]:
    return {link.to for link in lsa.links} if isinstance(lsa, RouterLsa) else set(lsa.routers)


def without(lsa, end):
    if isinstance(lsa, RouterLsa):
        return replace(lsa, links=tuple(link for link in lsa.links if link.to != end))
    return replace(lsa, routers=lsa.routers - {end})


@given(lsdbs(), st.data())
def test_the_order_of_lsas_means_nothing(database, data):
    shuffled = Lsdb(
        tuple(data.draw(st.permutations(database.routers))),
        tuple(data.draw(st.permutations(database.networks))),
        tuple(data.draw(st.permutations(database.host_routes))),
    )
    seen, again = see(database), see(shuffled)
    assert again == seen
    assert list(again.announcements) == list(seen.announcements)


@given(lsdbs())
def test_every_announcer_counts_once_a_vip_and_type(database):
    for several in see(database).announcements.values():
        who = [(one.router_id, one.external) for one in several]
        assert who == sorted(set(who))
