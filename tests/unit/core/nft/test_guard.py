from dataclasses import replace

from forwarding_inventories import D1, DIRECT, DIRECT6, SNAT, every_method, only

from clusterlb.core.nft.guard import guard, guarded, translated
from clusterlb.core.nft.part import join


def test_every_vip_and_every_address_that_is_given_to_packets_is_mute():
    part = guard(replace(every_method(), snat_pools={"out": SNAT}), D1)
    assert set(part.sets) == {"vips4", "vips6", "local_addresses4", "local_addresses6", "snat_addresses4"}
    assert set(part.sets["vips4"].elements) == {(f"10.100.0.{n}",) for n in (1, 2, 3, 4)}
    for name in part.sets:
        assert f"saddr @{name} jump mute" in part.chains


def test_fragmentation_needed_and_packet_too_big_are_still_said():
    text = guard(every_method(), D1).chains
    assert "icmp type destination-unreachable icmp code != frag-needed drop" in text
    assert "packet-too-big" not in text


def test_without_translation_no_connection_is_tracked():
    assert "ct " not in guard(only(every_method(), DIRECT), D1).chains


def test_one_family_brings_no_rule_of_the_other():
    part = guard(only(every_method(), DIRECT), D1)
    assert set(part.sets) == {"vips4"}
    assert "ip6" not in part.chains.replace("icmpv6", "")


def test_without_vips_there_is_nothing_to_guard():
    assert guard(only(every_method()), D1).chains == ""


def test_a_table_says_which_vips_it_guards():
    assert guarded(join([guard(only(every_method(), DIRECT, DIRECT6), D1)])) == {DIRECT, DIRECT6}


def test_a_snat_address_is_mute_at_its_owner_and_at_its_backup():
    inventory = replace(every_method(), snat_pools={"out": SNAT})
    own, backed_up = SNAT.addresses["d1"][0], SNAT.addresses["d2"][0]
    assert translated(inventory, D1)["snat_addresses"] == (own, backed_up)
    assert set(guard(inventory, D1).sets["snat_addresses4"].elements) == {(str(own),), (str(backed_up),)}
    alone = replace(SNAT, addresses={**SNAT.addresses, "d3": ()})
    third = replace(D1, name="d3", local_addresses=())
    found = translated(replace(inventory, snat_pools={"out": alone}), third)
    assert found == {"local_addresses": (), "snat_addresses": (backed_up,)}


def test_strangers_may_open_connections_to_a_local_address_and_to_no_snat_address():
    text = guard(replace(every_method(), snat_pools={"out": SNAT}), D1).chains
    assert "ip daddr @local_addresses4 ct state new tcp flags & (syn | ack) != syn drop" in text
    assert "ip daddr @snat_addresses4 ct state new,invalid,untracked drop" in text


def test_local_addresses_without_full_nat_are_left_alone():
    assert translated(only(every_method(), DIRECT), D1)["local_addresses"] == ()
