from dataclasses import replace

from forwarding_inventories import DIRECT, FULLNAT, NAT, NAT6, TCP, every_method, only, shared_member

from clusterlb.core.nft.reverse import reverse
from clusterlb.model.forwarding import Forwarding, PortRange
from clusterlb.model.inventory import Service, Vip


def meaning(part, *reply):
    """Return the VIP and the port that a reply with this source gets."""
    suffix = "6" if ":" in reply[0] else "4"
    number = part.sets[f"replies{suffix}"].elements.get(reply)
    if number is None:
        return None
    vip = part.sets[f"reply_vip{suffix}"].elements[(number,)]
    return vip, part.sets["reply_port"].elements.get((number,))


def test_a_reply_gets_the_address_and_port_of_its_vip():
    part = reverse(every_method())
    assert meaning(part, "10.2.0.101", "tcp", "8080") == (str(NAT), "80")
    assert meaning(part, "10.2.0.102", "udp", "8080") == (str(NAT), "53")
    assert meaning(part, "fd00:2::101", "tcp", "8080") == (str(NAT6), "80")


def test_only_masqueraded_members_are_known():
    part = reverse(every_method())
    assert meaning(part, "10.2.0.101", "tcp", "80") is None
    assert meaning(part, "10.2.0.101", "tcp", "8081") is None
    assert reverse(only(every_method(), DIRECT, FULLNAT)).chains == ""


def test_who_answers_for_two_vips_is_left_out():
    given = only(every_method(), NAT)
    twice = replace(
        given, vips={**given.vips, DIRECT: Vip(DIRECT, (Service(TCP, 81, "nat", Forwarding.NAT),))}
    )
    part = reverse(twice)
    assert meaning(part, "10.2.0.101", "tcp", "8080") is None
    assert meaning(part, "10.2.0.101", "udp", "8080") == (str(NAT), "53")


def test_a_service_that_keeps_the_port_changes_the_address_alone():
    given = only(every_method(), NAT)
    service = Service(TCP, 0, "nat", Forwarding.NAT, ports=(PortRange(8000, 8010),), mark=0x44000002)
    part = reverse(replace(given, vips={NAT: Vip(NAT, (service,))}))
    number = part.sets["replies_tcp4"].elements["10.2.0.101", "8000-8010"]
    assert part.sets["reply_vip4"].elements[number,] == str(NAT)
    assert (number,) not in part.sets["reply_port"].elements
    assert "meta mark set ip saddr . tcp sport map @replies_tcp4\n" in part.chains


def test_a_port_that_two_services_share_is_left_out_and_the_others_are_not():
    """nft refuses ranges that overlap, and a reply from a shared port does not say which VIP was meant."""
    elements = reverse(shared_member()).sets["replies_tcp4"].elements
    found = {key[1]: mark for key, mark in elements.items() if key[0] == "10.2.0.101"}
    assert set(found) == {"0-8079", "8081-65535"}
    assert len(set(found.values())) == 1


def test_numbers_stay_when_another_vip_goes():
    both, one = reverse(every_method()), reverse(only(every_method(), NAT))
    assert one.sets["replies4"].elements.items() <= both.sets["replies4"].elements.items()
