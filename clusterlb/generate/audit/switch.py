"""The audit: a configuration against the one that would be generated for the same ports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from clusterlb.generate.audit import port_rules, process_rules
from clusterlb.generate.audit.blocks import read_blocks
from clusterlb.generate.audit.detect import detect
from clusterlb.generate.audit.finding import Finding, Severity
from clusterlb.generate.audit.junos import read_junos
from clusterlb.generate.audit.remark import Remark
from clusterlb.generate.audit.view import Section, View
from clusterlb.generate.facts import SwitchError, SwitchFacts
from clusterlb.generate.switch import System, render_switch

_LOOPBACK = re.compile(r"lo(?:opback)?[\d.]*$", re.IGNORECASE)
_ACTIVE = {
    System.NXOS: "  no ip ospf passive-interface",
    System.SONIC: " no ip ospf passive",
    System.FRR: " no ip ospf passive",
}
_HIDDEN = "<md5_key of the inventory>"


def audit_switch(text: str, file: str, facts: SwitchFacts, system: System | None = None) -> list[Finding]:
    """Return what is wrong with a switch's configuration, in the order of its lines.

    The ports that are looked at are ``facts.ports``, or all that speak OSPF but loopbacks. A finding's fix is
    taken from the configuration that ``render_switch`` gives, so both say the same. SwitchError when the text
    is no configuration of a known system, or when the system cannot express what the inventory asks.
    """
    system = system or detect(text)
    if system is None:
        raise SwitchError(f"{file}: no line tells which system this is: say --os")
    view = read(text, system)
    names = facts.ports or tuple(name for name in view.ports if not _LOOPBACK.match(name))
    wanted = read(render_switch(replace(facts, ports=names), system), system)
    remarks = list(_remarks(view, wanted, facts, names))
    findings = [
        Finding(file, r.line, r.severity, r.rule, r.text, _fix(r, view, wanted, system, facts))
        for r in remarks
    ]
    return sorted(findings, key=lambda finding: finding.line)


def read(text: str, system: System) -> View:
    """Return what a configuration of this system says."""
    return read_junos(text) if system is System.JUNOS else read_blocks(text, system)


def _remarks(view: View, wanted: View, facts: SwitchFacts, names: Sequence[str]) -> Iterator[Remark]:
    for name in names:
        if name not in view.ports:
            text = f"{name} does not speak OSPF: no adjacency with the directors behind it"
            yield Remark(
                "no-ospf", Severity.ERROR, view.process.line, text, name, tuple(wanted.ports[name].values)
            )
    ports = [view.ports[name] for name in names if name in view.ports]
    if not names:
        yield Remark(
            "no-ospf",
            Severity.ERROR,
            view.process.line,
            "no interface speaks OSPF: name the ports to the directors",
        )
        return
    for port in ports:
        right = wanted.ports[port.name]
        yield from port_rules.adjacency(port, right)
        yield from port_rules.authentication(port, right)
        yield from port_rules.bfd(port, right, facts)
        yield from port_rules.retransmit(port, right)
    yield from port_rules.costs(ports)
    yield from process_rules.process(view, wanted, facts)
    yield from process_rules.policy(view, facts, ports)


def _fix(remark: Remark, view: View, wanted: View, system: System, facts: SwitchFacts) -> tuple[str, ...]:
    """Return the lines to enter: those of the wanted configuration, else the removal of what is there."""
    if remark.policy:
        return _rows(wanted, wanted.policy.lines if wanted.policy else (), facts)
    right = _section(wanted, remark.section)
    lines = [n for setting in remark.settings if setting in right.values for n in right.values[setting].lines]
    if lines:
        return _rows(wanted, lines, facts)
    found = _section(view, remark.section)
    there = [n for setting in remark.settings if setting in found.values for n in found.values[setting].lines]
    return _removal(view, there, system, found.name)


def _section(view: View, name: str) -> Section:
    return view.ports.get(name, view.process) if name else view.process


def _rows(view: View, lines: Sequence[int], facts: SwitchFacts) -> tuple[str, ...]:
    shown = sorted({number for line in lines for number in (*view.above.get(line, ()), line)})
    rows = (view.rows[number - 1] for number in shown)
    return tuple(row.replace(facts.md5_key, _HIDDEN) if facts.md5_key else row for row in rows)


def _removal(view: View, lines: Sequence[int], system: System, port: str) -> tuple[str, ...]:
    """Return what takes lines back; a default that other ports may want is taken back for this port alone."""
    rows: dict[str, None] = {}
    for line in dict.fromkeys(lines):
        text = view.rows[line - 1]
        if system is System.JUNOS:
            rows[re.sub(r"^\s*set ", "delete ", text)] = None
            continue
        bare = text.strip()
        if bare == "passive-interface default" and system is not System.EOS:
            rows |= {f"interface {port}": None, _ACTIVE[system]: None}
            continue
        for number in view.above.get(line, ()):
            rows[view.rows[number - 1]] = None
        bare = bare.replace("passive-interface default", f"passive-interface {port}")
        indent = text[: len(text) - len(text.lstrip())]
        rows[indent + (bare.removeprefix("no ") if bare.startswith("no ") else f"no {bare}")] = None
    return tuple(rows)
