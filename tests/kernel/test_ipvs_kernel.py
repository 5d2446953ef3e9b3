"""The driver on a real kernel: the contract, ipvsadm's rules, counters, foreign edits, and the mh table."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from ipaddress import ip_address
from itertools import product
from pathlib import Path

import pytest

from clusterlb.core.census import Census, Survey
from clusterlb.core.programme import FLAG, virtual_service
from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.ipvs import decode
from clusterlb.drivers.ipvs.batch import Batch
from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.drivers.ipvs.netlink import IpvsSocket
from clusterlb.drivers.ipvs.protocol import Command, CommandAttr, ServiceAttr
from clusterlb.drivers.netlink.socket import MAX_BATCH, BatchResult
from clusterlb.drivers.sysctl import KernelSysctl
from clusterlb.model.address import AddressFamily
from clusterlb.model.inventory import Service, Vip
from clusterlb.model.ipvs import (
    ForwardMethod,
    Protocol,
    ProtocolTimeouts,
    ServiceFlag,
    ServiceKey,
    ServiceState,
    ServiceStatistics,
    VirtualService,
)
from clusterlb.model.plan import (
    AddDestination,
    AddService,
    EditDestination,
    EditService,
    IpvsStep,
    RemoveService,
)
from clusterlb.render.ipvsadm import render_rules
from tests.contract.ipvs_suite import DNS, FLOWS, HASHED, MH_FLAGS, STATES, WEB, IpvsContract, added, member
from tests.kernel.conftest import fresh_namespace

pytestmark = [pytest.mark.kernel, pytest.mark.usefixtures("network_namespace")]


@pytest.fixture
def ipvs() -> Iterator[KernelIpvs]:
    driver = KernelIpvs()
    remove_all(driver)
    yield driver
    remove_all(driver)
    driver.close()


def remove_all(driver: KernelIpvs) -> None:
    assert driver.apply([RemoveService(key) for key in driver.read()]) == []


@contextmanager
def director(*names: str) -> Iterator[KernelIpvs]:
    """A driver in a fresh namespace that owns these addresses."""
    with fresh_namespace():
        for name in names:
            subprocess.run(["ip", "address", "add", f"{name}/32", "dev", "lo"], check=True)
        with closing(KernelIpvs()) as driver:
            yield driver


def ipvsadm(*arguments: str, rules: str | None = None) -> str:
    done = subprocess.run(["ipvsadm", *arguments], input=rules, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.smoke
class TestKernelIpvs(IpvsContract):
    @pytest.fixture
    def ipvs(self, ipvs: KernelIpvs) -> KernelIpvs:
        return ipvs

    @pytest.fixture
    def table(self) -> Callable[[Sequence[IpvsStep]], object]:
        def flows(steps: Sequence[IpvsStep]) -> object:
            with director("10.100.0.1", "10.99.0.1", *HASHED) as driver:
                assert driver.apply(steps) == []
                send_datagrams(PORTS, "10.100.0.1", 53, "10.99.0.1")
                found = picks()
            assert len(found) == len(PORTS)
            return found

        return flows

    @pytest.fixture
    def counted(self) -> Callable[[Sequence[IpvsStep], Survey], Census]:
        def counted(steps: Sequence[IpvsStep], survey: Survey) -> Census:
            with director("10.100.0.1", "10.99.0.1", *HASHED) as driver:
                assert driver.apply(steps) == []
                send_datagrams([flow.client_port for flow in FLOWS], "10.100.0.1", 53, "10.99.0.1")
                return driver.census(survey)

        return counted


def test_rendered_rules_make_the_very_state_that_the_driver_programs(ipvs: KernelIpvs) -> None:
    """IPv6, firewall marks, persistence, scheduler flags, tunnels, thresholds, weights and order."""
    ipvs.apply([step for state in STATES for step in added(state)])
    with director() as other:
        ipvsadm("--restore", rules=render_rules(STATES))
        restored = other.read()
    assert restored == ipvs.read() == {state.service.key: state for state in STATES}


def services_of_every_flag() -> Iterator[VirtualService]:
    """What the inventory's services come to, for each protocol and each flag that it knows."""
    vip = Vip(ip_address("10.100.0.1"), ())
    for number, (protocol, flag) in enumerate(product((Protocol.TCP, Protocol.UDP, Protocol.SCTP), FLAG)):
        for fwmark in (0, number + 1):
            scheduler = flag[:2] if flag[:2] in ("mh", "sh") else "wrr"
            service = Service(
                protocol,
                0 if fwmark else 1000 + number,
                "web",
                scheduler=scheduler,
                flags=frozenset({flag}),
                persistence=60.0,
                netmask=24,
                fwmark=fwmark,
            )
            yield virtual_service(vip, service)


def test_what_is_rendered_for_any_flag_is_what_ipvsadm_restores(ipvs: KernelIpvs) -> None:
    """A line that ipvsadm refuses ends its restore: nothing behind it is there."""
    states = [
        ServiceState(virtual, (member("10.2.0.1", virtual.key.port),)) for virtual in services_of_every_flag()
    ]
    with director() as other:
        ipvsadm("--restore", rules=render_rules(states))
        assert other.read() == {state.service.key: state for state in states}


@pytest.mark.smoke
def test_reads_what_ipvsadm_made(ipvs: KernelIpvs) -> None:
    ipvsadm("-A", "-t", "10.100.0.1:80", "-s", "mh", "-b", "mh-port,mh-fallback")
    ipvsadm("-a", "-t", "10.100.0.1:80", "-r", "10.2.0.1:80", "-g", "-w", "3")
    ipvsadm("-a", "-t", "10.100.0.1:80", "-r", "10.2.0.2:8080", "-m", "-x", "9", "-y", "5")
    assert ipvs.read()[WEB] == ServiceState(
        VirtualService(WEB, "mh", MH_FLAGS),
        (
            member("10.2.0.1", weight=3),
            member("10.2.0.2", 8080, method=ForwardMethod.MASQ, upper=9, lower=5),
        ),
    )


def test_unchanged_entries_are_the_same_objects_and_edits_are_seen(ipvs: KernelIpvs) -> None:
    ipvs.apply(added(STATES[0]))
    first = ipvs.read()[WEB]
    again = ipvs.read()[WEB]
    assert again == first
    if not pads_counters():
        assert again.service is first.service
        assert all(one is other for one, other in zip(first.destinations, again.destinations, strict=True))
    ipvsadm("-e", "-t", "10.100.0.1:80", "-r", "10.2.0.1:80", "-g", "-w", "7")
    edited = ipvs.read()[WEB]
    assert [one.weight for one in edited.destinations] == [1, 7, 0]


STATS64 = 10 * (4 + 8)  # bytes: ten counters, each after its header


def pads_counters() -> bool:
    """Say whether this kernel aligns 64-bit attributes, as User-Mode Linux 6.12 does and x86 never.

    (CONFIG_HAVE_EFFICIENT_UNALIGNED_ACCESS; ``nla_need_padding_for_64bit``.) Entries are decoded anew then.
    """
    with closing(IpvsSocket()) as netlink:
        netlink.resolve_family()
        (data, start, end), *_ = netlink.dump(Command.GET_SERVICE)
    return len(decode.attributes_of(data, start, end, CommandAttr.SERVICE)[ServiceAttr.STATS64]) > STATS64


def send_datagrams(ports: Iterable[int], address: str, port: int, source: str) -> None:
    for number in ports:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.bind((source, number))
            client.sendto(b"x" * 100, (address, port))


PORTS = range(20000, 20600)


def picks() -> dict[int, str]:
    """Source port -> real server, of every connection entry."""
    entries = re.findall(
        r"^UDP 0A630001 ([0-9A-F]{4}) 0A640001 0035 ([0-9A-F]{8}) ",
        Path("/proc/self/net/ip_vs_conn").read_text(encoding="ascii"),
        re.MULTILINE,
    )
    return {int(port, 16): str(ip_address(int(server, 16))) for port, server in entries}


class OneByOne:
    """Sends every message by itself, as ipvsadm does."""

    def __init__(self, netlink: IpvsSocket) -> None:
        self.netlink = netlink
        self.sent = 0

    def batch(self, messages: list[tuple[int, bytes, bytes]]) -> BatchResult:
        result = BatchResult()
        for index, message in enumerate(messages):
            self.sent += 1
            refusal = self.netlink.batch([message]).refusals.get(0)
            if refusal is not None:
                result.refusals[index] = refusal
        return result


def mh_service(weights: list[int], nominals: list[int]) -> ServiceState:
    members = tuple(
        member(name, 53, weight, nominal=nominal, method=ForwardMethod.MASQ)
        for name, weight, nominal in zip(HASHED, weights, nominals, strict=True)
    )
    return ServiceState(VirtualService(DNS, "mh", MH_FLAGS), members)


def test_a_table_built_once_is_the_table_that_ipvsadm_builds() -> None:
    """Flow by flow: built by our batch, by plain messages one by one, and by ipvsadm."""
    wanted = mh_service([1, 0, 2, 4, 0, 1, 1], [1, 2, 2, 4, 1, 1, 1])
    found = []
    for way in ("batch", "plain", "ipvsadm"):
        with director("10.100.0.1", "10.99.0.1", *HASHED) as driver:
            if way == "batch":
                assert driver.apply(added(wanted)) == []
            elif way == "plain":
                netlink = IpvsSocket()
                netlink.resolve_family()
                sender = OneByOne(netlink)
                assert Batch(sender, added(wanted), lambda *_: None, plain=True).run() == []
                assert sender.sent == 1 + len(HASHED) + 2
                netlink.close()
            else:
                ipvsadm("--restore", rules=render_rules([wanted]))
            assert driver.read()[DNS] == wanted
            send_datagrams(PORTS, "10.100.0.1", 53, "10.99.0.1")
            found.append(picks())
    assert len(found[0]) == len(PORTS)
    assert found[0] == found[1] == found[2]
    assert set(found[0].values()) == {
        name for name, weight in zip(HASHED, [1, 0, 2, 4, 0, 1, 1], strict=True) if weight
    }


def test_a_member_added_at_weight_zero_leaves_the_table_of_one_that_failed() -> None:
    """A restarted director and one that saw the member fail send every flow to the same server."""
    found = []
    for restarted in (True, False):
        with director("10.100.0.1", "10.99.0.1", *HASHED) as driver:
            weights = [1, 1, 0, 1, 1, 1, 1]
            if restarted:
                assert driver.apply(added(mh_service(weights, [1] * 7))) == []
            else:
                full = mh_service([1] * 7, [1] * 7)
                down = mh_service(weights, [1] * 7).destinations[2]
                assert driver.apply([*added(full), EditDestination(DNS, down)]) == []
            send_datagrams(PORTS, "10.100.0.1", 53, "10.99.0.1")
            found.append(picks())
    assert len(found[0]) == len(PORTS)
    assert found[0] == found[1]


def wait_for_counters(driver: KernelIpvs) -> ServiceStatistics:
    """Before Linux 6.2 the kernel adds up its per-CPU counters every two seconds (``estimation_timer``)."""
    for _ in range(100):
        found = driver.statistics()[DNS]
        if found.counters.connections and found.destinations[0][1].counters.connections:
            break
        time.sleep(0.1)
    return found


def test_counts_connections_packets_and_bytes_and_zeroes_them() -> None:
    with director("10.100.0.1", "10.99.0.1", "10.2.0.1") as driver:
        only = member("10.2.0.1", 53, method=ForwardMethod.MASQ)
        driver.apply(added(ServiceState(VirtualService(DNS, "rr"), (only,))))
        send_datagrams(range(20000, 20007), "10.100.0.1", 53, "10.99.0.1")
        found = wait_for_counters(driver)
        key, live = found.destinations[0]
        assert key == only.key
        assert live.counters == found.counters
        assert (live.active, live.inactive, live.persistent) == (0, 7, 0)
        assert found.counters.connections == 7
        assert found.counters.in_packets == 7
        assert found.counters.in_bytes == 7 * 128  # 100 of payload, 8 of UDP, 20 of IP
        assert driver.statistics([WEB]) == {}


def test_timeouts(ipvs: KernelIpvs) -> None:
    before = ipvs.timeouts()
    ipvs.set_timeouts(ProtocolTimeouts(tcp=120, udp=33))
    assert ipvs.timeouts() == ProtocolTimeouts(120, before.tcp_fin, 33)
    with pytest.raises(DriverError, match="timeout"):
        ipvs.set_timeouts(ProtocolTimeouts(tcp=2**31 - 1))
    ipvs.set_timeouts(before)
    assert ipvs.timeouts() == before


def test_a_persistence_engine_that_others_set_is_seen_and_taken_off(ipvs: KernelIpvs) -> None:
    wanted = next(state.service for state in reversed(STATES) if state.service.key.protocol is Protocol.UDP)
    ipvs.apply([AddService(wanted)])
    service = ["-u", str(wanted.key).removeprefix("udp "), "-s", "rr", "-p", "60"]
    ipvsadm("-E", *service, "--pe", "sip")
    assert ipvs.read()[wanted.key].service == replace(wanted, pe_name="sip")
    assert ipvs.apply([EditService(wanted)]) == []
    assert ipvs.read()[wanted.key].service == wanted


def test_a_batch_full_of_refusals_fits_the_receive_buffer(ipvs: KernelIpvs) -> None:
    steps = [RemoveService(WEB)] * (3 * MAX_BATCH + 1)
    assert len(ipvs.apply(steps)) == len(steps)
    assert ipvs.apply([AddService(STATES[0].service)]) == []


def test_more_members_than_mh_has_slots_for(ipvs: KernelIpvs) -> None:
    """The shortcut fails at the scheduler; the plain way takes what the kernel takes."""
    members = tuple(
        member(f"10.{2 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}") for number in range(4100)
    )
    state = ServiceState(VirtualService(WEB, "mh", MH_FLAGS), members)
    errors = ipvs.apply([*added(state), AddService(VirtualService(DNS, "rr"))])
    found = ipvs.read()
    assert DNS in found
    missing = {error.step for error in errors}
    assert all(isinstance(step, AddDestination) for step in missing)
    assert found[WEB].service == state.service
    assert len(found[WEB].destinations) + len(missing) == len(members)


def test_the_sysctls_that_mh_needs(ipvs: KernelIpvs) -> None:
    sysctl = KernelSysctl()
    names = ["net/ipv4/vs/sloppy_tcp", "net/ipv4/vs/schedule_icmp", "net/ipv4/vs/nosuch"]
    assert sysctl.read(names) == {"net/ipv4/vs/sloppy_tcp": "0", "net/ipv4/vs/schedule_icmp": "0"}
    sysctl.write(names[0], "1")
    assert sysctl.read([names[0]]) == {names[0]: "1"}
    sysctl.write(names[0], "0")
    with pytest.raises(DriverError, match="does not exist"):
        sysctl.write(names[2], "1")
    with pytest.raises(DriverError, match="refuses the value"):
        sysctl.write(names[0], "many")
    assert sysctl.read(["net/ipv4/vs/sync_threshold"]) == {"net/ipv4/vs/sync_threshold": "3 50"}


def test_ipv6_needs_its_own_prefix_and_reads_it_back(ipvs: KernelIpvs) -> None:
    key = ServiceKey(AddressFamily.IPV6, Protocol.UDP, ip_address("2001:db8:100::2"), 53)
    for prefix in (1, 56, 128):
        service = VirtualService(key, "rr", ServiceFlag.PERSISTENT, 60, prefix)
        assert ipvs.apply([AddService(service)]) == []
        assert ipvs.read([key])[key].service == service
        assert ipvs.apply([RemoveService(key)]) == []
