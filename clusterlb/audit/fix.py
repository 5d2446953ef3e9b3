"""The lines that correct a finding: generated lines, else lines that remove the wrong ones."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clusterlb.audit.finding import Remark
from clusterlb.audit.view import Key, Process, Section, Setting, View
from clusterlb.render.switch import SwitchFacts, System

_ACTIVE = {
    System.NXOS: "  no ip ospf passive-interface",
    System.SONIC: " no ip ospf passive",
    System.FRR: " no ip ospf passive",
}
_HIDDEN = "<md5_key of the inventory>"


def lines_of(
    remark: Remark, view: View, wanted: View, key: Key, system: System, facts: SwitchFacts
) -> tuple[str, ...]:
    """Return the lines to enter for a remark about the process ``key``, with the contexts around them."""
    if remark.policy:
        policy = wanted.processes[key].policy
        return _rows(wanted, policy.lines if policy else (), facts)
    right, present = wanted.section(remark.section, key), view.section(remark.section, key)
    settings = [s for s in remark.settings if s in right.values and right.values[s].lines]
    if Setting.AREA in settings and (moved := _moved(view, present, right)):
        return moved
    if lines := [n for setting in settings for n in right.values[setting].lines]:
        return _rows(wanted, lines, facts)
    values = [present.values[setting] for setting in remark.settings if setting in present.values]
    if undo := [line for value in values for line in value.undo]:
        return tuple(dict.fromkeys(undo))
    return _removal(view, [line for value in values for line in value.lines], system, present.name)


def _rows(view: View, lines: Sequence[int], facts: SwitchFacts) -> tuple[str, ...]:
    shown = sorted({number for line in lines for number in (*view.above.get(line, ()), line)})
    rows = (view.rows[number - 1] for number in shown)
    return tuple(row.replace(facts.md5_key, _HIDDEN) if facts.md5_key else row for row in rows)


def _moved(view: View, port: Section, right: Section) -> tuple[str, ...]:
    """Return lines that move a port to another area by changing the ``network`` statement that matches it.

    FRR refuses ``ip ospf area`` beside ``network`` statements.
    """
    process: Process | None = view.processes.get(port.process)
    value = port.values.get(Setting.AREA)
    lines = value.lines if value else ()
    by = [c for c in (process.networks if process else ()) if c.line in lines]
    rows: dict[str, None] = {}
    for covered in by:
        text = view.rows[covered.line - 1]
        indent = text[: len(text) - len(text.lstrip())]
        rows |= {view.rows[number - 1]: None for number in view.above.get(covered.line, ())}
        area = right.text(Setting.AREA)
        rows[f"{indent}no {text.strip()}"] = None
        rows[re.sub(r" area \S+", f" area {area}", text)] = None
    return tuple(rows)


def _removal(view: View, lines: Sequence[int], system: System, port: str) -> tuple[str, ...]:
    """Return lines that remove ``lines``; a default for all ports is overridden for this port only."""
    rows: dict[str, None] = {}
    for line in dict.fromkeys(lines):
        text = view.rows[line - 1]
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
