"""Every kind of problem: its place, its text, its severity. The sign ¦ stands where the problem is."""

from __future__ import annotations

from pathlib import Path

import pytest
from problem_marks import MARK, expect, marked, problems_of

from clusterlb.config.load import Severity

BASE = """\
cluster:
  name: edge-1
  vip_prefixes: [10.100.0.0/24, 2001:db8::/64]
  max_active: 8
  ospf: {area: 0.0.0.0, announce: intra-area, hello: 1s, dead: 3s, bfd: {interval: 50ms, multiplier: 3},
         pace: 1200ms, retransmit: 1s, costs: {active: 10, standby: 1000, drained: 10000}}
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0]}
  d2: {router_id: 10.1.0.2, uplinks: [e0, e1]}
pools:
  web:
    members: [{address: 10.2.0.101, port: 80, weight: 1}, {address: 10.2.0.102, port: 80}]
    check: {type: tcp, interval: 2s, timeout: 1s, rise: 2, fall: 3}
    quorum: {up: 1, down: 0}
vips:
  10.100.0.1:
    announce_when: all
    services:
      - {protocol: tcp, port: 80, pool: web, forwarding: dr, scheduler: mh, flags: [mh-port, mh-fallback]}
"""
SERVICE = "{protocol: tcp, port: 80, pool: web, forwarding: dr, scheduler: mh, flags: [mh-port, mh-fallback]}"

ERRORS = {
    # keys
    "unknown key": ("hello: 1s", "¦helo: 1s", "unknown key `helo`"),
    "unknown section": ("pools:\n", "¦vip: {}\npools:\n", "unknown key `vip`"),
    "unknown service key": ("forwarding: dr", "¦forwardin: dr", "unknown key `forwardin`"),
    "missing key": ("  d1: {router_id: 10.1.0.1, ", "  ¦d1: {", "`router_id` is missing in `d1`"),
    "missing key of an item": (
        "[{address: 10.2.0.101, port: 80, weight: 1}",
        "[¦{address: 10.2.0.101}",
        "`port` is missing",
    ),
    "duplicate key": ("max_active: 8", "max_active: 8\n  ¦max_active: 4", "duplicate key `max_active`"),
    "duplicate director": ("  d2:", "  ¦d1:", "duplicate key `d1`"),
    "merge key": ("max_active: 8", "¦<<: {max_active: 8}", "unknown key `<<`"),
    # types and YAML's traps
    "text for a number": (
        "port: 80, pool",
        'port: ¦"80", pool',
        "`port` needs a whole number, but is the text `80`",
    ),
    "sexagesimal": (
        "port: 80, pool",
        "port: ¦65000:10, pool",
        "`port` needs a whole number, but is the text `65000:10`",
    ),
    "on": ("rise: 2", "rise: ¦on", "`rise` needs a whole number, but is the text `on`"),
    "yes": ("max_active: 8", "max_active: ¦yes", "`max_active` needs a whole number, but is the text `yes`"),
    "boolean for a number": (
        "fall: 3",
        "fall: ¦true",
        "`fall` needs a whole number, but is the boolean `true`",
    ),
    "fraction": ("fall: 3", "fall: ¦3.0", "`fall` needs a whole number, but is the number `3.0`"),
    "underscores": (
        "port: 80, pool",
        "port: ¦8_0, pool",
        "`port` needs a whole number, but is the text `8_0`",
    ),
    "number for text": ("name: edge-1", "name: ¦12", "`name` needs text, but is the number `12`"),
    "boolean for text": ("name: edge-1", "name: ¦true", "`name` needs text, but is the boolean `true`"),
    "number for a pool": ("pool: web", "pool: ¦1.5", "`pool` needs text, but is the number `1.5`"),
    "null for text": ("name: edge-1", "name:¦", "`name` needs text, but is empty (null)"),
    "text for a list": ("uplinks: [e0]", "uplinks: ¦e0", "`uplinks` needs a list, but is the text `e0`"),
    "mapping for a list": ("uplinks: [e0]", "uplinks: ¦{e0: 1}", "`uplinks` needs a list, but is a mapping"),
    "text for a mapping": (
        "quorum: {up: 1, down: 0}",
        "quorum: ¦up:1",
        "`quorum` needs a mapping, but is the text `up:1`",
    ),
    "section without a value": (
        "vips:\n  10.100.0.1:\n    announce_when: all\n    services:\n      - " + SERVICE,
        "¦vips:",
        "`vips` needs a mapping, but is empty (null)",
    ),
    "section that is a list": (
        "directors:\n",
        "directors: ¦[]\nvip:\n",
        "`directors` needs a mapping, but is a list",
    ),
    "bfd off": (
        "bfd: {interval: 50ms, multiplier: 3}",
        "bfd: ¦off",
        "`bfd` needs a mapping, but is the text `off`",
    ),
    # durations
    "duration without unit": (
        "hello: 1s",
        "hello: ¦1",
        "`hello` needs a duration with its unit, but is the number `1`",
    ),
    "duration in words": (
        "timeout: 1s",
        "timeout: ¦1 s",
        "`timeout` needs a duration with its unit, but is the text `1 s`",
    ),
    "duration with a line break": (
        "timeout: 1s",
        'timeout: ¦"1s\\n"',
        "`timeout` needs a duration with its unit, but is the text `1s",
    ),
    "sub-second hello": ("hello: 1s", "hello: ¦500ms", "`hello` needs whole seconds from 1s to 65535s"),
    "fraction of a second": ("dead: 3s", "dead: ¦3.5s", "`dead` needs whole seconds from 1s to 65535s"),
    "hello too long": ("hello: 1s", "hello: ¦65536s", "`hello` needs whole seconds from 1s to 65535s"),
    "retransmit": (
        "retransmit: 1s",
        "retransmit: ¦100ms",
        "`retransmit` needs whole seconds from 1s to 65535s",
    ),
    "bfd too fast": (
        "interval: 50ms",
        "interval: ¦9ms",
        "`interval` needs whole milliseconds from 10ms to 60s",
    ),
    "bfd fraction": (
        "interval: 50ms",
        "interval: ¦50.5ms",
        "`interval` needs whole milliseconds from 10ms to 60s",
    ),
    "bfd multiplier low": ("multiplier: 3", "multiplier: ¦1", "`multiplier` must be at least 2, but is 1"),
    "bfd multiplier high": (
        "multiplier: 3",
        "multiplier: ¦256",
        "`multiplier` must be at most 255, but is 256",
    ),
    "persistence": (
        "pool: web",
        "pool: web, persistence: ¦1.5s",
        "`persistence` needs whole seconds from 0s to 2678400s",
    ),
    "dead too short": ("dead: 3s", "dead: ¦1s", "`dead` is 1s, not longer than `hello`, 1s"),
    # ranges and choices
    "negative port": ("port: 80, pool", "port: ¦-1, pool", "`port` must be at least 0, but is -1"),
    "port 65536": ("port: 80}", "port: ¦65536}", "`port` must be at most 65535, but is 65536"),
    "weight": ("weight: 1", "weight: ¦65536", "`weight` must be at most 65535, but is 65536"),
    "negative weight": ("weight: 1", "weight: ¦-1", "`weight` must be at least 0, but is -1"),
    "cost 0": ("active: 10,", "active: ¦0,", "`active` must be at least 1, but is 0"),
    "cost 65536": ("drained: 10000", "drained: ¦65536", "`drained` must be at most 65535, but is 65536"),
    "costs": ("standby: 1000", "standby: ¦10", "cost of `standby` is 10, not above that of `active`, 10"),
    "announce": ("announce: intra-area", "announce: ¦extern", "`announce` may not be the text `extern`"),
    "forwarding": ("forwarding: dr", "forwarding: ¦masq", "`forwarding` may not be the text `masq`"),
    "scheduler": ("scheduler: mh", "scheduler: ¦maglev", "`scheduler` may not be the text `maglev`"),
    "check type": ("type: tcp", "type: ¦ldap", "`type` may not be the text `ldap`"),
    "protocol": ("protocol: tcp", "protocol: ¦icmp", "`protocol` may not be the text `icmp`"),
    "announce_when": (
        "announce_when: all",
        "announce_when: ¦some",
        "`announce_when` may not be the text `some`",
    ),
    "unknown flag": ("[mh-port, ", "[¦mh-ports, ", "item 1 of `flags` may not be the text `mh-ports`"),
    "flag of another scheduler": (
        "[mh-port, ",
        "[¦sh-port, ",
        "flag `sh-port` belongs to scheduler sh, and this service has mh",
    ),
    "duplicate flag": ("mh-fallback]", "¦mh-port]", "duplicate flag `mh-port`"),
    "area": ("area: 0.0.0.0", "area: ¦backbone", "`area` needs an OSPF area, but is the text `backbone`"),
    "md5 key id": (
        "retransmit: 1s",
        "md5_key: k, md5_key_id: ¦0",
        "`md5_key_id` must be at least 1, but is 0",
    ),
    # names and what reaches FRR
    "cluster name": ("name: edge-1", "name: ¦edge 1", "`name` is not a good name: `edge 1`"),
    "name with a line break": ("name: edge-1", 'name: ¦"edge\\n"', "`name` is not a good name: `edge"),
    "director name": ("  d2:", "  ¦../d2:", "director name `../d2` is not a good name"),
    "pool name": ("  web:", "  ¦w b:", "pool name `w b` is not a good name"),
    "interface with a space": ("[e0]", '[¦"e 0"]', "item 1 of `uplinks` is not a good interface name: `e 0`"),
    "interface with a slash": ("[e0]", "[¦e/0]", "item 1 of `uplinks` is not a good interface name: `e/0`"),
    "interface too long": ("[e0]", "[¦e234567890123456]", "item 1 of `uplinks` is not a good interface name"),
    "interface injection": (
        "[e0]",
        '[¦"e0\\nrouter bgp 1"]',
        "item 1 of `uplinks` is not a good interface name",
    ),
    "duplicate uplink": ("[e0, e1]", "[e0, ¦e0]", "duplicate uplink `e0`"),
    "too many flags": (
        "[mh-port, mh-fallback]",
        "¦[a, a, a, a, a, a, a, a, a]",
        "`flags` has more than 8 items",
    ),
    "no uplink": ("[e0]", "¦[]", "`uplinks` is empty"),
    "md5 key that is a number": (
        "retransmit: 1s",
        "md5_key: ¦1234",
        "`md5_key` needs text",
    ),
    "md5 key text too long": (
        "retransmit: 1s",
        "md5_key: ¦k2345678901234567",
        "`md5_key` is longer than 16 characters",
    ),
    "md5 key injection": (
        "retransmit: 1s",
        'md5_key: ¦"a\\n!"',
        "`md5_key` has characters that FRR's configuration cannot carry",
    ),
    # addresses
    "address": ("10.2.0.102", "¦10.2.0.256", "`address` needs an IP address, but is the text `10.2.0.256`"),
    "multicast member": ("10.2.0.102", "¦224.0.0.1", "`address` needs the address of one host"),
    "zone": ("10.2.0.102", '¦"fe80::1%e0"', "`address` needs an IP address, but is the text `fe80::1%e0`"),
    "mapped": ("10.2.0.102", '¦"::ffff:10.2.0.102"', "`address` is an IPv4 address in IPv6 form"),
    "VIP": ("  10.100.0.1:", "  ¦10.100:", "VIP `10.100` needs an IP address"),
    "VIP with prefix": ("  10.100.0.1:", "  ¦10.100.0.1/32:", "VIP `10.100.0.1/32` needs an IP address"),
    "loopback VIP": ("  10.100.0.1:", "  ¦127.0.0.1:", "VIP `127.0.0.1` needs an address that can be routed"),
    "router id": (
        "router_id: 10.1.0.2",
        "router_id: ¦10.1.2",
        "`router_id` needs a router id in dotted form",
    ),
    "router id 0": ("router_id: 10.1.0.2", "router_id: ¦0.0.0.0", "`router_id` may not be 0.0.0.0"),
    "prefix": ("2001:db8::/64", "¦2001:db8::/129", "item 2 of `vip_prefixes` needs a prefix"),
    "host bits": (
        "[10.100.0.0/24",
        "[¦10.100.0.9/24",
        "item 1 of `vip_prefixes` has host bits behind the prefix",
    ),
    "every address": ("2001:db8::/64", "¦'::/0'", "item 2 of `vip_prefixes` would allow every address"),
    "no prefix": ("[10.100.0.0/24, 2001:db8::/64]", "¦[]", "`vip_prefixes` is empty"),
    "overlapping prefixes": (
        "2001:db8::/64",
        "¦10.100.0.128/25",
        "prefix 10.100.0.128/25 overlaps 10.100.0.0/24",
    ),
    # between fields
    "duplicate router id": (
        "router_id: 10.1.0.2",
        "router_id: ¦10.1.0.1",
        "duplicate router id 10.1.0.1: director `d1` has it, too",
    ),
    "VIP outside": ("  10.100.0.1:", "  ¦10.101.0.1:", "VIP 10.101.0.1 is outside `vip_prefixes`"),
    "VIP is a member": (
        "vips:\n  10.100.0.1:",
        "  a: {members: [{address: 10.100.0.1, port: 80}], check: {}}\nvips:\n  ¦10.100.0.1:",
        "VIP 10.100.0.1 is also a member of pool `a`",
    ),
    "VIP is a router id": (
        "vips:\n  10.100.0.1:",
        "vips:\n  ¦10.1.0.2:",
        "VIP 10.1.0.2 is also the router id of director `d2`",
    ),
    "duplicate VIP": (
        "vips:\n",
        """\
vips:
  2001:db8::1: &v {services: [{protocol: tcp, port: 80, pool: web, forwarding: tun}]}
  ¦2001:DB8:0::1: *v
""",
        "duplicate VIP 2001:db8::1",
    ),
    "duplicate service": (
        "mh-fallback]}",
        "mh-fallback]}\n      - {protocol: tcp, port: ¦80, pool: web}",
        "duplicate service tcp 80 of VIP 10.100.0.1",
    ),
    "no service": ("services:\n      - " + SERVICE, "services: ¦[]", "`services` is empty"),
    "pool missing": ("pool: web", "pool: ¦wbe", "pool `wbe` does not exist"),
    "pool empty": (
        "[{address: 10.2.0.101, port: 80, weight: 1}, {address: 10.2.0.102, port: 80}]",
        "¦[]",
        "`members` is empty",
    ),
    "duplicate member": ("10.2.0.102", "¦10.2.0.101", "duplicate member 10.2.0.101:80 in pool `web`"),
    "port with dr": (
        "port: 80}",
        "port: ¦8080}",
        "port 8080 differs from the service's, 80, with `forwarding: dr`",
    ),
    "family": (
        "address: 10.2.0.102",
        "address: ¦2001:db8:1::2",
        "IPv6 member 2001:db8:1::2 behind IPv4 VIP 10.100.0.1, with `forwarding: dr`",
    ),
    "quorum": ("up: 1, down: 0", "up: 1, down: ¦1", "quorum `down` is 1, not below `up`, 1"),
    "quorum too high": ("up: 1,", "up: ¦3,", "quorum `up` is 3, but the members of pool `web` are 2"),
    # the document
    "second document": ("vips:\n", "vips: {}\n¦---\nvips:\n", "a second document begins here"),
    "unknown tag": ("name: edge-1", "name: ¦!secret edge-1", "unknown tag `!secret`"),
    "tag that does not fit": ("rise: 2", "rise: ¦!!int two", "`two` is not of type !!int"),
    "alias without anchor": ("rise: 2", "rise: ¦*two", "alias `*two` has no anchor"),
    "alias of its holder": ("[e0, e1]", "&a [e0, ¦*a]", "alias `*a` refers to what contains it"),
    "key that is a list": ("rise: 2", "rise: 2, ¦[a]: 3", "a key must be a single word"),
    "tab": ("  name: edge-1", "¦\tname: edge-1", "tab in the indentation"),
    "syntax": ("uplinks: [e0]}", "uplinks: [e0¦}", "not YAML: did not find expected ',' or ']'"),
    "template": ("name: edge-1", "name: {¦{ name }}", "a key must be a single word"),
    "control character": ("edge-1", "edge¦\x07-1", "control character U+0007"),
}

CONSEQUENCES = {
    "`directors` needs a mapping, but is a list": ("unknown key `vip`",),
    "pool name `w b` is not a good name": ("pool `web` does not exist",),
    "VIP 10.1.0.2 is also the router id of director `d2`": ("outside `vip_prefixes`",),
    "`two` is not of type !!int": ("`rise` needs a whole number",),
}

WARNINGS = {
    "timeout": ("timeout: 1s", "timeout: ¦3s", "check `timeout` is 3s, longer than `interval`, 2s"),
    "pace": ("pace: 1200ms", "pace: ¦200ms", "`pace` is 200ms, below the default MinLSArrival of 1s"),
    "directors": (
        "max_active: 8",
        "max_active: 1",
        "2 directors, but the switch spreads flows over 1 (`max_active`)",
    ),
    "unused pool": (
        "pools:\n",
        "pools:\n  ¦spare: {members: [{address: 10.2.0.9, port: 1}], check: {}}\n",
        "pool `spare` is used by no service",
    ),
    "scheduler": (
        "scheduler: mh, flags: [mh-port, mh-fallback]",
        "scheduler: ¦wlc",
        "scheduler wlc breaks flows when the ECMP set changes",
    ),
    "persistence": ("pool: web", "pool: web, persistence: ¦5m", "persistence with mh"),
    "large weight": (
        "weight: 1",
        "weight: ¦101",
        "weights up to 101, 2 different ones, in pool `web` for mh",
    ),
    "no weight": (
        "members: [{address: 10.2.0.101, port: 80, weight: 1}, {address: 10.2.0.102, port: 80}]",
        "¦members: [{address: 10.2.0.101, port: 80, weight: 0}]",
        "no member of pool `web` has a weight above 0",
    ),
    "no check": (
        "  web:\n",
        "  ¦bare: {members: [{address: 10.2.0.9, port: 80}]}\n  web:\n",
        "pool `bare` has no check",
    ),
    "null check": (
        "check: {type: tcp, interval: 2s, timeout: 1s, rise: 2, fall: 3}",
        "¦check: null",
        "pool `web` has no check",
    ),
    "ops": (
        "flags: [mh-port, mh-fallback]",
        "flags: [mh-port, mh-fallback, ¦ops]",
        "flag `ops` does nothing with tcp",
    ),
    "udp checked over tcp": (
        "protocol: tcp",
        "protocol: ¦udp",
        "udp service, but pool `web` is checked over tcp",
    ),
    "key number alone": ("retransmit: 1s", "¦md5_key_id: 2", "`md5_key_id` without `md5_key` does nothing"),
}


def test_the_base_is_clean(tmp_path: Path) -> None:
    assert problems_of(BASE, tmp_path) == ()


@pytest.mark.parametrize(
    ("old", "new", "text"), [pytest.param(*case, id=name) for name, case in ERRORS.items()]
)
def test_an_error_and_what_follows_from_it(old: str, new: str, text: str, tmp_path: Path) -> None:
    content, line, column = marked(BASE, old, new)
    problems = problems_of(content, tmp_path)
    expect(problems, Severity.ERROR, line, column, text)
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    consequences = CONSEQUENCES.get(text, ())
    assert len(errors) == 1 + len(consequences)
    for consequence in consequences:
        assert any(consequence in problem.text for problem in errors)


@pytest.mark.parametrize(
    ("old", "new", "text"), [pytest.param(*case, id=name) for name, case in WARNINGS.items()]
)
def test_a_warning_that_leaves_the_inventory_good(old: str, new: str, text: str, tmp_path: Path) -> None:
    content, line, column = marked(BASE, old, new)
    if MARK not in new:
        line, column = 9, 3  # the director that is one too many
    problems = problems_of(content, tmp_path)
    assert {problem.severity for problem in problems} == {Severity.WARNING}
    expect(problems, Severity.WARNING, line, column, text)
