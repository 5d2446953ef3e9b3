"""Others take away, under load, what SNAT pools are made of: it comes back before a flow ends."""

import threading

import pytest

from clusterlb.model.marks import ANNOUNCE_PROTO
from tests.frr.conftest import eventually
from tests.support.snat_cluster import DIRECTORS, OUTSIDE, SERVERS, SnatCluster
from tests.support.snat_traffic import Echo, Streams

LIVE = 60
ROUNDS = 2
OPERATORS = "ip rule add pref 100 from 192.0.2.1 lookup 99"
MAIN = ("ip rule add pref 32766 table main", "ip rule add pref 32767 table default")
FLUSHES = {
    # what iproute2 keeps is `local` alone; whoever flushes puts the kernel's other two back
    "every policy rule": ["ip rule flush", *MAIN, OPERATORS],
    # what systemd-networkd does: all but the kernel's own
    "the rules of others": [
        "ip rule del pref 100",
        "while ip rule del proto 201; do :; done",
        OPERATORS,
    ],
    "the routes of the ways": [
        "ip rule show pref 17664 | sed 's/.*lookup //; s/ .*//' | xargs -n 1 ip route flush table",
    ],
    "forwarding": ["echo 0 > /proc/sys/net/ipv4/ip_forward"],
    "the lanes": ["ip link del clb-active"],
    "the addresses": ["ip -4 addr flush dev clb-active"],
}

TABLES = {
    "the ruleset": ["nft list table ip operator > operator.nft; nft flush ruleset; nft -f operator.nft"],
    "our table": ["nft delete table inet clusterlb"],
}


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    with SnatCluster(tmp_path_factory.mktemp("snat")) as made:
        yield made


@pytest.fixture
def cluster(network):
    network.settle()
    yield network
    print(network.logs(), network.connections())  # seen when the test failed


@pytest.fixture
def callers(cluster):
    echo = Echo(lambda make: cluster.inside("outside", make), OUTSIDE)
    made = []

    def connect():
        made.append(Streams(lambda make: cluster.inside("servers", make), SERVERS, OUTSIDE, LIVE))
        return made[-1]

    yield connect
    for each in (*made, echo):
        each.close()


class Talk:
    """Streams that talk all the time, in a thread of their own."""

    def __init__(self, streams):
        self.streams, self.answered = streams, []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._over.is_set():
            self.answered.append(self.streams.alive())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._over.set()
        self._thread.join()


@pytest.mark.parametrize("flush", FLUSHES)
def test_no_flow_ends(cluster, callers, flush, tmp_path):
    live = callers()
    assert live.alive() == LIVE
    with Talk(live):
        take_away(cluster, FLUSHES[flush], tmp_path)
    assert live.alive() == LIVE


@pytest.mark.parametrize("flush", TABLES)
def test_without_the_table_flows_end_and_new_ones_do_not(cluster, callers, flush, tmp_path):
    """Nobody translates meanwhile: an end may hear of a connection that it does not know, and reset it."""
    live = callers()
    assert live.alive() == LIVE
    with Talk(live):
        take_away(cluster, TABLES[flush], tmp_path)
    print(f"{live.alive()} of {LIVE} flows live")
    assert callers().alive() == LIVE


def take_away(cluster, commands, folder):
    """Run the commands on one director after the other, and wait for what is ours to be there again."""
    before = {name: made_of(cluster.directors[name]) for name in DIRECTORS}
    for _ in range(ROUNDS):
        for name in DIRECTORS:
            director = cluster.directors[name]
            director.run("sh", "-c", "\n".join([f"cd {folder}", *commands]))
            eventually(lambda name=name, director=director: made_of(director) == before[name])


def made_of(director):
    """Return what is ours of what the commands take away, without who owns which flows."""
    routes = director.routes("-4").splitlines()
    return {
        "forwarding": director.run("cat", "/proc/sys/net/ipv4/ip_forward"),
        "nftables": director.run("nft", "--terse", "list", "ruleset"),
        "routes": [line for line in routes if f"proto {ANNOUNCE_PROTO}" in line],
        # those of equal preference stand in the order in which the other directors appeared
        "rules": sorted(director.router.ip("rule", "show").splitlines()),
        "addresses": sorted(director.router.ip("-brief", "-4", "addr", "show").splitlines()),
    }
