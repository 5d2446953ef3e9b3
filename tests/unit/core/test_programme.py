from dataclasses import replace

from forwarding_inventories import DIRECT, FULLNAT, LIST, LISTED, NAT, TCP, every_method

from clusterlb.core.member import MemberState
from clusterlb.core.programme import destination, service_state, virtual_service
from clusterlb.core.served import carriers, served
from clusterlb.model.check import VerdictState
from clusterlb.model.forwarding import Forwarding, Tunnel
from clusterlb.model.inventory import Service, Vip
from clusterlb.model.ipvs import ForwardMethod, Protocol, ServiceFlag, TunnelFlag, TunnelType

GUE = Tunnel(TunnelType.GUE, 6080, TunnelFlag.CSUM)
MEMBER = every_method().pools["web"].members[0]


def test_full_nat_is_masquerading_to_ipvs():
    service = every_method().vips[FULLNAT].services[0]
    assert destination(service, MEMBER, 1).method is ForwardMethod.MASQ


def test_a_member_is_reached_as_its_service_says_unless_it_says_otherwise():
    service = Service(TCP, 80, "web", Forwarding.TUN, tunnel=GUE)
    found = destination(service, MEMBER, 1)
    assert (found.method, found.tunnel_type, found.tunnel_port) == (
        ForwardMethod.TUNNEL,
        TunnelType.GUE,
        6080,
    )
    assert found.tunnel_flags is TunnelFlag.CSUM
    own = replace(MEMBER, tunnel=Tunnel(TunnelType.GRE))
    assert destination(service, own, 1).tunnel_type is TunnelType.GRE
    routed = replace(MEMBER, forwarding=Forwarding.DR)
    assert destination(service, routed, 1).method is ForwardMethod.ROUTE
    assert destination(service, routed, 1).tunnel_type is TunnelType.IPIP


def test_a_service_of_several_ports_keeps_the_clients_port():
    assert destination(LISTED, MEMBER, 1).key.port == 0
    assert destination(every_method().vips[NAT].services[0], MEMBER, 1).key.port == 80


def test_thresholds_are_the_members():
    found = destination(Service(TCP, 80, "web"), replace(MEMBER, upper=100, lower=80), 1)
    assert (found.upper, found.lower) == (100, 80)


def test_a_mark_names_the_service_in_place_of_address_and_port():
    key = LISTED.key(LIST)
    assert (key.protocol, key.address, key.port, key.fwmark) == (Protocol.NONE, None, 0, 0x44000001)
    assert replace(LISTED, mark=0, fwmark=7).key(LIST).fwmark == 7


def test_persistence_takes_a_network_for_one_client():
    service = Service(TCP, 80, "web", persistence=600.0, netmask=24)
    found = virtual_service(Vip(DIRECT, (service,)), service)
    assert (found.timeout, found.prefix) == (600, 24)


def test_the_vips_of_a_group_are_one_service():
    given = every_method()
    group = (LIST, DIRECT)
    given = replace(given, vips={vip: Vip(vip, (LISTED,), group=group) for vip in group})
    services = served(given)
    assert len(services) == 1
    assert carriers(services, given) == {LISTED.key(LIST): frozenset(group)}


def test_one_packet_scheduling_is_of_udp_alone():
    for protocol, ops in ((Protocol.UDP, True), (Protocol.TCP, False), (Protocol.SCTP, False)):
        service = Service(protocol, 53, "web", flags=frozenset({"ops"}))
        made = virtual_service(Vip(DIRECT, (service,)), service)
        assert bool(made.flags & ServiceFlag.ONE_PACKET) is ops


def test_a_member_whose_drain_is_over_has_no_place_and_one_that_drains_gets_none():
    service = Service(TCP, 80, "web")
    pool = replace(every_method().pools["web"], members=(MEMBER,))
    vip = Vip(DIRECT, (service,))
    drained = MemberState(VerdictState.DOWN, pinned=True, drained=True)
    up = service_state(vip, service, pool, [MemberState(VerdictState.UP)], None)
    assert service_state(vip, service, pool, [replace(drained, gone=True)], up).destinations == ()
    (still,) = service_state(vip, service, pool, [drained], up).destinations
    assert still.weight == 0
    assert service_state(vip, service, pool, [drained], replace(up, destinations=())).destinations == ()


def test_until_it_has_settled_a_director_leaves_the_last_weight_that_the_kernel_remembers():
    """An mh table follows the last weight that was not 0 (ip_vs_mh.c)."""
    service = Service(TCP, 80, "web")
    pool = replace(every_method().pools["web"], members=(replace(MEMBER, weight=4),))
    vip, down = Vip(DIRECT, (service,)), [MemberState(VerdictState.DOWN)]
    there = service_state(vip, service, pool, down, None)
    (one,) = there.destinations
    have = replace(there, destinations=(replace(one, nominal=2),))
    assert service_state(vip, service, pool, down, have, settled=False).destinations[0].nominal == 2
    assert service_state(vip, service, pool, down, have).destinations[0].nominal == 4
