from dataclasses import replace

from forwarding_inventories import DIRECT, LIST, LISTED, every_method, only

from clusterlb.core.nft.classify import classify
from clusterlb.model.inventory import Vip


def test_a_list_of_ports_has_one_mark():
    part = classify(every_method())
    assert part.sets["marks_tcp4"].elements == {
        ("10.100.0.2", "443"): "0x44000001",
        ("10.100.0.2", "8000-8010"): "0x44000001",
    }
    assert "meta mark set ip daddr . tcp dport map @marks_tcp4\n" in part.chains


def test_the_mark_of_a_probe_is_left_alone():
    assert "meta mark & 0xff000000 == 0x43000000 return" in classify(every_method()).chains


def test_the_vips_of_a_group_share_a_mark():
    given = only(every_method(), LIST)
    group = (LIST, DIRECT)
    given = replace(given, vips={vip: Vip(vip, (LISTED,), group=group) for vip in group})
    elements = classify(given).sets["marks_tcp4"].elements
    assert {key[0] for key in elements} == {str(LIST), str(DIRECT)}
    assert set(elements.values()) == {"0x44000001"}


def test_one_port_of_one_vip_needs_no_mark():
    assert classify(only(every_method(), DIRECT)).chains == ""


def test_the_operators_own_mark_is_not_set():
    given = only(every_method(), LIST)
    service = replace(LISTED, ports=(), mark=0, fwmark=7)
    assert classify(replace(given, vips={LIST: Vip(LIST, (service,))})).chains == ""
