"""The JSON Schema is the reference: complete, and true."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from json_schema import accepts

from clusterlb.config.load import load
from clusterlb.config.models.kinds import KINDS
from clusterlb.config.schema import InventoryFile, schema

HEALTH = """\
cluster:
  name: c
  vip_prefixes: [10.100.0.0/24]
  min_announcers: 0
  max_drained: 1
  preempt: true
  timeouts: {tcp: 90s, tcp_fin: 30s, udp: 60s}
  notrack: true
  log_connections: true
  director_checks:
    carrier: true
    ospf_full: 1
    bfd: true
    conntrack: 95%
    connections: 95%
    descriptors: 95%
    probes:
      gateway: {type: icmp, address: 10.1.0.254}
      web: {type: http, address: 10.1.0.254, port: 80}
      plain: {address: 10.1.0.254, port: 80}
      disk: {type: command, argv: [/usr/local/bin/check-disk]}
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0], inside: [10.2.0.1], local_addresses: [10.100.0.11]}
  d2: {router_id: 10.1.0.2, uplinks: [e0], inside: [10.2.0.2], local_addresses: [10.100.0.12]}
pools:
  web:
    members:
      - {address: 10.2.0.101, port: 80, weight: 4}
      - {address: 10.2.0.102, port: 80, check: {type: http, path: /other}}
      - {address: 10.2.0.103, port: 80, checks: [{type: icmp}, {type: file, path: /run/up, weight: true}]}
      - {address: 10.2.0.104, port: 80, check: null}
      - {address: 10.2.0.105, port: 80, forwarding: tun, tunnel: {type: gue, port: 6080, checksum: remote}}
      - {address: 10.2.0.106, port: 80, forwarding: tun, tunnel: {type: gre, checksum: full},
         upper_threshold: 0, lower_threshold: 0}
    checks:
      - {interval: 1s, send: PING, expect: PONG, tls: {server_name: a.example, ca: system, warn_expiry: 30d}}
      - {type: http, method: GET, path: /, host: a.example, headers: {X-A: b}, status: 200-299, body: ok,
         body_limit: 100, weight_header: X-W, hold: 10s, initial: down, port: 8080}
      - {type: https, status: [200, 301-302], tls: {certificate: /c.pem, key: /k.pem}}
      - {type: tls, ca: /ca.pem}
      - {type: udp, send: a, expect: b}
      - {type: dns, name: a.example, record: AAAA, rcode: NXDOMAIN, answer: x}
      - {type: smtp, helo: a.example, starttls: true, via: vip}
      - {type: grpc, service: a.B, authority: a.example}
    need: all
    quorum: {up: 50%, down: 25%, of: weight}
    on_down: weight0
    flows_on_down: {udp: keep, tcp: reset, sctp: reset}
    slow_start: 30s
    panic: 30%
    suspect: 30s
    sorry: {address: 10.2.0.200, port: 80, forwarding: nat}
vips:
  10.100.0.1:
    announce_when: [tcp/80]
    ha: {mode: active-standby, order: [d1, d2], preempt: false}
    services: [{protocol: tcp, port: 80, pool: web}]
  10.100.0.2:
    ha: {mode: vrrp, order: [d1, d2], vrid: 10, interfaces: [e0, e1], interval: 50ms, preempt: false}
    services: [{protocol: tcp, port: 80, pool: web}]
  10.100.0.3:
    group: [10.100.0.4]
    announce_when: [fwmark/16, sctp/0, tcp/1]
    services:
      - {protocol: tcp, ports: [1-9, 443, "80"], pool: web, tunnel: {type: ipip}, netmask: 24,
         persistence: 60s}
      - {protocol: udp, fwmark: 16, pool: web}
      - {protocol: sctp, port: 0, pool: web, persistence: 60s}
snat_pools:
  internet: {sources: [10.2.0.0/24], destinations: [10.9.0.0/16], fwmark: 1,
             addresses: {d1: [10.100.0.21], d2: [10.100.0.22]}}
maintenance:
  - {name: updates, directors: [d1], reason: monthly, cron: 0 3 * * 0, for: 2h, time_zone: UTC, deadline: 9m}
  - {name: cabling, directors: [d2], reason: new switch, at: 2026-12-01 03:00, for: 7d}
"""
WRONG = {
    "key of another kind": ("{type: udp, send", "{type: udp, path: /, send"),
    "unknown type": ("{type: udp", "{type: udq"),
    "missing path": ("{type: file, path: /run/up, weight: true}", "{type: file}"),
    "missing address": ("{type: icmp, address: 10.1.0.254}", "{type: icmp}"),
    "missing port": ("10.1.0.254, port: 80}", "10.1.0.254}"),
    "via": ("{type: icmp}", "{type: icmp, via: vip}"),
    "per cent": ("panic: 30%", "panic: 30"),
    "amount": ("up: 50%", "up: 0"),
    "status": ("status: 200-299", "status: 99"),
    "days": ("slow_start: 30s", "slow_start: 1d"),
    "relative path": ("certificate: /c.pem", "certificate: c.pem"),
    "word": ("announce_when: [tcp/80]", "announce_when: none"),
    "no service": ("announce_when: [tcp/80]", "announce_when: []"),
    "none drained": ("max_drained: 1", "max_drained: 0"),
    "mode": ("mode: active-standby", "mode: all-active"),
    "key of another mode": ("mode: active-standby,", "mode: active-standby, vrid: 10,"),
    "missing vrid": ("vrid: 10, ", ""),
    "third link": ("[e0, e1]", "[e0, e1, e2]"),
    "gue without port": ("{type: gue, port: 6080,", "{type: gue,"),
    "port of gre": ("{type: gre,", "{type: gre, port: 6080,"),
    "remote checksum of gre": ("{type: gre, checksum: full}", "{type: gre, checksum: remote}"),
    "port 0 of a list": ("[1-9, 443,", "[0, 443,"),
    "range without end": ("[1-9, 443,", "[1-, 443,"),
    "mark 0": ("fwmark: 16", "fwmark: 0"),
    "mark of ours": ("fwmark: 16", "fwmark: 0x46ffffff"),
    "name of mark 0": ("fwmark/16", "fwmark/0"),
    "whole timeouts": ("tcp_fin: 30s", "tcp_fin: 30"),
    "pool of nobody": ("addresses: {d1: [10.100.0.21], d2: [10.100.0.22]}", "addresses: {}"),
    "pool of nothing": ("addresses: {d1: [10.100.0.21]", "addresses: {d1: []"),
    "pool for nobody": ("sources: [10.2.0.0/24]", "sources: []"),
    "window without length": (", for: 2h", ""),
    "Python's name for it": (", for: 2h", ", length: 2h"),
    "window at a date": ("2026-12-01 03:00", "2026-12-01"),
}


def described(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every key of every mapping that the schema knows."""
    if isinstance(node, dict):
        yield from node.get("properties", {}).items()
        for value in node.values():
            yield from described(value)


def test_every_key_is_described() -> None:
    keys = list(described(schema()))
    names = {name for name, _ in keys}
    assert {
        "cluster",
        "router_id",
        "announce_when",
        "persistence",
        "md5_key",
        "argv",
        "warn_expiry",
        "checksum",
    } <= names
    assert [name for name, value in keys if not value.get("description")] == []


def test_every_kind_is_there_for_members_and_for_directors() -> None:
    definitions = schema()["$defs"]
    for kind, model in KINDS.items():
        for name in (model.__name__, f"Director{model.__name__}"):
            assert definitions[name]["properties"]["type"]["const"] == kind


def test_durations_are_text_with_a_unit() -> None:
    pace = schema()["$defs"]["OspfFile"]["properties"]["pace"]
    assert pace["type"] == "string"
    assert pace["pattern"].endswith("(ms|s|m|h)$")
    assert pace["default"] == "1.2s"


def test_defaults_are_as_a_file_has_them() -> None:
    document = schema()
    defaults = [(name, value) for name, value in described(document) if "default" in value]
    assert [name for name, value in defaults if not accepts(value, value["default"], document)] == []
    pool = document["$defs"]["PoolFile"]["properties"]
    assert pool["panic"]["default"] == "0%"
    assert pool["quorum"]["default"] == {"up": 1, "down": 0, "of": "members"}


def test_unknown_keys_are_refused_everywhere() -> None:
    document = schema()
    objects = [document, *(part for part in document["$defs"].values() if part["type"] == "object")]
    assert all(part["additionalProperties"] is False for part in objects)
    assert set(document["properties"]) == set(InventoryFile.model_fields)


def test_what_the_loader_accepts_the_schema_accepts(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(HEALTH)
    assert len(load(path)[0].pools["web"].checks) == 8
    document = schema()
    assert accepts(document, yaml.safe_load(HEALTH), document)


@pytest.mark.parametrize("name", WRONG)
def test_the_schema_refuses_what_the_loader_refuses(name: str) -> None:
    old, new = WRONG[name]
    assert old in HEALTH
    document = schema()
    assert not accepts(document, yaml.safe_load(HEALTH.replace(old, new)), document)
