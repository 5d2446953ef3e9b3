"""Good inventories, and reports as a whole."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path

import pytest

from clusterlb.config.load import InventoryError, Severity, load
from clusterlb.model.check import CheckSpec, ProbeSpec
from clusterlb.model.forwarding import IPIP, Forwarding, PortRange, Tunnel
from clusterlb.model.inventory import (
    ActiveStandby,
    Cluster,
    Director,
    Inventory,
    Member,
    Pool,
    Quorum,
    Service,
    Sorry,
    Vip,
)
from clusterlb.model.ipvs import Protocol, ProtocolTimeouts, TunnelFlag, TunnelType
from clusterlb.model.ospf import Bfd, Ospf, Uplink

EXAMPLE = Path(__file__).parents[3] / "inventory" / "example.yaml"
MINIMAL = """\
cluster: {name: c, vip_prefixes: [10.100.0.0/24]}
directors: {d1: {router_id: 10.1.0.1, uplinks: [e0]}}
pools: {web: {members: [{address: 10.2.0.1, port: 80}], check: {}}}
vips: {10.100.0.1: {services: [{protocol: tcp, port: 80, pool: web}]}}
"""


def written(text: str, tmp_path: Path) -> Path:
    path = tmp_path / "inventory.yaml"
    path.write_text(text)
    return path


def test_the_example() -> None:
    inventory, problems = load(EXAMPLE)
    assert problems == ()
    vip = IPv4Address("10.100.0.1")
    flags = frozenset(("mh-port", "mh-fallback"))
    assert inventory == Inventory(
        Cluster("edge-1", (ip_network("10.100.0.0/24"),)),
        {"d1": Director("d1", IPv4Address("10.1.0.1"), (Uplink("e0"),), (IPv4Address("10.2.0.1"),))},
        {
            "web": Pool(
                "web",
                (Member(IPv4Address("10.2.0.101"), 80, 1), Member(IPv4Address("10.2.0.102"), 80, 1)),
                (CheckSpec(),),
            )
        },
        {vip: Vip(vip, (Service(Protocol.TCP, 80, "web", Forwarding.DR, "mh", flags),))},
    )


def test_what_the_example_has_in_comments(tmp_path: Path) -> None:
    text = re.sub(
        r"(?m)^( *)# (?! *(?:dr|mh):)(?= *(?:[a-z_]+[0-9]?:|- \{?[a-z]+:))", r"\1", EXAMPLE.read_text()
    )
    inventory, problems = load(written(text, tmp_path))
    assert problems == ()
    assert [len(pool.checks) for pool in inventory.pools.values()] == [1, 2]
    assert [probe.name for probe in inventory.cluster.director_checks.probes] == ["gateway"]
    assert [len(vip.services) for vip in inventory.vips.values()] == [4, 4]
    assert list(inventory.directors) == ["d1", "d2"]
    assert {vip.ha for vip in inventory.vips.values()} == {ActiveStandby(("d1", "d2"))}
    assert list(inventory.snat_pools) == ["internet"]
    assert [window.name for window in inventory.maintenance] == ["kernel-updates"]


def test_what_is_left_out_has_the_models_defaults(tmp_path: Path) -> None:
    inventory, _ = load(written(MINIMAL, tmp_path))
    assert inventory.cluster == Cluster("c", (ip_network("10.100.0.0/24"),))
    pool = inventory.pools["web"]
    assert (pool.members[0], pool.checks, pool.quorum) == (
        Member(IPv4Address("10.2.0.1"), 80),
        (CheckSpec(),),
        Quorum(),
    )
    vip = inventory.vips[IPv4Address("10.100.0.1")]
    assert vip == Vip(vip.address, (Service(Protocol.TCP, 80, "web"),))


def test_everything_written_arrives(tmp_path: Path) -> None:
    text = """\
cluster:
  name: c
  vip_prefixes: ["2001:db8::/64"]
  max_active: 4
  ospf: {area: 7, hello: 2s, dead: 1m, bfd: null, pace: 1.5s, retransmit: 3s, md5_key: "k$1!", md5_key_id: 9}
directors: {d1: {router_id: 10.1.0.1, uplinks: [e0, e1.100]}}
pools:
  dns:
    members: [{address: 10.2.0.1, port: 53, weight: 2}]
    check: {interval: 500ms, timeout: 250ms, rise: 1, fall: 9}
    quorum: {up: 1}
vips:
  2001:db8::1:
    announce_when: any
    services:
      - {protocol: udp, port: 53, pool: dns, forwarding: tun,
         scheduler: sh, flags: [sh-port, ops], persistence: 1h}
"""
    inventory, _ = load(written(text, tmp_path))
    assert inventory.cluster.max_active == 4
    assert inventory.cluster.ospf == Ospf(
        area=IPv4Address("0.0.0.7"),
        hello=2.0,
        dead=60.0,
        bfd=None,
        pace=1.5,
        retransmit=3.0,
        md5_key="k$1!",
        md5_key_id=9,
    )
    probe = ProbeSpec(interval=0.5, timeout=0.25)
    assert inventory.pools["dns"].checks == (CheckSpec(probe, rise=1, fall=9),)
    service = Service(
        Protocol.UDP, 53, "dns", Forwarding.TUN, "sh", frozenset(("sh-port", "ops")), persistence=3600.0
    )
    assert inventory.vips[IPv6Address("2001:db8::1")].services == (service,)


def test_every_forwarding_key_arrives(tmp_path: Path) -> None:
    text = """\
cluster:
  name: c
  vip_prefixes: [10.100.0.0/16]
  timeouts: {tcp: 90s, tcp_fin: 30s, udp: 1m}
  notrack: true
  log_connections: true
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0], inside: [10.2.0.1], local_addresses: [10.100.1.1, 10.100.1.2]}
pools:
  web:
    members:
      - {address: 10.2.0.1, port: 80, upper_threshold: 1000, lower_threshold: 750}
      - {address: 10.2.0.2, port: 80, forwarding: tun, tunnel: {type: gue, port: 6080, checksum: remote}}
      - {address: 10.2.0.3, port: 80, tunnel: {}}
    check: {}
    sorry: {address: 10.2.0.9, port: 8080, forwarding: fullnat}
vips:
  10.100.0.1:
    announce_when: [sctp/0, tcp/443, fwmark/7]
    services:
      - {protocol: sctp, port: 0, pool: web, forwarding: tun, tunnel: {type: gre, checksum: full},
         scheduler: wlc, persistence: 600s, netmask: 24}
      - {protocol: tcp, ports: [8000-8010, 443, "900"], pool: web, scheduler: rr}
      - {protocol: udp, fwmark: 7, pool: web, scheduler: rr}
"""
    inventory, problems = load(written(text, tmp_path))
    assert [problem for problem in problems if problem.severity is Severity.ERROR] == []
    assert inventory.cluster.timeouts == ProtocolTimeouts(tcp=90, tcp_fin=30, udp=60)
    assert (inventory.cluster.notrack, inventory.cluster.log_connections) == (True, True)
    director = inventory.directors["d1"]
    assert director.inside == (IPv4Address("10.2.0.1"),)
    assert director.local_addresses == (IPv4Address("10.100.1.1"), IPv4Address("10.100.1.2"))
    first, second, third = inventory.pools["web"].members
    assert (first.upper, first.lower, first.forwarding, first.tunnel) == (1000, 750, None, None)
    assert (second.forwarding, second.tunnel) == (
        Forwarding.TUN,
        Tunnel(TunnelType.GUE, 6080, TunnelFlag.REMCSUM),
    )
    assert third.tunnel == IPIP
    assert inventory.pools["web"].sorry == Sorry(IPv4Address("10.2.0.9"), 8080, Forwarding.FULLNAT)
    vip = inventory.vips[IPv4Address("10.100.0.1")]
    every, several, marked = vip.services
    assert (every.port, every.netmask, every.keeps_port) == (0, 24, True)
    assert every.tunnel == Tunnel(TunnelType.GRE, 0, TunnelFlag.CSUM)
    assert several.ports == (PortRange(443, 443), PortRange(900, 900), PortRange(8000, 8010))
    assert (marked.fwmark, marked.mark, every.mark) == (7, 0, 0)
    assert several.mark >> 24 == 0x44
    assert vip.required == {service.name for service in vip.services}


def test_a_group_is_a_vip_for_each_address(tmp_path: Path) -> None:
    text = MINIMAL.replace("{services:", "{group: [10.100.0.3, 10.100.0.2], ha: {order: [d1]}, services:")
    inventory, _ = load(written(text, tmp_path))
    addresses = tuple(map(IPv4Address, ("10.100.0.1", "10.100.0.3", "10.100.0.2")))
    assert tuple(inventory.vips) == addresses
    assert {vip.group for vip in inventory.vips.values()} == {addresses}
    assert [vip.address for vip in inventory.vips.values()] == list(addresses)
    assert len({(vip.services, vip.ha) for vip in inventory.vips.values()}) == 1
    keys = {service.key(address) for address, vip in inventory.vips.items() for service in vip.services}
    assert [(key.fwmark >> 24, key.address) for key in keys] == [(0x44, None)]


def test_bfd_in_milliseconds(tmp_path: Path) -> None:
    text = MINIMAL.replace("/24]", "/24], ospf: {bfd: {interval: 10ms, multiplier: 255}}")
    assert load(written(text, tmp_path))[0].cluster.ospf.bfd == Bfd(0.01, 255)


def test_the_digest_follows_the_bytes(tmp_path: Path) -> None:
    first = load(written(MINIMAL, tmp_path))[0]
    same = load(written(MINIMAL, tmp_path))[0]
    other = load(written(MINIMAL + "# x\n", tmp_path))[0]
    assert len(first.digest) == 64
    assert first.digest == same.digest != other.digest
    assert first == other


def test_every_problem_of_an_inventory_at_once(tmp_path: Path) -> None:
    text = """\
cluster:
  name: edge 1
  vip_prefixes: [10.100.0.0/24]
  ospf: {hello: 1, helo: 2s, costs: {active: 10, standby: 5}}
directors:
  d1: {router_id: 10.1.0.1, uplinks: e0}
  d2: {router_id: 10.1.0.1, uplinks: [e1]}
pools:
  w: {members: [{address: 10.2.0.1, port: on}, {address: 10.2.0.2, port: 81}, {address: 10.2.0.2, port: 81}]}
vips:
  10.101.0.1:
    anounce_when: all
    services:
      - {protocol: tcp, port: 80, pool: w, weight: 1}
      - {protocol: tcp, port: 80, pool: wbe, scheduler: xy}
"""
    with pytest.raises(InventoryError) as caught:
        load(written(text, tmp_path))
    assert [(problem.line, problem.column) for problem in caught.value.problems] == [
        (2, 9),  # name
        (4, 17),  # hello
        (4, 20),  # helo
        (4, 59),  # standby
        (6, 38),  # uplinks
        (7, 19),  # router id
        (9, 3),  # no check: a warning
        (9, 43),  # port on
        (9, 74),  # port with dr, for the service at line 14
        (9, 89),  # duplicate member
        (9, 105),  # its port
        (11, 3),  # outside
        (12, 5),  # anounce_when
        (14, 44),  # weight
        (15, 31),  # duplicate service
        (15, 41),  # wbe
        (15, 57),  # xy
    ]


def test_a_mistake_has_no_false_consequences(tmp_path: Path) -> None:
    text = MINIMAL.replace("pool: web", "pool: web, forwardng: nat").replace("port: 80}]", "port: 8080}]", 1)
    with pytest.raises(InventoryError) as caught:
        load(written(text, tmp_path))
    assert [problem.text for problem in caught.value.problems] == ["unknown key `forwardng`"]


@pytest.mark.parametrize(
    "key", ["md5_key: 'top secret'", "md5_key: 123456", 'md5_key: "top-secret-top-secret"']
)
def test_a_key_is_never_repeated(key: str, tmp_path: Path) -> None:
    text = MINIMAL.replace("/24]", f"/24], ospf: {{{key}}}")
    with pytest.raises(InventoryError) as caught:
        load(written(text, tmp_path))
    assert "secret" not in str(caught.value)
    assert "123456" not in str(caught.value)
    assert "*****" in caught.value.problems[0].source


def test_the_error_reads_as_the_full_report(tmp_path: Path) -> None:
    path = written(MINIMAL.replace("name: c, vip_prefixes: [10.100.0.0/24]", "nam: c"), tmp_path)
    with pytest.raises(InventoryError) as caught:
        load(path)
    assert str(caught.value) == (
        f"{path}:1:1: error: `vip_prefixes` is missing in `cluster`\n"
        "    cluster: {nam: c}\n"
        "    ^\n"
        "    hint: Prefixes that hold every VIP and SNAT address, at most 256; "
        "nothing else is ever announced.\n"
        f"{path}:1:11: error: unknown key `nam` in `cluster`\n"
        "    cluster: {nam: c}\n"
        "              ^\n"
        "    hint: did you mean `name`?"
    )


def test_a_misspelt_key_is_told_once(tmp_path: Path) -> None:
    text = MINIMAL.replace("port: 80}]", "prot: 80}]").replace("name: c", "naem: c")
    with pytest.raises(InventoryError) as caught:
        load(written(text, tmp_path))
    errors = [problem for problem in caught.value.problems if problem.severity is Severity.ERROR]
    assert [(problem.text, problem.hint) for problem in errors] == [
        ("unknown key `naem` in `cluster`", "did you mean `name`?"),
        ("unknown key `prot`", "did you mean `port`?"),
    ]


def test_more_problems_than_anyone_reads_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clusterlb.config.report.MOST", 5)
    keys = "".join(f"k{n}: 1\n" for n in range(8))
    with pytest.raises(InventoryError) as caught:
        load(written(keys + MINIMAL, tmp_path))
    assert len(caught.value.problems) == 6
    assert caught.value.problems[-1].text == "more problems than the 5 before: the search ended here"


def test_a_cluster_without_vips_is_good(tmp_path: Path) -> None:
    inventory, problems = load(written("".join(MINIMAL.splitlines(keepends=True)[:2]), tmp_path))
    assert (inventory.pools, inventory.vips, problems) == ({}, {}, ())


def test_sections_that_are_missing(tmp_path: Path) -> None:
    with pytest.raises(InventoryError) as caught:
        load(written("pools: {}\n", tmp_path))
    assert [problem.text for problem in caught.value.problems] == [
        "section `cluster` is missing",
        "there are no directors",
    ]
    assert {problem.severity for problem in caught.value.problems} == {Severity.ERROR}
