"""The audit: compare a configuration with the configuration generated for the same ports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from clusterlb.audit import port_rules, process_rules, seen_rules
from clusterlb.audit.blocks import read_blocks
from clusterlb.audit.detect import Guess, recognise
from clusterlb.audit.finding import Finding, Remark
from clusterlb.audit.fix import lines_of
from clusterlb.audit.junos import read_junos
from clusterlb.audit.junos_policy import unit_of
from clusterlb.audit.view import Key, Section, Setting, View
from clusterlb.render.switch import Link, SwitchFacts, System, render_switch

# loopbacks and management ports: on Junos, `interface all` usually goes with `interface fxp0.0 disable`
_OTHERS = re.compile(r"(?:lo(?:opback)?[\d.]*|mgmt\d+|management[\d/]+|(?:fxp\d|vme)[\d.]*)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class SwitchReport:
    """An audit: the system and its reason, notes on parts that were not read, and the findings by line."""

    guess: Guess
    omitted: tuple[str, ...]
    findings: list[Finding]


class _Said(NamedTuple):
    """A remark, its process, and the configuration that would be generated for the process."""

    remark: Remark
    key: Key
    wanted: View


def report(text: str, file: str, facts: SwitchFacts, system: System | None = None) -> SwitchReport:
    """Audit a switch's configuration.

    The audited ports are ``facts.ports``, or all that speak OSPF except loopbacks and management ports. A
    finding's fix comes from the configuration that ``render_switch`` returns for the port's process and VRF,
    so both agree. SwitchError when the text is no configuration of a known system, or when the system cannot
    express what the inventory asks.
    """
    guess = recognise(text, file, system)
    found = list(_findings(text, file, facts, guess.system, "ip"))
    omitted: tuple[str, ...] = ()
    if facts.prefixes6 and guess.system is System.FRR:
        # a port to a director speaks OSPFv2 and OSPFv3
        both = facts.ports or tuple(_speaking(read(text, guess.system), facts))
        found += _findings(text, file, replace(facts, ports=both), guess.system, "ipv6")
    elif facts.prefixes6:
        prefixes = ", ".join(map(str, facts.prefixes6))
        omitted = (f"OSPFv3 is not read on {guess.system.value}: see yourself how {prefixes} gets there",)
    return SwitchReport(guess, omitted, sorted(found, key=lambda finding: finding.line))


def read(text: str, system: System, names: Sequence[str] = (), ip: str = "ip", vrf: str = "") -> View:
    """Parse a configuration of this system; ``ip``: ``ipv6`` for FRR's OSPFv3.

    ``vrf``: the ports' VRF, if the text has no line for it.
    """
    return read_junos(text, names) if system is System.JUNOS else read_blocks(text, system, names, ip, vrf)


def _findings(text: str, file: str, facts: SwitchFacts, system: System, ip: str) -> Iterator[Finding]:
    names = tuple(unit_of(name) if system is System.JUNOS else name for name in facts.ports)
    view = read(text, system, names, ip)
    names = tuple(_written(name, view) for name in names) or tuple(_speaking(view, facts))
    version = "OSPFv3: " if ip == "ipv6" else ""
    for remark, key, wanted in _said(view, facts, system, names, ip):
        fix = lines_of(remark, view, wanted, key, system, facts)
        yield Finding(file, remark.line, remark.severity, remark.rule, version + remark.text, fix)


def _written(name: str, view: View) -> str:
    """Return a port's name as the file writes it: systems ignore case."""
    known = {port.casefold(): port for port in (*view.inactive, *view.unsure, *view.ports)}
    return name if name in view.ports else known.get(name.casefold(), name)


def _speaking(view: View, facts: SwitchFacts) -> Iterator[str]:
    """Yield the ports that speak OSPF, and inactive ports with the directors' hello and dead intervals."""
    hellos = {Setting.HELLO: str(facts.hello), Setting.DEAD: str(facts.dead)}
    for name in (*view.ports, *view.tuned):
        if not _OTHERS.match(name):
            yield name
    for name, port in view.inactive.items():
        if all(port.text(setting) == text for setting, text in hellos.items()):
            yield name


def _said(view: View, facts: SwitchFacts, system: System, names: Sequence[str], ip: str) -> Iterator[_Said]:
    first = next(iter(view.processes), Key())
    wanted = _wanted(facts, first, names, system, ip)
    for remark in seen_rules.hidden(view, names):
        yield _Said(remark, first, wanted)
    ports = [port for name in names if (port := view.port(name))]
    for name in names:
        if view.port(name) is None:
            yield _Said(seen_rules.silent(name, view, wanted), first, wanted)
    for key in dict.fromkeys([port.process for port in ports] if ports else [first] * bool(view.processes)):
        its_ports = [port for port in ports if port.process == key]
        yield from _of_process(view, facts, system, key, its_ports, ip)


def _of_process(
    view: View, facts: SwitchFacts, system: System, key: Key, ports: Sequence[Section], ip: str
) -> Iterator[_Said]:
    """Yield the remarks about one process and its ports."""
    wanted = _wanted(facts, key, [port.name for port in ports], system, ip)
    by_link = {port.name: _link(port, facts) for port in ports}
    rights = {
        link: _wanted(facts.on(link), key, list(by_link), system, ip)
        for link in dict.fromkeys(by_link.values())
    }
    for port in ports:
        link = by_link[port.name]
        for remark in _of_port(port, rights[link].ports[port.name], view, facts.on(link), ip):
            yield _Said(remark, key, rights[link])
    for remark in port_rules.costs(ports):
        yield _Said(remark, key, wanted)
    process = view.processes.get(key)
    if process is None:
        yield _Said(seen_rules.no_process(view, key, ports), key, wanted)
        return
    right_process = wanted.processes[key]
    # FRR's filter is in zebra's configuration; the other systems' is in OSPF's
    partial = view.partial if system.is_frr else 0
    for remark in (
        *process_rules.switched_off(process, right_process, facts),
        *process_rules.process(process, right_process, facts),
        *process_rules.policy(process, facts, ports, 6 if ip == "ipv6" else 4, partial),
    ):
        yield _Said(remark, key, wanted)


def _of_port(port: Section, right: Section, view: View, facts: SwitchFacts, ip: str) -> Iterator[Remark]:
    directors = facts.network
    if ip == "ipv6" and directors != "point-to-point":
        directors = "broadcast"  # ospf6d of FRR 8.4 has no point-to-multipoint (docs/routing.md)
    yield from seen_rules.unsure(port, right, view)
    yield from port_rules.switched_off(port)
    yield from port_rules.adjacency(port, right)
    yield from port_rules.network(port, directors)
    yield from port_rules.authentication(port, right)
    yield from port_rules.bfd(port, right, facts)
    yield from port_rules.retransmit(port, right)


def _wanted(facts: SwitchFacts, key: Key, names: Sequence[str], system: System, ip: str) -> View:
    """Return the parsed configuration that would be generated for ports in a process."""
    process = key.name if system is not System.JUNOS else ""
    text = render_switch(replace(facts, ports=tuple(names), process=process, vrf=key.vrf), system)
    view = read(text, system, (), ip, key.vrf)
    # EOS and NX-OS have no process without a name
    return (
        view if key in view.processes else replace(view, processes={key: next(iter(view.processes.values()))})
    )


def _link(port: Section, facts: SwitchFacts) -> Link:
    """Return the kind of the directors' links that matches the port best, the first if none does."""
    links = facts.links if facts.link in facts.links else (facts.link, *facts.links)

    def fits(link: Link) -> tuple[bool, bool]:
        network = port.text(Setting.NETWORK)
        same = network == link.network or {network, link.network} <= port_rules.POINTS
        return port.text(Setting.AREA) == str(link.area), same

    return max(links, key=fits)
