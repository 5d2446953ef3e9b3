from dataclasses import replace
from ipaddress import ip_address

import pytest
from lab_inventories import SPEC, inventory, laid_out

from clusterlb.config.load import load
from clusterlb.lab.director import rules
from clusterlb.lab.frr import baseline_config, core_config, director_config, switch_config
from clusterlb.lab.inventory import inventory_text, prepare, seconds_text
from clusterlb.lab.lab import Lab
from clusterlb.lab.network import addresses, links, settings
from clusterlb.lab.spec import Hash, OspfTimers, Programmer, ServiceSpec, SpecError, SwitchSpec
from clusterlb.lab.topology import CLIENT, CORE, SWITCH

LAB = laid_out(SPEC)
DUAL = laid_out("""
    cluster: {vip_prefixes: ["10.100.0.0/24", "fd00:100::/64"]}
    directors: {d12: {router_id: 10.1.0.12, inside: ["fd00:2::50"]}}
    members: [10.2.0.101]
    """)
IN_LINE = laid_out("directors: {d1: {router_id: 10.1.0.1, uplinks: [e0, e1]}}")


def test_the_inventory_is_one_that_clusterlb_takes(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(inventory_text(SPEC))
    loaded, found = load(path)
    assert found == ()
    assert list(loaded.directors) == ["d1", "d2"]
    assert [str(vip) for vip in loaded.vips] == ["10.100.0.1", "10.100.0.2"]
    assert loaded.cluster.ospf.pace == 1.2
    assert [str(member.address) for member in loaded.pools["web"].members] == ["10.2.0.101", "10.2.0.102"]
    assert prepare(SPEC, path) == (path.read_text(), loaded)
    assert prepare(SPEC, None) == (path.read_text(), loaded)
    with pytest.raises(SpecError, match="controller: none"):
        prepare(replace(SPEC, controller=Programmer.NONE), path)


def test_durations_are_written_as_inventories_do():
    assert [seconds_text(value) for value in (2.0, 0.3, 1.2)] == ["2s", "300ms", "1200ms"]


def test_every_host_is_connected():
    lines = "\n".join(links(LAB))
    for end in ("e0 netns d1", "e1 netns d1", "e0 netns r2", "e0 netns client"):
        assert end in lines


def test_directors_are_isolated_from_each_other_at_the_switch():
    assert "link set a-d2 type bridge_slave isolated on" in addresses(LAB, "switch")


def test_a_real_server_has_nothing_but_an_address_and_a_gateway_before_its_script():
    assert addresses(LAB, "r1") == [
        "link set lo up",
        "address add 10.2.0.101/24 dev e0",
        "link set e0 up",
        "route add default via 10.2.0.254",
    ]
    assert settings(LAB, "r1", bare=True) == {}


def test_a_director_has_the_settings_of_a_router_only_where_clusterlb_does_not_run():
    assert settings(LAB, "d1", bare=False) == {}
    assert settings(LAB, "d1", bare=True)["net/ipv4/ip_forward"] == "1"


def test_both_families_have_the_same_numbers_down_to_the_link_local_address():
    lines = addresses(DUAL, "d12")
    assert "link set e0 addrgenmode none" in lines
    for own in ("10.1.0.12/24 dev e0", "fd00:1::12/64 dev e0", "fe80::12/64 dev e0"):
        assert f"address add {own}" in lines
    assert "route add default via fd00:1::254" in lines
    assert DUAL.director("d12").next_hop(6) == ip_address("fe80::12")


def test_what_the_inventory_says_of_the_inside_goes_before_the_number():
    assert [str(a) for a in DUAL.director("d12").inside] == ["10.2.0.12", "fd00:2::50"]


def test_a_switch_that_hashes_modulo_knows_no_ipv6():
    given = inventory('cluster: {vip_prefixes: [10.100.0.0/24, "fd00:100::/64"]}')
    with pytest.raises(SpecError, match="modulo steers IPv4 only"):
        Lab(replace(SPEC, switch=SwitchSpec(hash=Hash.MODULO)), "", given, lambda _: None)


def test_only_a_lab_with_ipv6_has_it():
    assert not any("ipv6" in key for name in LAB.names for key in settings(LAB, name, bare=True))
    assert settings(DUAL, SWITCH, bare=False)["net/ipv6/fib_multipath_hash_policy"] == "3"
    assert "net/ipv6/conf/all/forwarding" not in settings(DUAL, CLIENT, bare=False)


def test_in_line_the_servers_gateway_is_a_router_of_the_directors_network():
    assert CORE in IN_LINE.names
    assert "route add default via 10.2.0.253" in addresses(IN_LINE, "r1")
    assert "address add 10.2.0.253/24 dev e0" in addresses(IN_LINE, CORE)
    assert not any("10.2.0.254" in line for line in addresses(IN_LINE, SWITCH))
    assert "link set b-core master net-b up" in addresses(IN_LINE, SWITCH)
    assert CORE not in LAB.names


def test_the_core_takes_every_route():
    text = "router ospf\nexit\nip protocol ospf route-map x-in\nipv6 protocol ospf6 route-map x-in6\n"
    assert core_config(text).endswith("router ospf\nexit\n")


def test_only_a_tuned_switch_has_timers():
    text = "router ospf\n timers lsa min-arrival 0\nexit\ninterface b\n ip ospf retransmit-interval 1\nexit\n"
    assert switch_config(SPEC, text).endswith(text)
    untuned = switch_config(replace(SPEC, switch=SwitchSpec(timers=OspfTimers.DEFAULT)), text)
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
