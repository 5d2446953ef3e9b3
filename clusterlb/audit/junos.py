"""Junos: OSPF in the main instance and in routing instances, from ``show configuration``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence, Set

from clusterlb.audit.junos_policy import is_whole, read_import, read_width, unit_of
from clusterlb.audit.junos_text import Statements, read_statements, under
from clusterlb.audit.nest import Row
from clusterlb.audit.view import Key, Process, Section, Setting, Value, View, area_text

_PORT: tuple[tuple[str, Setting, str], ...] = (
    (r"metric (\d+)", Setting.COST, ""),
    (r"interface-type (\S+)", Setting.NETWORK, ""),
    (r"priority (\d+)", Setting.PRIORITY, ""),
    (r"hello-interval (\d+)", Setting.HELLO, ""),
    (r"dead-interval (\d+)", Setting.DEAD, ""),
    (r"retransmit-interval (\d+)", Setting.RETRANSMIT, ""),
    (r"passive.*", Setting.PASSIVE, "yes"),
    (r"disable", Setting.OFF, "yes"),
    (r"bfd-liveness-detection .*", Setting.BFD, "yes"),
    (r"bfd-liveness-detection (?:transmit-interval )?minimum-interval (\d+)", Setting.BFD_TX, ""),
    (r"bfd-liveness-detection minimum-(?:receive-)?interval (\d+)", Setting.BFD_RX, ""),
    (r"bfd-liveness-detection multiplier (\d+)", Setting.BFD_MULTIPLIER, ""),
    (r"authentication md5 .*", Setting.AUTHENTICATION, "md5"),
    (r"authentication keychain .*", Setting.AUTHENTICATION, "chain"),
    (r"authentication (?!md5|keychain).*", Setting.AUTHENTICATION, "other"),
    (r"authentication md5 (\d+ key .+)", Setting.KEY, ""),
)
_NETWORKS = {"p2p": "point-to-point", "p2mp": "point-to-multipoint", "p2mp-over-lan": "point-to-multipoint"}
_NETWORKS |= {"nbma": "non-broadcast"}
_DEFAULTS = {
    Setting.AREA_TYPE: "normal",
    Setting.NETWORK: "broadcast",
    Setting.PRIORITY: "128",
    Setting.HELLO: "10",
    Setting.RETRANSMIT: "5",
    Setting.PASSIVE: "no",
    Setting.OFF: "no",
    Setting.BFD: "no",
    Setting.BFD_TX: "none",
    Setting.BFD_RX: "none",
    Setting.BFD_MULTIPLIER: "3",
    Setting.AUTHENTICATION: "none",
}
_OSPF = re.compile(r"(?:routing-instances (\S+) )?protocols ospf (.+)")


def read_junos(text: str, names: Sequence[str] = ()) -> View:
    """Parse a Junos configuration's OSPF; unknown statements are ignored.

    ``names``: ports that must be in the result; one without own statements has those of ``interface all``.
    """
    statements = read_statements(text)
    rows = statements.in_force()
    view = View(text.splitlines())
    view.partial = 0 if is_whole(rows) else 1
    view.hidden = [(n, row) for n, row in rows if re.match(r"logical-systems .* protocols ospf ", row)][:1]
    by_address = dict(_addresses(statements))
    for key, owned in _by_instance(rows).items():
        process = view.processes[key] = _process(key, owned, rows, statements.borrowed)
        ports = _ports(key, owned, by_address, statements.borrowed)
        for name in names:
            if "all" in ports and name not in ports:
                ports[name] = Section(name, ports["all"].line, dict(ports["all"].values), key)
        if "all" in ports:
            view.unnamed[key] = ports["all"].line
        view.ports |= {name: port for name, port in ports.items() if name != "all"}
        for area, value in process.area_types.items():
            for port in ports.values():
                if port.text(Setting.AREA) == area:
                    port.values[Setting.AREA_TYPE] = value
    _inactive(view, statements, by_address)
    for port in [*view.ports.values(), *view.inactive.values()]:
        _switched_off(port, rows, statements.inactive)
        dead = {Setting.DEAD: str(4 * int(port.text(Setting.HELLO) or 10))}
        for setting, default in (_DEFAULTS | dead).items():
            port.values.setdefault(setting, Value(default))
    return view


def _by_instance(rows: Sequence[Row]) -> dict[Key, list[Row]]:
    found: dict[Key, list[Row]] = {}
    for line, row in rows:
        if match := _OSPF.fullmatch(row):
            found.setdefault(Key("", match[1] or ""), []).append((line, match[2]))
    return found


def path_of(key: Key) -> str:
    """Return the path of an instance's OSPF."""
    return f"routing-instances {key.vrf} protocols ospf" if key.vrf else "protocols ospf"


def _process(key: Key, owned: Sequence[Row], rows: Sequence[Row], borrowed: Set[int]) -> Process:
    begin = next((line for line, _ in owned if line not in borrowed), owned[0][0])
    section = Section(path_of(key), begin, process=key)
    process = Process(key, section, read_import(rows, owned))
    for line, row in owned:
        if match := re.fullmatch(r"spf-options delay (\d+)", row):
            section.put(Setting.SPF_DELAY, match[1], line)
        elif match := re.fullmatch(r"area (\S+) (stub|nssa)\b.*", row):
            undo = f"delete {path_of(key)} area {match[1]} {match[2]}"
            process.area_types[area_text(match[1])] = Value(match[2], (line,), (undo,))
        elif row in {"disable", "enable"}:
            off = "yes" if row == "disable" else "no"
            section.put(Setting.OFF, off, line, f"delete {path_of(key)} disable")
        elif row == "graceful-restart helper-disable" or row.startswith("graceful-restart helper-disable "):
            section.put(Setting.HELPER, "no", line, f"delete {path_of(key)} {row}")
    for setting, default in ((Setting.SPF_DELAY, "200"), (Setting.OFF, "no"), (Setting.HELPER, "yes")):
        section.values.setdefault(setting, Value(default))
    read_width(section, rows)
    return process


def _addresses(statements: Statements) -> Iterator[tuple[str, str]]:
    """Yield each address with its interface: OSPF accepts an address as an interface's name."""
    pattern = re.compile(r"interfaces (\S+) unit (\d+) family inet address ([\d.]+)/.*")
    for _, row, _ in statements.every:
        if match := pattern.fullmatch(row):
            yield match[3], f"{match[1]}.{match[2]}"


def _ports(
    key: Key, owned: Sequence[Row], by_address: Mapping[str, str], borrowed: Set[int]
) -> dict[str, Section]:
    ports: dict[str, Section] = {}
    for line, row in owned:
        match = re.fullmatch(r"area (\S+) interface (\S+)(?: (.+))?", row)
        if match:
            name = by_address.get(match[2]) or unit_of(match[2])
            port = ports.setdefault(name, Section(name, line, process=key))
            port.line = line if port.line in borrowed else port.line
            port.put(Setting.AREA, area_text(match[1]), line)
            _put(port, line, match[3] or "", f"delete {path_of(key)} {row}")
    return ports


def _put(port: Section, line: int, row: str, undo: str) -> None:
    for pattern, setting, meaning in _PORT:
        if match := re.fullmatch(pattern, row):
            found = meaning or match[1]
            if setting is Setting.NETWORK:
                found = _NETWORKS.get(found, found)
            elif setting is Setting.KEY:
                found = _key(found)
            port.put(setting, found, line, undo)


def _key(text: str) -> str:
    number, _, key = text.split(" ", 2)
    key = key.strip('"')
    return f"{number} {'*' if key.startswith(('$9$', '$8$')) else key}"


def _inactive(view: View, statements: Statements, by_address: Mapping[str, str]) -> None:
    """Add the ports whose OSPF statements are all inactive."""
    for key, owned in _by_instance([(line, text) for line, text, _ in statements.every]).items():
        for name, port in _ports(key, owned, by_address, statements.borrowed).items():
            if name in view.ports or name == "all":
                continue
            for line, path in statements.inactive:
                if any(under(row, path) for row in _written(owned, key, name)):
                    port.put(Setting.OFF, "yes", line, f"activate {path}")
            if port.text(Setting.OFF) == "yes":
                view.inactive[name] = port


def _written(owned: Sequence[Row], key: Key, name: str) -> Iterator[str]:
    for _, row in owned:
        if re.match(rf"area \S+ interface {re.escape(name.removesuffix('.0'))}(?:\.0)?(?: |$)", row):
            yield f"{path_of(key)} {row}"


def _switched_off(port: Section, rows: Sequence[Row], inactive: Sequence[Row]) -> None:
    """Set OFF for a port whose interface is disabled, or whose interface's configuration is inactive."""
    device, _, unit = port.name.partition(".")
    levels = [f"interfaces {device}", f"interfaces {device} unit {unit or 0}"]
    for line, row in rows:
        if row in {f"{level} disable" for level in levels}:
            port.put(Setting.OFF, "yes", line, f"delete {row}")
    for line, path in inactive:
        if path in {*levels, f"{levels[1]} family inet"}:
            port.put(Setting.OFF, "yes", line, f"activate {path}")
