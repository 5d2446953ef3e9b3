"""Forwarding methods, ports, groups and addresses: what cannot work, and what works badly."""

from __future__ import annotations

from pathlib import Path

import pytest
from problem_marks import expect, marked, problems_of

from clusterlb.config.load import Severity

BASE = """\
cluster:
  name: edge-1
  vip_prefixes: [10.100.0.0/16, "fd00:100::/48"]
  ospf: {announce: {ipv6: external}}
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0], inside: [10.2.0.1, "fd00:2::1"],
       local_addresses: [10.100.1.1, "fd00:100:1::1"]}
  d2: {router_id: 10.1.0.2, uplinks: [e0], inside: [10.2.0.2, "fd00:2::2"],
       local_addresses: [10.100.1.2, "fd00:100:1::2"]}
pools:
  web: {members: [{address: 10.2.0.101, port: 80}], check: {}}
  alt: {members: [{address: 10.2.0.102, port: 8080}], check: {type: icmp}}
vips:
  10.100.0.1:
    services:
      - {protocol: tcp, port: 80, pool: web}
      - {protocol: udp, port: 80, pool: alt, forwarding: nat}
  "fd00:100::1":
    services: [{protocol: tcp, port: 80, pool: web, forwarding: tun}]
"""
WEB = "{protocol: tcp, port: 80, pool: web}"
ALT = "{protocol: udp, port: 80, pool: alt, forwarding: nat}"
MEMBER = "{address: 10.2.0.101, port: 80}"
D2 = ', inside: [10.2.0.2, "fd00:2::2"],\n       local_addresses: [10.100.1.2, "fd00:100:1::2"]}'

ERRORS = {
    # methods
    "port with a member's tun": (
        "8080}",
        "¦8080, forwarding: tun}",
        "port 8080 differs from the service's, 80, with `forwarding: tun`",
    ),
    "port with a sorry server's dr": (
        "port: 8080}]",
        "port: 8080}], sorry: {address: 10.2.0.200, port: ¦81, forwarding: dr}",
        "port 81 differs from the service's, 80, with `forwarding: dr`",
    ),
    "families with fullnat": (
        "address: 10.2.0.102",
        'forwarding: fullnat, address: ¦"fd00:2::102"',
        "IPv6 member fd00:2::102 behind IPv4 VIP 10.100.0.1, with `forwarding: fullnat`",
    ),
    "families in a pool of both": (
        f'"fd00:100::1":\n    services: [{WEB[:-1]}, forwarding: tun}}]',
        '"fd00:100::1":\n    services: [{protocol: tcp, port: 80, pool: v6}]',
        "IPv4 member 10.2.0.109 behind IPv6 VIP fd00:100::1, with `forwarding: dr`",
    ),
    "one-packet scheduling": (
        ALT,
        "{protocol: udp, port: 80, pool: alt, scheduler: rr, flags: [¦ops], forwarding: fullnat}",
        "flag `ops` with `forwarding: fullnat`",
    ),
    "no local addresses": (
        D2 + "\npools:",
        (
            ', inside: [10.2.0.2, "fd00:2::2"]}\n  d3: {router_id: 10.1.0.3, uplinks: [e0], '
            'inside: [10.2.0.3, "fd00:2::3"], local_addresses: ["fd00:100:1::3"]}\npools:'
        ),
        "`forwarding: fullnat` needs IPv4 `local_addresses` on every director: `d2`, `d3` have none",
    ),
    "gue without a port": (MEMBER, MEMBER[:-1] + ", ¦tunnel: {type: gue}}", "`port` is missing"),
    "gre with a port": (WEB, WEB[:-1] + ", tunnel: {type: gre, ¦port: 6080}}", "unknown key `port`"),
    "ipip with a checksum": (WEB, WEB[:-1] + ", tunnel: {¦checksum: full}}", "unknown key `checksum`"),
    "remote checksum of gre": (
        WEB,
        WEB[:-1] + ", tunnel: {type: gre, checksum: ¦remote}}",
        "`checksum` may not be the text `remote`",
    ),
    "another tunnel": (
        WEB,
        WEB[:-1] + ", tunnel: {type: ¦vxlan, port: 1}}",
        "`type` may not be the text `vxlan`",
    ),
    # thresholds
    "threshold with mh": (
        "port: 8080}",
        "port: 8080, upper_threshold: ¦1000}",
        "`upper_threshold` with mh, in pool `alt`",
    ),
    "lower above upper": (
        "port: 8080}",
        "port: 8080, lower_threshold: ¦1}",
        "`lower_threshold` is 1, above `upper_threshold`, 0",
    ),
    # ports
    "port and ports": (
        "port: 80, pool: web",
        "port: 80, ¦ports: [80], pool: web",
        "`port` and `ports` exclude each other",
    ),
    "ports and a mark": (
        "port: 80, pool: web",
        "ports: [80], ¦fwmark: 7, pool: web",
        "`ports` and `fwmark` exclude each other",
    ),
    "no port": (WEB, "¦{protocol: tcp, pool: web}", "`port` is missing"),
    "port that is null": (WEB, "¦{protocol: tcp, port: null, pool: web}", "`port` is missing"),
    "port twice": ("port: 80, pool: web", "ports: [80, 443, ¦80], pool: web", "duplicate port 80"),
    "ranges": (
        "port: 80, pool: web",
        "ports: [8000-8010, 1-9, ¦8010-8020], pool: web",
        "8010-8020 overlaps 8000-8010",
    ),
    "port inside a range": (
        "port: 80, pool: web",
        'ports: [8005, ¦"8000-8010"], pool: web',
        "8005 overlaps 8000-8010",
    ),
    "range backwards": (
        "port: 80, pool: web",
        "ports: [¦8010-8000], pool: web",
        "item 1 of `ports` begins above its end: `8010-8000`",
    ),
    "port 0 of a list": (
        "port: 80, pool: web",
        "ports: [¦0], pool: web",
        "item 1 of `ports` needs a port from 1 to 65535, or a range, but is the number `0`",
    ),
    "range too far": (
        "port: 80, pool: web",
        "ports: [¦1-65536], pool: web",
        "item 1 of `ports` needs a port from 1 to 65535, or a range",
    ),
    "empty list": ("port: 80, pool: web", "ports: ¦[], pool: web", "`ports` is empty"),
    "every port": (
        "port: 80, pool: web",
        "port: ¦0, pool: web",
        "`port: 0` without `persistence`: the kernel schedules port 0 in persistent services alone",
    ),
    "netmask alone": ("pool: web}", "pool: web, netmask: ¦24}", "`netmask` without `persistence`"),
    "netmask too long": (
        "pool: web}",
        "pool: web, persistence: 60s, netmask: ¦33}",
        "`netmask` is 33, but an address of VIP 10.100.0.1 has 32 bits",
    ),
    "mark of ours": (
        "port: 80, pool: web",
        "fwmark: ¦0x44000001, pool: web",
        "`fwmark` is a firewall mark that clusterlb gives itself: `1140850689`",
    ),
    "mark 0": ("port: 80, pool: web", "fwmark: ¦0, pool: web", "`fwmark` needs a firewall mark"),
    "mark twice": (
        ALT,
        (
            "{protocol: tcp, fwmark: 7, pool: alt, forwarding: nat}\n"
            "      - {protocol: udp, fwmark: ¦7, pool: alt, forwarding: tun}"
        ),
        "duplicate firewall mark 7: VIP 10.100.0.1 has it, too",
    ),
    "overlapping services": (
        ALT,
        "{protocol: tcp, ports: ¦[79-81, 90], pool: alt, forwarding: tun}",
        "tcp 79-81 overlaps 80, another service of VIP 10.100.0.1",
    ),
    "every port of a group": (
        ALT,
        "{protocol: tcp, port: ¦0, pool: alt, persistence: 60s}\n    group: [10.100.0.2]",
        "tcp 1-65535 overlaps 80, another service of VIP 10.100.0.1",
    ),
    "service of a list that is not there": (
        f"services:\n      - {WEB}",
        "announce_when: [¦tcp/443]\n    services:\n      - {protocol: tcp, ports: [443, 80], pool: web}",
        "VIP 10.100.0.1 has no service `tcp/443`",
    ),
    "name of a mark": (
        f"services:\n      - {WEB}",
        f"announce_when: [¦fwmark/0]\n    services:\n      - {WEB}",
        "item 1 of `announce_when` needs a service's protocol and port",
    ),
    # replies
    "nat and fullnat": (
        ALT,
        ALT + "\n      - {protocol: udp, port: 81, pool: ¦alt, forwarding: fullnat}",
        "member 10.2.0.102:8080 has fullnat here and nat for service udp 80 of VIP 10.100.0.1",
    ),
    "nat and fullnat of one pool": (
        ALT,
        (
            "{protocol: tcp, ports: [8000-8100], pool: alt, forwarding: fullnat}\n"
            "      - {protocol: tcp, port: 82, pool: ¦alt, forwarding: nat}"
        ),
        "member 10.2.0.102:8080 has nat here and fullnat for service tcp 8000-8100 of VIP 10.100.0.1",
    ),
    # groups
    "family of a group": (
        "10.100.0.1:\n",
        '10.100.0.1:\n    group: [10.100.0.2, ¦"fd00:100::2"]\n',
        "IPv6 address fd00:100::2 in the group of IPv4 VIP 10.100.0.1",
    ),
    "group outside": (
        "10.100.0.1:\n",
        "10.100.0.1:\n    group: [¦10.101.0.2]\n",
        "VIP 10.101.0.2 is outside `vip_prefixes`: 10.100.0.0/16, fd00:100::/48",
    ),
    "its own address in a group": (
        "10.100.0.1:\n",
        "10.100.0.1:\n    group: [¦10.100.0.1]\n",
        "VIP 10.100.0.1 is also a VIP",
    ),
    "address twice in a group": (
        "10.100.0.1:\n",
        "10.100.0.1:\n    group: [10.100.0.2, ¦10.100.0.2]\n",
        "duplicate VIP 10.100.0.2",
    ),
    "VIP in a group": (
        '"fd00:100::1":\n',
        f'10.100.0.2: {{group: [¦10.100.0.1], services: [{WEB}]}}\n  "fd00:100::1":\n',
        "VIP 10.100.0.1 is also a VIP",
    ),
    "member in a group": (
        "10.100.0.1:\n",
        "10.100.0.1:\n    group: [¦10.2.0.101]\n",
        "VIP 10.2.0.101 is also a member of pool `web`",
    ),
    "group with VRRP": (
        "10.100.0.1:\n",
        (
            "10.100.0.1:\n    ha: {mode: vrrp, order: [d1, d2], vrid: 1, interfaces: [e0]}\n"
            "    ¦group: [10.100.0.2]\n"
        ),
        "`group` with `ha: {mode: vrrp}`: a virtual router holds one address here",
    ),
    "loopback in a group": (
        "10.100.0.1:\n",
        "10.100.0.1:\n    group: [¦127.0.0.1]\n",
        "item 1 of `group` needs an address that can be routed",
    ),
    # directors' addresses
    "two of a family inside": (
        'inside: [10.2.0.1, "fd00:2::1"]',
        "inside: [10.2.0.1, ¦10.2.0.9]",
        "second IPv4 address `inside` of `d1`",
    ),
    "the same inside": (
        "inside: [10.2.0.2",
        "inside: [¦10.2.0.1",
        "duplicate address `inside` 10.2.0.1: director `d1` has it, too",
    ),
    "local address of another": (
        "[10.100.1.2",
        "[¦10.100.1.1",
        "local address 10.100.1.1 is also a local address of director `d1`",
    ),
    "local address twice": ("[10.100.1.2", "[10.100.1.2, ¦10.100.1.2", "duplicate local address 10.100.1.2"),
    "local address that is a VIP": ("[10.100.1.2", "[¦10.100.0.1", "local address 10.100.0.1 is also a VIP"),
    "local address that is a member": (
        "[10.100.1.2",
        "[¦10.2.0.101",
        "local address 10.2.0.101 is also a member of pool `web`",
    ),
    "local address that is a router id": (
        "[10.100.1.2",
        "[¦10.1.0.2",
        "local address 10.1.0.2 is also the router id of director `d2`",
    ),
    "local address that is inside": (
        "[10.100.1.2",
        "[¦10.2.0.2",
        "local address 10.2.0.2 is also the address `inside` of director `d2`",
    ),
    # timeouts
    "timeout": (
        "ospf:",
        "timeouts: {tcp: ¦1500ms}\n  ospf:",
        "`tcp` needs whole seconds from 0s to 2073600s",
    ),
}

WARNINGS = {
    "tunnel without tun": (WEB, WEB[:-1] + ", ¦tunnel: {type: gre}}", "`tunnel` does nothing with"),
    "tunnel of a member without tun": (
        "port: 8080}",
        "port: 8080, forwarding: nat, ¦tunnel: {}}",
        "`tunnel` does nothing with `forwarding: nat`",
    ),
    "nat without a gateway": (
        D2,
        ', inside: ["fd00:2::2"]}',
        "`forwarding: nat` wants an IPv4 address `inside` on every director: `d2` has none",
    ),
    "nat and dr on one host": (
        "alt: {members: [{address: 10.2.0.102, port: 8080}]",
        "alt: {members: [{address: 10.2.0.101, port: 8080}]",
        "real server 10.2.0.101 has nat here, and answers itself for service tcp 80 of VIP 10.100.0.1",
    ),
    "nat for two ports": (
        ALT,
        ALT + "\n      - {protocol: udp, port: 81, pool: ¦alt, forwarding: nat}",
        "member 10.2.0.102:8080 has nat here and for service udp 80 of VIP 10.100.0.1",
    ),
    "nat for a group": (
        ALT,
        ALT[: ALT.index("forwarding")] + "forwarding: ¦nat}\n    group: [10.100.0.2]",
        "nat behind several VIPs",
    ),
    "persistence with mh": (WEB, WEB[:-1] + ", persistence: ¦600s}", "persistence with mh"),
}

GOOD = {
    "a member's own tunnel": (
        "port: 8080}",
        "port: 80, forwarding: tun, tunnel: {type: gue, port: 6080, checksum: remote}}",
    ),
    "tunnels cross families": (
        MEMBER,
        MEMBER[:-1] + ", tunnel: {type: gre, checksum: full}, forwarding: tun}",
    ),
    "a port that the client chose": (WEB, "{protocol: tcp, ports: [81, 90-99], pool: web}"),
    "port 0 leaves what others have": (
        ALT,
        "{protocol: tcp, port: 0, pool: alt, persistence: 60s, scheduler: rr}",
    ),
    "one mark a family": (
        ALT,
        (
            '{protocol: tcp, fwmark: 7, pool: web}\n  "fd00:100::2":\n'
            "    services: [{protocol: tcp, fwmark: 7, pool: web, forwarding: tun}]"
        ),
    ),
    "a group of fullnat": (
        ALT,
        "{protocol: sctp, port: 80, pool: alt, forwarding: fullnat}\n    group: [10.100.0.2]",
    ),
    "one port of two services": (
        ALT,
        (
            "{protocol: tcp, port: 8080, pool: alt, forwarding: nat}\n"
            "      - {protocol: udp, port: 8080, pool: alt, forwarding: nat}"
        ),
    ),
    "a local address elsewhere": ("[10.100.1.2", "[192.0.2.2"),
    "thresholds without mh": (
        "port: 8080}], check: {type: icmp}}\nvips:\n  10.100.0.1:\n    services:\n",
        (
            "port: 8080}], check: {type: icmp}}\n  big: {members: [{address: 10.2.0.103, port: 81, "
            "upper_threshold: 9, lower_threshold: 9}], check: {}}\nvips:\n  10.100.0.1:\n    services:\n"
            "      - {protocol: tcp, port: 81, pool: big, scheduler: wlc}\n"
        ),
    ),
}


def test_the_base_is_clean(tmp_path: Path) -> None:
    assert problems_of(BASE, tmp_path) == ()


@pytest.mark.parametrize(
    ("old", "new", "text"), [pytest.param(*case, id=name) for name, case in ERRORS.items()]
)
def test_one_error_and_its_place(old: str, new: str, text: str, tmp_path: Path) -> None:
    base = BASE
    if "v6" in new:
        member = '{address: "fd00:2::109", port: 80}, {address: ¦10.2.0.109, port: 80}'
        base = BASE.replace(old, new)
        old, new = "vips:", f"  v6: {{members: [{member}], check: {{}}}}\nvips:"
    if "`forwarding: fullnat` needs" in text:
        base = BASE.replace(old, new)
        old, new = "forwarding: nat", "forwarding: ¦fullnat"
    content, line, column = marked(base, old, new)
    problems = problems_of(content, tmp_path)
    expect(problems, Severity.ERROR, line, column, text)
    errors = [problem.text for problem in problems if problem.severity is Severity.ERROR]
    assert len([error for error in errors if text in error or "outside" not in error]) == 1


@pytest.mark.parametrize(
    ("old", "new", "text"), [pytest.param(*case, id=name) for name, case in WARNINGS.items()]
)
def test_a_warning_that_leaves_the_inventory_good(old: str, new: str, text: str, tmp_path: Path) -> None:
    base = BASE
    if "¦" not in new:
        base = BASE.replace(old, new)
        old, new = "forwarding: nat", "forwarding: ¦nat"
    content, line, column = marked(base, old, new)
    problems = problems_of(content, tmp_path)
    assert {problem.severity for problem in problems} == {Severity.WARNING}
    expect(problems, Severity.WARNING, line, column, text)


@pytest.mark.parametrize(("old", "new"), [pytest.param(*case, id=name) for name, case in GOOD.items()])
def test_nothing_wrong(old: str, new: str, tmp_path: Path) -> None:
    assert old in BASE
    problems = problems_of(BASE.replace(old, new, 1), tmp_path)
    texts = [problem.text for problem in problems]
    assert [text for text in texts if "used by no service" not in text and "breaks flows" not in text] == []


def test_one_problem_for_a_service_however_many_members(tmp_path: Path) -> None:
    members = ", ".join(f"{{address: 10.2.1.{n}, port: 81}}" for n in range(1, 9))
    text = BASE.replace("[{address: 10.2.0.102, port: 8080}]", f"[{members}]").replace(
        ALT, ALT + "\n      - {protocol: udp, port: 81, pool: alt, forwarding: nat}"
    )
    assert len(problems_of(text, tmp_path)) == 1
