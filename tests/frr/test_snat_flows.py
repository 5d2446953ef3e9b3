"""SNAT pools on four directors with the kernel's own NAT, tracking and policy routing; routes are static."""

from functools import partial
from ipaddress import ip_address

import pytest

from clusterlb.core.snat.buckets import BUCKETS, NOBODY, Buckets
from clusterlb.core.snat.rules import HOPS, read_buckets
from clusterlb.drivers.conntrack import KernelConntrack
from clusterlb.drivers.nft.driver import KernelRules
from clusterlb.model.address import AddressFamily
from clusterlb.model.ospf import ANNOUNCE_PROTO
from clusterlb.model.plan import AddPeer
from tests.frr.conftest import eventually
from tests.support.snat_rig import DIRECTORS, OUTSIDE, SERVER6, SERVERS, Rig
from tests.support.snat_traffic import PORT, STRAY_PORT, Datagrams, Echo, Streams, send_segment

FLOWS = 50_000
LIVE = 200
TARGET = OUTSIDE[AddressFamily.IPV4]


@pytest.fixture(scope="module")
def network():
    rig = Rig()
    try:
        rig.build()
        yield rig
    finally:
        rig.destroy()


@pytest.fixture
def rig(network):
    network.reset()
    return network


@pytest.fixture
def outside(rig):
    made = []

    def echo(family=AddressFamily.IPV4):
        made.append(Echo(lambda make: rig.inside("outside", make), OUTSIDE[family]))
        return made[-1]

    yield echo
    for each in made:
        each.close()


@pytest.fixture
def streams(rig):
    made = []

    def connect(count=LIVE, sources=SERVERS, target=TARGET):
        made.append(Streams(lambda make: rig.inside("servers", make), sources, target, count))
        return made[-1]

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def datagrams(rig):
    made = Datagrams(lambda make: rig.inside("servers", make))
    yield made
    made.close()


def owners(rig, seen):
    """Return how many of the addresses and ports seen outside belong to each director."""
    pool = rig.inventory.snat_pools["internet"]
    found = dict.fromkeys(DIRECTORS, 0)
    for address, _ in seen:
        found[next(name for name, own in pool.addresses.items() if address in map(str, own))] += 1
    return found


def test_no_two_of_50000_live_flows_share_address_port_and_destination(rig, outside, datagrams):
    echo = outside()
    ports = range(20_000, 20_000 + FLOWS // len(SERVERS))
    assert datagrams.answered(SERVERS, ports, TARGET) == FLOWS
    seen = [where for places in echo.datagrams.values() for where in places]
    assert len(echo.datagrams) == FLOWS
    assert len(seen) == FLOWS  # each flow has kept its address and port
    assert len(set(seen)) == FLOWS  # and shares them with none
    shares = owners(rig, seen)
    assert min(shares.values()) > FLOWS / len(DIRECTORS) / 2
    # and so say the four connection tracking tables
    pool = rig.inventory.snat_pools["internet"]
    for director, count in shares.items():
        own = pool.addresses[director]
        assert rig.inside(director, partial(KernelConntrack().flows_of, own)) == count


def test_a_restart_goes_on_with_the_maps_that_the_kernel_has(rig):
    rig.change(("d1",), serving=("d1", "d2", "d4"), alive=DIRECTORS)
    rig.change(("d1",), serving=DIRECTORS, alive=DIRECTORS)
    found = rig.inside("d1", KernelRules().read)
    assert rig.maps["d1"]["internet", AddressFamily.IPV4].previous != NOBODY
    assert read_buckets(found, rig.inventory, rig.inventory.directors["d1"]) == rig.maps["d1"]


@pytest.mark.parametrize("family", AddressFamily)
def test_flows_outlive_a_change_of_the_inner_router_s_paths(rig, outside, streams, family):
    echo = outside(family)
    sources = SERVERS if family is AddressFamily.IPV4 else [SERVER6]
    live = streams(LIVE, sources, OUTSIDE[family])
    assert live.alive() == LIVE
    seen = set(echo.streams)
    for paths in (("d1", "d2", "d4"), ("d4", "d2"), DIRECTORS):
        rig.gateway(paths)
        assert live.alive() == LIVE
    assert echo.streams == seen
    assert min(owners(rig, seen).values()) > LIVE / len(DIRECTORS) / 4


def test_a_director_leaves_in_peace(rig, outside, streams, datagrams):
    """Its flows go on, new ones avoid it, then the backup has its addresses and says nothing for them."""
    echo = outside()
    others = ("d1", "d3", "d4")
    live = streams()
    assert live.alive() == LIVE
    before = owners(rig, echo.streams)
    assert before["d2"] > 0
    rig.gateway(others)
    rig.change(others, serving=others, alive=DIRECTORS)
    assert live.alive() == LIVE
    young = streams()
    assert young.alive() == LIVE
    assert owners(rig, echo.streams)["d2"] == before["d2"]
    assert live.alive() == LIVE

    # d3 leaves, too, while d2 still has flows: some of d2's were in buckets that became d3's
    rest = ("d1", "d4")
    rig.gateway(rest)
    rig.change(rest, serving=rest, alive=DIRECTORS)
    assert live.alive() == LIVE
    assert young.alive() == LIVE

    # d2 is done: d3, its backup, has its addresses, and gives them to nobody
    rig.lose("d2")
    rig.own("d3", "d2")
    rig.forget("d2")
    fresh = streams()
    assert fresh.alive() == LIVE
    assert owners(rig, echo.streams)["d2"] == before["d2"]
    assert live.alive() == LIVE - before["d2"]


def test_a_director_joins(rig, outside, streams):
    echo = outside()
    three = ("d1", "d2", "d3")
    rig.gateway(three)
    rig.change(three, serving=three, alive=three)
    live = streams()
    assert live.alive() == LIVE
    assert owners(rig, echo.streams)["d4"] == 0
    rig.join("d4", three)
    rig.change(three, serving=DIRECTORS, alive=DIRECTORS)
    rig.gateway(DIRECTORS)
    assert live.alive() == LIVE
    young = streams()
    assert young.alive() == LIVE
    assert owners(rig, echo.streams)["d4"] > 0
    assert live.alive() == LIVE


def test_flows_of_a_director_that_has_died_are_reset_when_it_is_forgotten(rig, outside, streams):
    """Not one hangs, and no other director's suffers."""
    echo = outside()
    others = ("d1", "d3", "d4")
    live = streams()
    assert live.alive() == LIVE
    lost = owners(rig, echo.streams)["d2"]
    rig.lose("d2")
    rig.gateway(others)
    rig.change(others, serving=others, alive=others)
    rig.forget("d2")
    assert live.alive() == LIVE - lost
    assert live.broken == lost


def test_flows_that_open_while_only_some_know_of_a_change_live(rig, outside, streams):
    """d1 and d2 do not know that d4 has come: what they send the old owners, these send on."""
    outside()
    three = ("d1", "d2", "d3")
    rig.change(three, serving=three, alive=three)
    rig.join("d4", three)
    rig.change(("d3",), serving=DIRECTORS, alive=DIRECTORS)
    live = streams()
    assert live.alive() == LIVE
    rig.change(("d1", "d2"), serving=DIRECTORS, alive=DIRECTORS)
    rig.gateway(("d2", "d3"))
    assert live.alive() == LIVE


def test_a_packet_that_nobody_knows_is_sent_on_so_many_times(rig):
    """Each of two directors believes, for ever, that the other has it: and still there is no storm."""
    for director, owner in {"d1": "d2", "d2": "d1", "d3": "d1", "d4": "d1"}.items():
        rig.steer(director, {key: Buckets((owner,) * BUCKETS) for key in rig.maps[director]})
    rig.gateway(["d3"])
    # not by PORT alone: flows of the tests before may not have ended yet
    counted = rig.count(DIRECTORS, f"tcp sport {STRAY_PORT}")
    # an acknowledgement, of a connection that nobody has
    rig.inside("servers", lambda: send_segment(SERVERS[0], TARGET, flags=0x10))
    assert eventually(lambda: counted() == 1 + HOPS)


def test_what_cannot_be_sent_on_does_not_go_out_as_it_is(rig, datagrams):
    for director in DIRECTORS:
        other = next(name for name in DIRECTORS if name != director)
        rig.steer(director, {key: Buckets((other,) * BUCKETS) for key in rig.maps[director]})
        # as when the interface was down for a moment; the maps stay
        for peer in rig.peers(other):
            rig.ip(director, f"-{peer.address.version}", "route", "flush", "table", str(peer.mark))
    came, left = rig.count(DIRECTORS, "iifname e1 udp dport 7000"), rig.count(["outer"], "udp dport 7000")
    datagrams.answered(SERVERS, [30_000], TARGET, seconds=0)
    assert eventually(lambda: came() == len(SERVERS))
    assert left() == 0


@pytest.mark.parametrize("family", AddressFamily)
def test_without_policy_rules_flows_wait_and_nothing_goes_out_untranslated(rig, outside, streams, family):
    """`ip rule flush` takes the rule away, too, that drops what has no way: tests/frr/test_snat_flush.py."""
    outside(family)
    sources = SERVERS if family is AddressFamily.IPV4 else [SERVER6]
    live = streams(sources=sources, target=OUTSIDE[family])
    assert live.alive() == LIVE
    version, ip = ("-4", "ip") if family is AddressFamily.IPV4 else ("-6", "ip6")
    for director in DIRECTORS:
        rig.run(director, "sh", "-c", f"while ip {version} rule del proto {ANNOUNCE_PROTO}; do :; done")
    left = rig.count(["outer"], f"{ip} saddr {{ {', '.join(map(str, sources))} }}")
    assert live.alive() < LIVE, "some flows pass two directors"
    assert (live.broken, left()) == (0, 0)
    for links, director in zip(rig._links, DIRECTORS, strict=True):
        ways = [AddPeer(peer) for name in DIRECTORS if name != director for peer in rig.peers(name)]
        assert links.apply(ways) == []
    assert streams(sources=sources, target=OUTSIDE[family]).alive() == LIVE


def test_nobody_speaks_for_a_snat_address(rig):
    rig.own("d3", "d2")
    # what goes to PORT is the servers' own: flows of the tests before may not have ended yet
    heard = rig.count(["outside"], f"ip saddr 10.100.2.0/24 th dport != {PORT}")
    for address in ("10.100.2.10", "10.100.2.20"):
        rig.inside("outside", lambda address=address: send_segment(TARGET, ip_address(address), flags=0x10))
        rig.run("outside", "sh", "-c", f"ping -c 1 -W 0.2 {address} || true")
        rig.run("outside", "sh", "-c", f"echo x > /dev/udp/{address}/7 || true")
    assert heard() == 0
