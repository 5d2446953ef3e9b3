"""A port's settings without own lines: from its OSPF process, a BFD profile, or the system's defaults."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clusterlb.audit import words
from clusterlb.audit.nest import Block, Row
from clusterlb.audit.view import Process, Section, Setting, Value
from clusterlb.render.switch import System

_DEFAULTS = {
    Setting.AREA_TYPE: "normal",
    Setting.NETWORK: "broadcast",
    Setting.PRIORITY: "1",
    Setting.HELLO: "10",
    Setting.DEAD: "40",
    Setting.RETRANSMIT: "5",
    Setting.PASSIVE: "no",
    Setting.OFF: "no",
    Setting.BFD: "no",
    Setting.AUTHENTICATION: "none",
}
_SLOW_BFD = {Setting.BFD_TX: "300", Setting.BFD_RX: "300", Setting.BFD_MULTIPLIER: "3"}
_FAST_BFD = {Setting.BFD_TX: "50", Setting.BFD_RX: "50", Setting.BFD_MULTIPLIER: "3"}


def inherit(
    port: Section,
    body: Sequence[Row],
    process: Process | None,
    top: Sequence[Block],
    system: System,
    partial: bool,
) -> None:
    """Add the settings to a port that its own lines, ``body``, do not have.

    ``partial``: the file is one FRR daemon's; settings that another daemon's file may have are ``?``.
    """
    if process is not None:
        _of_process(port, body, process)
    _bfd_timers(port, body, top, system, partial)
    if system is System.NXOS and (hello := port.text(Setting.HELLO)).isdigit():
        port.values.setdefault(Setting.DEAD, Value(str(4 * int(hello))))
    timers = _FAST_BFD if system is System.NXOS else _SLOW_BFD
    for setting, default in (_DEFAULTS | timers).items():
        port.values.setdefault(setting, Value(default))


def _of_process(port: Section, body: Sequence[Row], process: Process) -> None:
    for setting in (Setting.BFD, Setting.PASSIVE):
        if process.section.text(setting) == "yes":
            port.values.setdefault(setting, process.section.values[setting])
    on_port = any("ospf passive" in text for _, text in body)
    if port.name in process.passive and not on_port:
        port.values[Setting.PASSIVE] = process.passive[port.name]
    area = port.text(Setting.AREA)
    if area in process.authenticated:
        port.values.setdefault(Setting.AUTHENTICATION, process.authenticated[area])
    if area in process.area_types:
        port.values.setdefault(Setting.AREA_TYPE, process.area_types[area])


def _bfd_timers(
    port: Section, body: Sequence[Row], top: Sequence[Block], system: System, partial: bool
) -> None:
    """Add the timers of the port's BFD profile (FRR), or the system's own (NX-OS, EOS).

    ``partial``: the profiles are in bfdd's file, or the intervals were not asked for.
    """
    named = (re.fullmatch(r"ip(?:v6)? ospf6? bfd (profile \S+)", text) for _, text in body)
    profiles = {match[1] for match in named if match}
    elsewhere = profiles and not any(outer.text == "bfd" for outer in top)
    if partial and (elsewhere or (not profiles and system in {System.NXOS, System.EOS})):
        for setting in _SLOW_BFD:
            port.values.setdefault(setting, Value("?"))
    timers = Section("", 0)
    for outer in top:
        for inner in outer.body if outer.text == "bfd" else ():
            if inner.text in profiles:
                words.fill(timers, inner.rows(), words.PROFILE)
        if outer.text == "router bfd":
            words.fill(timers, outer.rows(), words.PROFILE)
        elif outer.text.startswith(("bfd interval ", "bfd ipv4 interval ")):
            words.fill(timers, [(outer.line, outer.text)], words.PROFILE)
    for setting, value in timers.values.items():
        port.values.setdefault(setting, value)
