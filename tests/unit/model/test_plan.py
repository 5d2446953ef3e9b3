"""What each kind of step says of itself: in plans, in the log, and in what an operator reads."""

from dataclasses import replace
from ipaddress import ip_address
from typing import get_args

from director_strategies import GATEWAY

from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ProtocolTimeouts,
    ServiceFlag,
    ServiceKey,
    ServiceState,
    VirtualService,
)
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import (
    AddDestination,
    AddDevice,
    AddLocalRoute,
    AddPeer,
    AddService,
    Announce,
    AwaitWithdrawn,
    ChangeSets,
    ConfigureFrr,
    CreateLane,
    EditDestination,
    EditService,
    FrrPart,
    LoadRules,
    ReadBack,
    RemoveDestination,
    RemoveDevice,
    RemoveLane,
    RemoveLocalRoute,
    RemovePeer,
    RemoveService,
    SetSysctl,
    SetTimeouts,
    Step,
    Withdraw,
)
from clusterlb.model.rules import NO_RULES, NamedSet, Rules, SetChange
from clusterlb.model.snat import Peer
from clusterlb.model.state import FrrLine
from clusterlb.model.vrrp import VrrpDevice

VIP, SIX = ip_address("10.100.0.1"), ip_address("fd00:100::1")
KEY = ServiceKey(AddressFamily.IPV4, Protocol.TCP, VIP, 80)
OTHER = KEY._replace(port=443)
SERVICE = VirtualService(KEY, "mh")
STATE = ServiceState(SERVICE)
STICKY = replace(SERVICE, flags=ServiceFlag.SCHED1, timeout=300)
MEMBER = Destination(DestinationKey(ip_address("10.2.0.1"), 80), ForwardMethod.ROUTE, 2)
PEER = Peer(0x45000001, ip_address("10.1.0.2"))
DEVICE = VrrpDevice("vrrp4-1", "e0", "00:00:5e:00:01:01", VIP)
LINE = FrrLine(("router ospf",), "ospf router-id 10.1.0.1")
SAYS: list[tuple[Step, str]] = [
    (SetSysctl("net/ipv4/vs/sloppy_tcp", "1"), "set sysctl net.ipv4.vs.sloppy_tcp = 1"),
    (SetTimeouts(ProtocolTimeouts(900, 0, 60)), "set timeouts tcp 900 s, udp 60 s"),
    (
        LoadRules(Rules("chain in {}", {"vips4": NamedSet("ipv4_addr", elements={(str(VIP),): ""})})),
        "load nftables rules, 1 elements",
    ),
    (LoadRules(NO_RULES), "remove nftables rules"),
    (ChangeSets((SetChange("vips4", {(str(VIP),): ""}),)), "nftables sets: vips4 +1 -0"),
    (AddService(SERVICE), "add service tcp 10.100.0.1:80 scheduler mh"),
    (AddService(STICKY), "add service tcp 10.100.0.1:80 scheduler mh flags 0x8 persistence 300 s"),
    (EditService(SERVICE), "edit service tcp 10.100.0.1:80 scheduler mh"),
    (RemoveService(KEY), "remove service tcp 10.100.0.1:80"),
    (AddDestination(KEY, MEMBER), "add member 10.2.0.1:80 to tcp 10.100.0.1:80 route weight 2"),
    (EditDestination(KEY, MEMBER), "edit member 10.2.0.1:80 of tcp 10.100.0.1:80 route weight 2"),
    (RemoveDestination(KEY, MEMBER.key), "remove member 10.2.0.1:80 from tcp 10.100.0.1:80"),
    (ReadBack({KEY: STATE}), "read back tcp 10.100.0.1:80"),
    (ReadBack({KEY: STATE, OTHER: STATE}), "read back 2 services"),
    (CreateLane(Lane.ACTIVE), "create lane active"),
    (RemoveLane(Lane.DRAINED), "remove lane drained"),
    (AddDevice(DEVICE), "create device vrrp4-1 on e0"),
    (RemoveDevice(DEVICE), "remove device vrrp4-1 on e0"),
    (AddLocalRoute(VIP), "add local route 10.100.0.1"),
    (RemoveLocalRoute(VIP), "remove local route 10.100.0.1"),
    (AddPeer(PEER), "add peer 10.1.0.2 for mark 0x45000001"),
    (RemovePeer(PEER), "remove peer 10.1.0.2 of mark 0x45000001"),
    (ConfigureFrr((LINE,)), "configure frr: 1 lines to add, 0 to remove"),
    (ConfigureFrr((GATEWAY,), (), FrrPart.GATEWAY), "start to be the default route (router ospf)"),
    (ConfigureFrr((), (GATEWAY,), FrrPart.GATEWAY), "cease to be the default route (router ospf)"),
    (
        ConfigureFrr((LINE,), part=FrrPart.VRRP_STAND, vips=frozenset({VIP, SIX})),
        "stand for election by VRRP: 10.100.0.1, fd00:100::1",
    ),
    (Announce(VIP, Lane.ACTIVE), "announce 10.100.0.1 on lane active"),
    (Withdraw(VIP, Lane.DRAINED), "withdraw 10.100.0.1 from lane drained"),
    (AwaitWithdrawn(frozenset({SIX, VIP})), "wait until no packets come for 10.100.0.1, fd00:100::1"),
]


def test_each_step_says_what_it_does():
    assert [(str(step), type(step).__name__) for step, _ in SAYS] == [
        (text, type(step).__name__) for step, text in SAYS
    ]


def test_every_kind_is_here():
    assert {type(step) for step, _ in SAYS} == set(get_args(Step))
