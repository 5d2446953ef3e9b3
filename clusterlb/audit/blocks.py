"""Configurations in indented blocks: NX-OS, EOS, FRR and SONiC's FRR."""

from __future__ import annotations

import re
from collections.abc import Sequence
from ipaddress import IPv4Interface

from clusterlb.audit import words
from clusterlb.audit.inherit import inherit
from clusterlb.audit.nest import Block, Row, nest
from clusterlb.audit.processes import read_processes
from clusterlb.audit.view import Covered, Key, Process, Section, Setting, Value, View, interface_of
from clusterlb.render.switch import System

_SPEAKS = {"ip": re.compile(r"(?:no )?ip (?:router )?ospf "), "ipv6": re.compile(r"(?:no )?ipv6 ospf6 ")}
_VRF = re.compile(r"(?:vrf member|vrf forwarding|ip vrf forwarding|vrf) (\S+)")
_TAG = re.compile(r"ip router ospf (\S+) area .+|ip ospf (\S+) area .+")
_ONE_DAEMONS = re.compile(r"! Zebra configuration saved from vty|hostname ospf6?d$")
_PART_SHOWN = re.compile(
    r".*\bshow run(?:ning-config)? +(?:section|ospf|interface|router|\| (?:sec|include|begin))"
)
_OF_OSPF = re.compile(r"(?:version|feature ospf|router ospf|interface) ?")
_LINES_OF_OSPF = re.compile(r"(?:no )?ip (?:router )?ospf ")
_HEAD = 30  # lines of a text that may have its ``show`` command
_MOST_PORTS = 512
Interfaces = dict[tuple[str, str], list[Block]]


def read_blocks(
    text: str, system: System, names: Sequence[str] = (), ip: str = "ip", vrf_of_all: str = ""
) -> View:
    """Parse a configuration's OSPFv2, or FRR's OSPFv3 if ``ip`` is ``ipv6``.

    ``names``: ports that must be in the result: FRR's text may have no line for a port whose area comes from
    a ``network`` statement. ``vrf_of_all``: the VRF of ports without a VRF line. Unknown lines are ignored.
    """
    rows = text.splitlines()
    top, above = nest(rows)
    partial = _line_of_part(rows, top, system)
    view = View(rows, read_processes(top, system, ip, bool(partial)), above=above, partial=partial)
    interfaces = _interfaces(top)
    written = {name for name, _ in interfaces}
    for (name, vrf), blocks in (interfaces | {(n, ""): [] for n in names if n not in written}).items():
        body = [row for block in blocks for row in block.rows()]
        key = _key_of(body, vrf or vrf_of_all, view.processes, system)
        process = view.processes.get(key)
        begin = blocks[0].line if blocks else process.section.line if process else 1
        port = Section(name, begin, process=key)
        words.fill(port, body, words.PORT if ip == "ip" else words.PORT6)
        addresses = _addresses(body)
        if process is not None and Setting.AREA not in port.values:
            _by_process(port, addresses, process, system)
        if Setting.AREA in port.values:
            inherit(port, body, process, top, system, bool(partial))
            _under_its_parent(port, interfaces)
            view.ports[name] = port
        elif system.is_frr and process and process.networks and not addresses:
            inherit(port, body, process, top, system, bool(partial))
            view.unsure[name] = port
            if any(_SPEAKS[ip].match(row) for _, row in body):
                view.tuned.append(name)
    return view


def _under_its_parent(port: Section, interfaces: Interfaces) -> None:
    """Apply the parent's ``shutdown`` and ``no shutdown`` to a subinterface."""
    parent, dot, _ = port.name.rpartition(".")
    for (name, _), blocks in interfaces.items() if dot else ():
        for line, text in (row for block in blocks for row in block.rows()):
            if name == parent and text in {"shutdown", "no shutdown"}:
                port.put(Setting.OFF, "no" if text.startswith("no ") else "yes", line)


def _interfaces(top: Sequence[Block]) -> Interfaces:
    """Return the interfaces' blocks by name and VRF; FRR writes the VRF after the name."""
    found: Interfaces = {}
    for block in top:
        if match := re.fullmatch(r"interface (.+?)(?: vrf (\S+))?", block.text):
            for name in _named_by(match[1]):
                found.setdefault((name, match[2] or ""), []).append(block)
    return found


def _key_of(body: Sequence[Row], vrf: str, processes: dict[Key, Process], system: System) -> Key:
    """Return a port's process: the named one (NX-OS, FRR's instances), else the first of its VRF."""
    name = ""
    for _, text in body:
        if match := _VRF.fullmatch(text):
            vrf = match[1]
        elif match := _TAG.fullmatch(text):
            name = match[1] or match[2]
    vrf = "" if vrf == "default" else vrf
    if name:
        return Key(name, vrf)
    fitting = [key for key in processes if key.vrf == vrf]
    if not fitting and not vrf and system.is_frr and len(processes) == 1:
        return next(iter(processes))  # a hand-written file: the port's VRF is known to the kernel only
    return next(iter(fitting), Key("", vrf))


def _by_process(port: Section, addresses: Sequence[IPv4Interface], process: Process, system: System) -> None:
    """Set a port's area from its process: OSPFv3's list of interfaces, or a ``network`` statement.

    The narrowest matching statement applies. FRR matches the interface's whole prefix, the other systems its
    address (FRR: ospf_network_match_iface()).
    """
    fitting: list[Covered] = [
        covered
        for covered in process.networks
        for address in addresses
        if address.ip in covered.network
        and (not system.is_frr or address.network.prefixlen >= covered.network.prefixlen)
    ]
    if port.name in process.listed:
        port.values[Setting.AREA] = process.listed[port.name]
    elif fitting:
        narrowest = max(fitting, key=lambda covered: covered.network.prefixlen)
        port.values[Setting.AREA] = Value(narrowest.area, (narrowest.line,))


def _addresses(body: Sequence[Row]) -> list[IPv4Interface]:
    found = (re.match(r"ip address (\d.+)", text) for _, text in body)
    return [address for match in found if match and (address := interface_of(match[1]))]


def _line_of_part(rows: Sequence[str], top: Sequence[Block], system: System) -> int:
    """Return the line which shows that the text is a part of a configuration, 0 if none does.

    FRR: a file of one daemon. NX-OS and EOS: the ``show`` command asks for a part, or the text has only OSPF,
    and only OSPF's lines under interfaces (``show running-config ospf``).
    """
    if system.is_frr:
        return next((number for number, row in enumerate(rows, 1) if _ONE_DAEMONS.match(row)), 0)
    asked = (number for number, row in enumerate(rows[:_HEAD], 1) if _PART_SHOWN.match(row))
    if number := next(asked, 0):
        return number
    ports = [text for block in top if block.text.startswith("interface ") for _, text in block.rows()]
    only = all(_OF_OSPF.match(block.text) for block in top) and all(map(_LINES_OF_OSPF.match, ports))
    return top[0].line if only and ports else 0


def _named_by(written: str) -> list[str]:
    """Return the ports that an interface line names: ``Ethernet1/1-3`` names three."""
    match = re.fullmatch(r"(.*[A-Za-z/ ])(\d{1,5})-(\d{1,5})", written)
    if not match or not 0 <= int(match[3]) - int(match[2]) < _MOST_PORTS:
        return [written]
    return [f"{match[1]}{number}" for number in range(int(match[2]), int(match[3]) + 1)]
