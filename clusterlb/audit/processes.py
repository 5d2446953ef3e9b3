"""The OSPF processes of a configuration in blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clusterlb.audit import words
from clusterlb.audit.maps import read_policy
from clusterlb.audit.nest import Block, Row
from clusterlb.audit.view import (
    Covered,
    Key,
    Process,
    Section,
    Setting,
    Value,
    area_text,
    network_of,
)
from clusterlb.render.switch import System

_SLOW = {Setting.LSA_ARRIVAL: "1000", Setting.SPF_DELAY: "0", Setting.SPF_MAX: "5000", Setting.OFF: "no"}
_DEFAULTS = {
    System.NXOS: _SLOW | {Setting.MAX_PATHS: "8", Setting.SPF_DELAY: "200", Setting.HELPER: "yes"},
    System.EOS: _SLOW | {Setting.HELPER: "yes"},
    System.SONIC: _SLOW | {Setting.HELPER: "no"},
    System.FRR: _SLOW | {Setting.HELPER: "no"},
}


def read_processes(
    top: Sequence[Block], system: System, ip: str = "ip", partial: bool = False
) -> dict[Key, Process]:
    """Return every OSPF process, by its name and VRF; on NX-OS one process has settings for each VRF.

    ``partial``: the text is a part, so missing settings outside of OSPF are ``?``.
    """
    found: dict[Key, Process] = {}
    name = (
        r"router ospf(?: (?!vrf )(\S+))?(?: vrf (\S+))?" if ip == "ip" else r"router (ospf6)(?: vrf (\S+))?"
    )
    for block in top:
        if match := re.fullmatch(name, block.text):
            number = "" if match[1] in {None, "ospf6"} else match[1]
            vrfs = _vrfs(block) if system is System.NXOS else [match[2] or ""]
            for vrf in vrfs:
                key = Key(number, "" if vrf == "default" else vrf)
                process = found[key] = _process(key, block, top, system, ip)
                for setting in (Setting.RESILIENT, Setting.BFD_FEATURE) if partial else ():
                    if process.section.text(setting) != "yes":
                        process.section.values[setting] = Value("?")
    return found


def _vrfs(block: Block) -> list[str]:
    named = (re.fullmatch(r"vrf (\S+)", text) for _, text in block.rows())
    return ["", *dict.fromkeys(match[1] for match in named if match)]


def _process(key: Key, block: Block, top: Sequence[Block], system: System, ip: str) -> Process:
    rows, line = block.rows(), block.line
    if system is System.NXOS and key.vrf:
        # a VRF inherits the process's `shutdown` and no other line
        rows = [row for row in rows if row[1] == "shutdown"] + list(block.under(f"vrf {key.vrf}"))
        line = next(inner.line for inner in block.body if inner.text == f"vrf {key.vrf}")
    section = Section(block.text, line, process=key)
    section.values.update({setting: Value(text) for setting, text in _DEFAULTS[system].items()})
    words.fill(section, rows, words.PROCESS)
    words.fill(section, [(b.line, b.text) for b in top], words.RESILIENT)
    _switches(section, key.vrf, top, system)
    around = _vrf_rows(top, key.vrf) if system.is_frr else []
    process = Process(key, section, read_policy(top, [*rows, *around], ip))
    _per_port(process, rows)
    return process


def _vrf_rows(top: Sequence[Block], vrf: str) -> list[Row]:
    """Return the lines of FRR's zebra for a VRF: those of its block, or the outermost lines."""
    if not vrf:
        return [(block.line, block.text) for block in top]
    return [row for block in top if block.text == f"vrf {vrf}" for row in block.rows()]


def _switches(section: Section, vrf: str, top: Sequence[Block], system: System) -> None:
    """Set what the system has switched off globally: routing in a VRF (EOS), features (NX-OS)."""
    off = f"no ip routing vrf {vrf}" if vrf else "no ip routing"
    for block in top:
        if system is System.EOS and block.text == off:
            section.put(Setting.OFF, "yes", block.line)
    if system is not System.NXOS:
        return
    for line, text in (row for block in top if block.text == f"vrf context {vrf}" for row in block.rows()):
        if text in {"shutdown", "no shutdown"}:
            section.put(Setting.OFF, "no" if text.startswith("no ") else "yes", line)
    for setting, feature in ((Setting.FEATURE, "ospf"), (Setting.BFD_FEATURE, "bfd")):
        lines = [b.line for b in top if re.fullmatch(r"(?:no )?feature \S.*", b.text)]
        its = [b for b in top if re.fullmatch(rf"(?:no )?feature {feature}", b.text)]
        if its:
            section.put(setting, "no" if its[-1].text.startswith("no ") else "yes", its[-1].line)
        elif lines:
            section.values[setting] = Value("no")


def _per_port(process: Process, rows: Sequence[Row]) -> None:
    """Read the process's lines about one area, prefix or interface."""
    for number, text in rows:
        if match := re.fullmatch(r"network (\S+)(?: ([\d.]+))? area (\S+)", text):
            network = network_of(f"{match[1]}/{match[2]}" if match[2] else match[1])
            if network is not None:
                process.networks.append(Covered(network, area_text(match[3]), number))
        elif match := re.fullmatch(r"interface (\S+) area (\S+)", text):
            process.listed[match[1]] = Value(area_text(match[2]), (number,))
        elif match := re.fullmatch(r"(no )?passive-interface (?!default)(\S+)(?: [\d.]+)?", text):
            process.passive[match[2]] = Value("no" if match[1] else "yes", (number,))
        elif match := re.fullmatch(r"area (\S+) authentication( message-digest)?", text):
            kind = "md5" if match[2] else "other"
            process.authenticated[area_text(match[1])] = Value(kind, (number,))
        elif match := re.fullmatch(r"area (\S+) (stub|nssa|not-so-stubby)\b.*", text):
            kind = "stub" if match[2] == "stub" else "nssa"
            process.area_types[area_text(match[1])] = Value(kind, (number,))
        elif match := re.fullmatch(r"no area (\S+) (?:stub|nssa|not-so-stubby)", text):
            process.area_types.pop(area_text(match[1]), None)
