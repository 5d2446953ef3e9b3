from dataclasses import replace
from ipaddress import IPv4Address

from clusterlb.config.load import load
from clusterlb.lab.baseline import rules
from clusterlb.lab.frr import baseline_config, director_config, switch_config
from clusterlb.lab.inventory import inventory_text, seconds_text
from clusterlb.lab.network import addresses, links
from clusterlb.lab.spec import LabSpec, ServiceSpec, SwitchSpec, Timers
from clusterlb.lab.topology import topology

SPEC = LabSpec(directors=2, real_servers=2, vips=2)
LAB = topology(SPEC)


def test_names_are_those_that_operators_type():
    assert LAB.names == ("switch", "client", "d1", "d2", "r1", "r2")


def test_addresses_follow_the_numbers():
    assert LAB.director("d2").router_id == IPv4Address("10.1.0.2")
    assert LAB.director("d2").servers_side == IPv4Address("10.2.0.2")
    assert LAB.server("r2").address == IPv4Address("10.2.0.102")
    assert [str(vip) for vip in LAB.vips] == ["10.100.0.1", "10.100.0.2"]


def test_sixteen_directors_and_a_hundred_servers_have_addresses_of_their_own():
    lab = topology(LabSpec(directors=16, real_servers=100, vips=250))
    found = [d.servers_side for d in lab.directors] + [s.address for s in lab.servers]
    assert len(set(found)) == 116


def test_the_inventory_is_one_that_clusterlb_takes(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(inventory_text(SPEC, LAB))
    loaded, found = load(path)
    assert found == ()
    assert list(loaded.directors) == ["d1", "d2"]
    assert list(loaded.vips) == list(LAB.vips)
    assert loaded.cluster.ospf.pace == 1.2
    assert [str(member.address) for member in loaded.pools["web"].members] == ["10.2.0.101", "10.2.0.102"]


def test_durations_are_written_as_inventories_do():
    assert [seconds_text(value) for value in (2.0, 0.3, 1.2)] == ["2s", "300ms", "1200ms"]


def test_every_host_is_connected():
    lines = "\n".join(links(LAB))
    for end in ("e0 netns d1", "e1 netns d1", "e0 netns r2", "e0 netns client"):
        assert end in lines


def test_directors_are_isolated_from_each_other_at_the_switch():
    assert "link set a-d2 type bridge_slave isolated on" in addresses(SPEC, LAB, "switch")


def test_real_servers_hold_the_vips_and_answer_by_the_switch():
    lines = addresses(SPEC, LAB, "r1")
    assert "address add 10.100.0.2/32 dev lo" in lines
    assert "route add default via 10.2.0.254" in lines
    assert "link set tunl0 up" not in lines
    tunnelled = replace(SPEC, service=ServiceSpec(forwarding="tun"))
    assert "link set tunl0 up" in addresses(tunnelled, LAB, "r1")


def test_only_a_tuned_switch_has_timers():
    text = "router ospf\n timers lsa min-arrival 0\nexit\ninterface b\n ip ospf retransmit-interval 1\nexit\n"
    assert switch_config(SPEC, text).endswith(text)
    untuned = switch_config(replace(SPEC, switch=SwitchSpec(timers=Timers.DEFAULT)), text)
    assert untuned.endswith("router ospf\nexit\ninterface b\nexit\n")


def test_directors_start_with_lines_that_are_not_clusterlbs():
    config = director_config(LAB.director("d1"))
    assert " description uplink to the access switch" in config
    assert "ospf" not in config


def test_the_baseline_announces_every_vip_and_programmes_every_member():
    config = baseline_config(SPEC, LAB, LAB.director("d1"))
    assert " network 10.100.0.2/32 area 0.0.0.0" in config
    text = rules(replace(SPEC, service=ServiceSpec(scheduler="wlc", flags=())), LAB)
    assert text.splitlines()[:3] == [
        "-A -t 10.100.0.1:80 -s wlc",
        "-a -t 10.100.0.1:80 -r 10.2.0.101:80 -g -w 1",
        "-a -t 10.100.0.1:80 -r 10.2.0.102:80 -g -w 1",
    ]
    assert "-s mh -b mh-port,mh-fallback" in rules(SPEC, LAB)
