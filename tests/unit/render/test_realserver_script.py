"""The script on real hosts: set up, check, mend, follow the inventory, and leave nothing behind."""

import re
from contextlib import closing

import pytest
from realserver_host import Host
from realserver_inventories import CASES, R1, R2, SIX, inventory, service

from clusterlb.render.realserver.render import Format, realserver_script, render_realserver

pytestmark = pytest.mark.behaviour

LINK = """
ip link add e0 type veth peer name e1
ip link set e1 up
ip link set e0 up
ip address add 10.2.0.101/24 dev e0
ip address add fd00:2::101/64 dev e0 nodad
ip route add default via 10.2.0.254
ip -6 route add default via fd00:2::254
ip address add 192.0.2.1/32 dev lo
nft add table inet foreign
"""
BREAK = {
    "dr": {
        "ip address delete 10.100.0.1/32 dev lo": ["10.100.0.1/32 is not on lo"],
        "ip address delete fd00:100::1/128 dev lo": ["fd00:100::1/128 is not on lo"],
        "sysctl -qw net.ipv4.conf.all.arp_ignore=0 net.ipv4.conf.all.arp_announce=1": [
            "net/ipv4/conf/all/arp_ignore is 0 instead of 1",
            "net/ipv4/conf/all/arp_announce is 1 instead of 2",
        ],
    },
    "nat": {
        "ip route delete default via 10.2.0.9 || true; ip route replace default via 10.2.0.9": [
            "the default route does not lead to 10.2.0.1 10.2.0.2"
        ],
        "ip route delete default via 10.2.0.9 || true; ip route prepend default via 10.2.0.9": [
            "the default route does not lead to 10.2.0.1 10.2.0.2"
        ],
        "ip -6 route delete default metric 1": ["the default route does not lead to fd00:2::1 fd00:2::2"],
        "sysctl -qw net.ipv4.fib_multipath_hash_policy=0": [
            "net/ipv4/fib_multipath_hash_policy is 0 instead of 1"
        ],
    },
}


@pytest.fixture
def host(tmp_path):
    with closing(Host(tmp_path)) as made:
        made.sh(LINK)
        yield made


def script(name):
    return realserver_script(CASES[name], (R1, R2, SIX))


@pytest.mark.parametrize("name", ["dr", "nat"])
def test_from_nothing_to_right_and_back(host, name):
    host.install(script(name))
    before = host.state()
    status, wrong, _ = host.realserver("--check")
    assert status == 1
    assert host.state() == before
    status, done, errors = host.realserver()
    assert (status, errors) == (0, "")
    assert done == [line.partition(" -> ")[2] for line in wrong] + ["ok"]
    assert host.realserver() == (0, ["ok"], "")
    assert host.realserver("--check") == (0, ["ok"], "")
    assert host.realserver("--remove")[0] == 0
    assert host.state() == before
    assert host.realserver("--remove") == (0, ["ok"], "")


@pytest.mark.parametrize(("name", "harm"), [(name, harm) for name, each in BREAK.items() for harm in each])
def test_what_is_wrong_is_named_and_mended(host, name, harm):
    host.install(script(name))
    assert host.realserver()[0] == 0
    host.sh(harm)
    assert host.mend() == BREAK[name][harm]
    host.sh(harm)
    assert host.realserver()[0] == 0
    assert host.realserver("--check") == (0, ["ok"], "")


def test_no_vip_before_arp_is_silent(host):
    host.install(script("dr"))
    done = host.realserver()[1]
    first = next(number for number, line in enumerate(done) if line.startswith("ip address add"))
    assert [line for line in done[:first] if "arp_" in line] == done[:first] != []


def test_it_follows_the_inventory(host):
    host.install(script("dr"))
    before = host.state()
    host.realserver()
    host.install(realserver_script(inventory({"10.100.0.7": [service()]}), (R1,)))
    wrong = [line.partition(" -> ")[0] for line in host.realserver("--check")[1]]
    assert wrong == [
        "the inventory has no use any more for: address fd00:100::1/128 lo",
        "the inventory has no use any more for: address 10.100.0.1/32 lo",
        "10.100.0.7/32 is not on lo",
    ]
    assert host.realserver()[0] == 0
    assert host.realserver("--check") == (0, ["ok"], "")
    assert "10.100.0.1" not in host.sh("ip address show dev lo")
    host.install(script("fullnat"))
    assert host.realserver()[1][-1] == "ok"
    assert host.state() == before


def test_what_was_there_before_stays(host):
    host.sh("ip address add 10.100.0.1/32 dev lo; sysctl -qw net.ipv4.conf.all.arp_ignore=1")
    before = host.state()
    host.install(script("dr"))
    host.realserver()
    host.realserver("--remove")
    assert host.state() == before


def test_what_was_changed_since_stays(host):
    host.install(script("dr"))
    host.realserver()
    host.sh("sysctl -qw net.ipv4.conf.all.arp_ignore=2; ip address delete 10.100.0.1/32 dev lo")
    status, _, errors = host.realserver("--remove")
    assert (status, errors) == (0, "")
    assert host.sh("sysctl -n net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce").split() == [
        "2",
        "0",
    ]


def test_a_host_of_no_member_is_told_so(host):
    host.install(realserver_script(CASES["dr"], (R2,)))
    status, lines, errors = host.realserver()
    assert (status, lines) == (2, [])
    assert errors == "clusterlb-realserver: this host has the address of no member: 10.2.0.102\n"


def test_what_the_kernel_refuses_ends_it_with_the_command(host):
    host.sh("ip -6 route add default via fd00:2::9 metric 1")
    host.install(script("nat"))
    status, _, errors = host.realserver()
    assert status == 2
    assert "this has failed: ip route add ::/0 " in errors
    assert "File exists" in errors
    host.sh("ip address delete 10.2.0.101/24 dev e0; ip address add 10.2.0.101/32 dev e0")
    status, _, errors = host.realserver()
    assert status == 2
    assert "this has failed: ip route prepend 0.0.0.0/0 " in errors
    assert host.realserver("--remove")[0] == 0


def test_an_unknown_option(host):
    host.install(script("dr"))
    assert host.realserver("--chekc")[0] == 2


@pytest.mark.parametrize("name", ["dr", "nat"])
def test_the_commands_of_ifupdown_do_the_same(host, name):
    host.install(script(name))
    before = host.state()
    text = render_realserver(CASES[name], [(R1, SIX)], Format.IFUPDOWN, "e0")
    host.sh("\n".join(re.findall(r"^    up (.*)$", text, re.MULTILINE)))
    assert host.realserver("--check") == (0, ["ok"], "")
    host.sh("\n".join(re.findall(r"^    down (.*)$", text, re.MULTILINE)))
    left = host.state()
    assert left["addresses"] == before["addresses"]
    assert not [line for line in left["routes"] if "10.2.0.1 " in line or "fd00:2::1 " in line]


def test_a_default_route_of_the_hosts_own_that_leads_there_will_do(host):
    host.sh("ip route replace default nexthop via 10.2.0.1 nexthop via 10.2.0.2")
    before = host.state()
    host.install(realserver_script(CASES["nat"], (R1,)))
    assert [line for line in host.realserver()[1] if line.startswith("ip ")] == []
    assert host.realserver("--remove")[0] == 0
    assert host.state() == before
