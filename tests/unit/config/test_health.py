"""When pools, VIPs and directors are fit: what arrives, and where each mistake is (at the sign ¦)."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest
from problem_marks import expect, marked, problems_of

from clusterlb.config.load import Severity, load
from clusterlb.model.address import Endpoint
from clusterlb.model.check import CheckSpec, CheckType, CommandOptions, HttpOptions, IcmpOptions, ProbeSpec
from clusterlb.model.director_checks import DirectorChecks, DirectorProbe
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Amount, AnnounceWhen, Inventory, OnDown, Quorum, QuorumOf, Sorry
from clusterlb.model.ipvs import Protocol

BASE = """\
cluster:
  name: c
  vip_prefixes: [10.100.0.0/24]
  director_checks: {carrier: true, ospf_full: 1, bfd: true,
    conntrack: 95%, connections: 90%, descriptors: 85%,
    probes: {gateway: {type: icmp, address: 10.1.0.254}, web: {type: http, address: 10.1.0.254, port: 80},
             disk: {type: command, argv: [/usr/local/bin/check-disk]}}}
directors: {d1: {router_id: 10.1.0.1, uplinks: [e0]}}
pools:
  web:
    members:
      - {address: 10.2.0.1, port: 80, weight: 4}
      - {address: 10.2.0.2, port: 80}
      - {address: 10.2.0.3, port: 80}
      - {address: 10.2.0.4, port: 80}
    check: {}
    quorum: {up: 50%, down: 25%, of: members}
    on_down: weight0
    flows_on_down: {udp: move, tcp: keep, sctp: keep}
    slow_start: 30s
    panic: 60%
    suspect: 30s
    sorry: {address: 10.2.0.200, port: 80, forwarding: dr}
  quic: {members: [{address: 10.2.0.9, port: 443}], check: {type: http}}
vips:
  10.100.0.1:
    announce_when: [tcp/80, udp/443]
    services:
      - {protocol: tcp, port: 80, pool: web}
      - {protocol: udp, port: 443, pool: quic}
"""
QUORUM = "{up: 50%, down: 25%, of: members}"
PROBE = "{type: icmp, address: 10.1.0.254}"
SERVICES = "[tcp/80, udp/443]"

ERRORS = {
    # quorum
    "up without sign": (
        QUORUM,
        "{up: ¦'50', down: 25%}",
        "`up` needs a whole number from 1, or a percentage",
    ),
    "up of 0%": (QUORUM, "{up: ¦0%, down: 0}", "`up` needs a whole number from 1, or a percentage from 1%"),
    "up of 101%": (QUORUM, "{up: ¦101%, down: 0}", "`up` needs a percentage from 0% to 100%"),
    "up of true": (QUORUM, "{up: ¦true, down: 0}", "`up` needs a whole number from 1, or a percentage"),
    "half a per cent": (QUORUM, "{up: ¦1.5%, down: 0}", "`up` needs a whole number from 1, or a percentage"),
    "of": (QUORUM, "{up: 1, of: ¦weights}", "`of` may not be the text `weights`"),
    "per cent": (QUORUM, "{up: 50%, down: ¦50%}", "quorum `down` is 50%, not below `up`, 50%"),
    "count": (QUORUM, "{up: 2, down: ¦3}", "quorum `down` is 3, not below `up`, 2"),
    "members": (QUORUM, "{up: ¦5}", "quorum `up` is 5, but the members of pool `web` are 4"),
    "weights": (QUORUM, "{up: ¦8, of: weight}", "quorum `up` is 8, but the weights of pool `web` come to 7"),
    # the rest of a pool
    "need": ("check: {}", "need: ¦both\n    check: {}", "`need` may not be the text `both`"),
    "on_down": ("on_down: weight0", "on_down: ¦weight_0", "`on_down` may not be the text `weight_0`"),
    "flows": ("{udp: move", "{udp: ¦reset", "`udp` may not be the text `reset`"),
    "slow start": ("slow_start: 30s", "slow_start: ¦2h", "`slow_start` needs a duration from 0s to 3600s"),
    "panic": ("panic: 60%", "panic: ¦60", "`panic` needs a percentage from 0% to 100%, but is the number"),
    "suspect": ("suspect: 30s", "suspect: ¦30", "`suspect` needs a duration with its unit"),
    # sorry
    "sorry key": ("forwarding: dr}", "¦forwardin: dr}", "unknown key `forwardin`"),
    "sorry member": ("10.2.0.200", "¦10.2.0.4", "sorry server 10.2.0.4:80 is also a member of pool `web`"),
    "sorry port": (
        "sorry: {address: 10.2.0.200, port: 80, forwarding: dr}",
        "sorry: {address: 10.2.0.200, port: ¦8080}",
        "port 8080 differs from the service's, 80, with `forwarding: dr`",
    ),
    "sorry family": (
        "sorry: {address: 10.2.0.200, port: 80, forwarding: dr}",
        "sorry: {address: ¦'2001:db8::1', port: 80, forwarding: nat}",
        "IPv6 sorry server 2001:db8::1 behind IPv4 VIP 10.100.0.1, with `forwarding: nat`",
    ),
    "VIP as sorry": (
        "vips:\n  10.100.0.1:",
        "vips:\n  ¦10.2.0.200: {services: [{protocol: tcp, port: 80, pool: web}]}\n  10.100.0.1:",
        "VIP 10.2.0.200 is also the sorry server of pool `web`",
    ),
    # VIPs
    "no service": (SERVICES, "¦[]", "`announce_when` is empty"),
    "word": (SERVICES, "¦none", "`announce_when` may not be the text `none`"),
    "service alone": (SERVICES, "¦tcp/80", "`announce_when` needs a list of services, or `all` or `any`"),
    "unknown service": (SERVICES, "[tcp/80, ¦tcp/81]", "VIP 10.100.0.1 has no service `tcp/81`"),
    "bad service": (SERVICES, "[¦'80']", "item 1 of `announce_when` needs a service's protocol and port"),
    "bad port": (SERVICES, "[¦tcp/70000]", "item 1 of `announce_when` needs a service's protocol and port"),
    "twice": (SERVICES, "[tcp/80, ¦tcp/80]", "duplicate service `tcp/80`"),
    # directors
    "carrier": ("carrier: true", "carrier: ¦on", "`carrier` needs true or false, but is the text `on`"),
    "neighbours": ("ospf_full: 1", "ospf_full: ¦65", "`ospf_full` must be at most 64, but is 65"),
    "conntrack": ("conntrack: 95%", "conntrack: ¦101%", "`conntrack` needs a percentage from 0% to 100%"),
    "no BFD": (
        "[10.100.0.0/24]\n  director_checks: {carrier: true, ospf_full: 1, bfd: true",
        "[10.100.0.0/24]\n  ospf: {bfd: null}\n  director_checks: {carrier: true, ospf_full: 1, bfd: ¦true",
        "`bfd: true` asks for a BFD session, but OSPF runs without BFD",
    ),
    "probe without address": (f"gateway: {PROBE}", "¦gateway: {type: icmp}", "`address` is missing"),
    "probe without port": (f"gateway: {PROBE}", "¦gateway: {address: 10.1.0.254}", "`port` is missing"),
    "probe key": (PROBE, "{type: icmp, address: 10.1.0.254, ¦sise: 9}", "unknown key `sise`"),
    "probe via": (PROBE, "{type: icmp, address: 10.1.0.254, via: ¦vip}", "`via` may not be the text `vip`"),
    "probe type": (PROBE, "{type: ¦ping, address: 10.1.0.254}", "`type` may not be the text `ping`"),
    "probe name": ("gateway:", "¦gate way:", "`gate way` is not a good name"),
    "probe certificate": (
        "type: http, address: 10.1.0.254, port: 80",
        "type: tls, address: 10.1.0.254, port: 80, ¦key: /k",
        "`key` without `certificate`",
    ),
}
CONSEQUENCES = {"VIP as sorry": 1}  # it is outside the prefixes, too

WARNINGS = {
    "panic in per cent": (
        QUORUM,
        "{up: 80%, down: 60%}",
        "60%",
        "`panic` of 60% never acts: with quorum `down` of 60% the pool of 4 is unfit before",
    ),
    "panic in members": (
        QUORUM,
        "{up: 3, down: 2}",
        "60%",
        "`panic` of 60% never acts: with quorum `down` of 2 the pool of 4 is unfit before",
    ),
    "slow start": (
        ", weight: 4",
        "",
        "slow_start",
        "`slow_start` has no steps to take: no weight in pool `web`",
    ),
    "removal": ("weight0", "remove", "remove", "`on_down: remove` with mh moves flows of other members, too"),
}


def inventory(text: str, tmp_path: Path) -> Inventory:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    return load(path)[0]


def test_the_base_is_clean(tmp_path: Path) -> None:
    assert problems_of(BASE, tmp_path) == ()


def test_a_pool_arrives(tmp_path: Path) -> None:
    pool = inventory(BASE, tmp_path).pools["web"]
    assert pool.quorum == Quorum(Amount(50, True), Amount(25, True), QuorumOf.MEMBERS)
    assert (pool.on_down, pool.slow_start, pool.panic, pool.suspect) == (OnDown.WEIGHT0, 30.0, 60, 30.0)
    assert pool.sorry == Sorry(IPv4Address("10.2.0.200"), 80, Forwarding.DR)
    text = (
        BASE.replace(QUORUM, "{up: 5, of: weight}")
        .replace("weight0", "remove")
        .replace(", forwarding: dr", "")
    )
    pool = inventory(text, tmp_path).pools["web"]
    assert pool.quorum == Quorum(Amount(5), Amount(0), QuorumOf.WEIGHT)
    assert pool.on_down is OnDown.REMOVE
    assert pool.ends_flows == {Protocol.UDP}
    text = BASE.replace("{udp: move, tcp: keep, sctp: keep}", "{udp: keep, tcp: reset, sctp: reset}")
    assert inventory(text, tmp_path).pools["web"].ends_flows == {Protocol.TCP, Protocol.SCTP}
    assert pool.sorry == Sorry(IPv4Address("10.2.0.200"), 80)


def test_a_vip_arrives(tmp_path: Path) -> None:
    (vip,) = inventory(BASE, tmp_path).vips.values()
    assert vip.announce_when is AnnounceWhen.LISTED
    assert vip.required == {(Protocol.TCP, 80), (Protocol.UDP, 443)}
    (vip,) = inventory(BASE.replace(SERVICES, "any"), tmp_path).vips.values()
    assert (vip.announce_when, vip.required) == (AnnounceWhen.ANY, frozenset())


def test_director_checks_arrive(tmp_path: Path) -> None:
    gateway = IPv4Address("10.1.0.254")
    assert inventory(BASE, tmp_path).cluster.director_checks == DirectorChecks(
        carrier=True,
        ospf_full=1,
        bfd=True,
        conntrack=95,
        connections=90,
        descriptors=85,
        probes=(
            DirectorProbe(
                "gateway",
                CheckSpec(ProbeSpec(CheckType.ICMP, options=IcmpOptions())),
                Endpoint(gateway, 0),
            ),
            DirectorProbe(
                "web", CheckSpec(ProbeSpec(CheckType.HTTP, options=HttpOptions())), Endpoint(gateway, 80)
            ),
            DirectorProbe(
                "disk",
                CheckSpec(
                    ProbeSpec(CheckType.COMMAND, options=CommandOptions(("/usr/local/bin/check-disk",)))
                ),
                Endpoint(IPv4Address("127.0.0.1"), 0),
            ),
        ),
    )


@pytest.mark.parametrize("name", ERRORS)
def test_an_error(name: str, tmp_path: Path) -> None:
    old, new, text = ERRORS[name]
    content, line, column = marked(BASE, old, new)
    problems = problems_of(content, tmp_path)
    expect(problems, Severity.ERROR, line, column, text)
    errors = [problem for problem in problems if problem.severity is Severity.ERROR]
    assert len(errors) == 1 + CONSEQUENCES.get(name, 0)


@pytest.mark.parametrize("name", WARNINGS)
def test_a_warning(name: str, tmp_path: Path) -> None:
    old, new, place, text = WARNINGS[name]
    content = BASE.replace(old, new, 1)
    found = [problem for problem in problems_of(content, tmp_path) if problem.text.startswith(text)]
    assert [problem.severity for problem in found] == [Severity.WARNING]
    assert found[0].source[found[0].column - 1 :].startswith(place)


@pytest.mark.parametrize("scheduler", ["mh", "sh", "dh", "wlc"])
def test_a_flow_is_reset_where_another_member_gets_its_packets(scheduler: str, tmp_path: Path) -> None:
    text = BASE.replace("tcp: keep", "tcp: reset").replace(
        "port: 80, pool: web", f"port: 80, pool: web, scheduler: {scheduler}"
    )
    found = [one for one in problems_of(text, tmp_path) if "resets no" in one.text]
    assert [one.source[one.column - 1 :].startswith("reset") for one in found] == [True] * (
        scheduler == "wlc"
    )


@pytest.mark.parametrize("on_down", ["weight0", "remove"])
def test_flows_of_a_member_that_is_removed_cannot_be_kept(on_down: str, tmp_path: Path) -> None:
    kept = "{members: [{address: 10.2.0.9, port: 443}], flows_on_down: {udp: keep}, on_down: "
    text = BASE.replace("{members: [{address: 10.2.0.9, port: 443}]", kept + on_down)
    found = [one for one in problems_of(text, tmp_path) if one.text.startswith("`udp: keep` does nothing")]
    assert [one.source[one.column - 1 :].startswith("keep") for one in found] == [True] * (
        on_down == "remove"
    )


@pytest.mark.parametrize(
    ("check", "key"),
    [
        ("{type: http, weight_header: X-W}", "weight_header"),
        ("{type: file, path: /a, weight: true}", "weight"),
        ("{type: command, argv: [/a], weight: true}", "weight"),
    ],
)
def test_a_weight_that_cannot_be_reported(check: str, key: str, tmp_path: Path) -> None:
    weighted = BASE.replace("slow_start: 30s", "").replace("check: {}", f"check: {check}")
    text = f"`{key}` has no steps to take"
    assert not any(problem.text.startswith(text) for problem in problems_of(weighted, tmp_path))
    problems = problems_of(weighted.replace(", weight: 4", ""), tmp_path)
    (found,) = [problem for problem in problems if problem.text.startswith(text)]
    assert found.source[found.column - 1 :].startswith(f"{key}:")


TWO_DIRECTORS = ("directors: {d1", "directors: {d2: {router_id: 10.1.0.2, uplinks: [e0]}, d1")


@pytest.mark.parametrize(
    ("check", "key"),
    [("{}", "slow_start"), ("{type: http, weight_header: X-W}", "weight_header")],
)
def test_weights_that_change_by_themselves_move_flows_of_mh(check: str, key: str, tmp_path: Path) -> None:
    text = BASE.replace("check: {}", f"check: {check}").replace(*TWO_DIRECTORS)
    if key != "slow_start":
        text = text.replace("slow_start: 30s", "")
    warning = f"`{key}` with mh, in pool `web`: each step moves flows of other members, too"
    (found,) = [problem for problem in problems_of(text, tmp_path) if problem.text == warning]
    assert found.source[found.column - 1 :].startswith(f"{key}:")
    quiet = {
        "one director": BASE.replace("check: {}", f"check: {check}"),
        "no steps": text.replace(", weight: 4", ""),
        "another scheduler": text.replace("pool: web", "pool: web, scheduler: wlc"),
    }
    for why, other in quiet.items():
        assert warning not in [problem.text for problem in problems_of(other, tmp_path)], why


def test_panic_that_can_act_is_no_problem(tmp_path: Path) -> None:
    text = BASE.replace(QUORUM, "{up: 3, down: 1}")
    assert not any("panic" in problem.text for problem in problems_of(text, tmp_path))


def test_a_mistake_in_a_list_of_services_has_no_false_consequences(tmp_path: Path) -> None:
    text = BASE.replace("{protocol: tcp, port: 80, pool", "{protocol: tpc, port: 80, pool")
    errors = [p.text for p in problems_of(text, tmp_path) if p.severity is Severity.ERROR]
    assert errors == ["`protocol` may not be the text `tpc`"]
