"""Configurations in indented blocks: NX-OS, EOS, FRR and SONiC's FRR."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from clusterlb.generate.audit.maps import read_policy
from clusterlb.generate.audit.nest import Block, Row, nest
from clusterlb.generate.audit.view import Section, Setting, Value, View, area_text, network_of
from clusterlb.generate.switch import System

_PORT: tuple[tuple[str, Setting, str], ...] = (
    (r"ip ospf (?:\d+ )?area (\S+)", Setting.AREA, ""),
    (r"ip router ospf \S+ area (\S+)", Setting.AREA, ""),
    (r"ip ospf cost (\d+)", Setting.COST, ""),
    (r"ip ospf network (\S+)", Setting.NETWORK, ""),
    (r"ip ospf hello-interval (\d+)", Setting.HELLO, ""),
    (r"ip ospf dead-interval (\d+)", Setting.DEAD, ""),
    (r"ip ospf dead-interval minimal hello-multiplier \d+", Setting.DEAD, "1"),
    (r"ip ospf retransmit-interval (\d+)", Setting.RETRANSMIT, ""),
    (r"ip ospf passive(?:-interface)?", Setting.PASSIVE, "yes"),
    (r"no ip ospf passive(?:-interface)?", Setting.PASSIVE, "no"),
    (r"ip ospf (?:neighbor )?bfd", Setting.BFD, "yes"),
    (r"ip ospf bfd (?:profile \S+|\d+ \d+ \d+)", Setting.BFD, "yes"),
    (r"ip ospf (?:neighbor )?bfd disable|no ip ospf (?:neighbor )?bfd", Setting.BFD, "no"),
    (r"bfd interval (\d+) .*", Setting.BFD_TX, ""),
    (r"bfd interval \d+ min[_-]rx (\d+) .*", Setting.BFD_RX, ""),
    (r"bfd interval .* multiplier (\d+)", Setting.BFD_MULTIPLIER, ""),
    (r"ip ospf bfd \d+ \d+ (\d+)", Setting.BFD_TX, ""),
    (r"ip ospf bfd \d+ (\d+) \d+", Setting.BFD_RX, ""),
    (r"ip ospf bfd (\d+) \d+ \d+", Setting.BFD_MULTIPLIER, ""),
    (r"ip ospf authentication message-digest", Setting.AUTHENTICATION, "md5"),
    (r"ip ospf authentication(?: key-chain \S+| null)?", Setting.AUTHENTICATION, "other"),
    (r"ip ospf message-digest-key (.+)", Setting.KEY, ""),
)
_PROCESS: tuple[tuple[str, Setting, str], ...] = (
    (r"maximum-paths (\d+)", Setting.MAX_PATHS, ""),
    (r"timers lsa(?: |-)(?:min-arrival|arrival|rx min interval) (\d+)", Setting.LSA_ARRIVAL, ""),
    (r"timers (?:throttle spf|spf delay initial) (\d+) \d+ \d+", Setting.SPF_DELAY, ""),
    (r"timers (?:throttle spf|spf delay initial) \d+ \d+ (\d+)", Setting.SPF_MAX, ""),
    (r"bfd(?: default| all-interfaces)?", Setting.BFD, "yes"),
    (r"passive-interface default", Setting.PASSIVE, "yes"),
)
_PROFILE: tuple[tuple[str, Setting, str], ...] = (
    (r"transmit-interval (\d+)", Setting.BFD_TX, ""),
    (r"receive-interval (\d+)", Setting.BFD_RX, ""),
    (r"detect-multiplier (\d+)", Setting.BFD_MULTIPLIER, ""),
    (r"(?:bfd )?interval (\d+) min.*", Setting.BFD_TX, ""),
    (r"(?:bfd )?interval \d+ min[_-]rx (\d+) .*", Setting.BFD_RX, ""),
    (r"(?:bfd )?interval .* multiplier (\d+)(?: default)?", Setting.BFD_MULTIPLIER, ""),
)
_RESILIENT = r"hardware profile ecmp resilient|ip hardware fib ecmp resilience .+"
_PORT_DEFAULTS = {
    Setting.NETWORK: "broadcast",
    Setting.HELLO: "10",
    Setting.DEAD: "40",
    Setting.RETRANSMIT: "5",
    Setting.PASSIVE: "no",
    Setting.BFD: "no",
    Setting.AUTHENTICATION: "none",
}
_SLOW_BFD = {Setting.BFD_TX: "300", Setting.BFD_RX: "300", Setting.BFD_MULTIPLIER: "3"}
_BFD_DEFAULTS = {
    System.NXOS: {Setting.BFD_TX: "50", Setting.BFD_RX: "50", Setting.BFD_MULTIPLIER: "3"},
    System.EOS: _SLOW_BFD,
    System.SONIC: _SLOW_BFD,
    System.FRR: _SLOW_BFD,
}
_SLOW = {Setting.LSA_ARRIVAL: "1000", Setting.SPF_DELAY: "0", Setting.SPF_MAX: "5000"}
_PROCESS_DEFAULTS = {
    System.NXOS: _SLOW | {Setting.MAX_PATHS: "8", Setting.SPF_DELAY: "200"},
    System.EOS: _SLOW,
    System.SONIC: _SLOW,
    System.FRR: _SLOW,
}


def read_blocks(text: str, system: System) -> View:
    """Return what a configuration in blocks says; lines that are not understood are passed over."""
    rows = text.splitlines()
    top, above = nest(rows)
    interfaces = {b.text.split(maxsplit=1)[1]: b for b in top if re.match(r"interface \S", b.text)}
    chosen = _process(top, interfaces)
    process = Section(chosen.text if chosen else "", chosen.line if chosen else 1)
    own = chosen.rows() if chosen else []
    process.values.update({key: Value(text) for key, text in _PROCESS_DEFAULTS[system].items()})
    _fill(process, own, _PROCESS)
    _fill(process, [(b.line, b.text) for b in top], ((_RESILIENT, Setting.RESILIENT, "yes"),))
    view = View(rows, process, above=above)
    view.policy = read_policy(top, own)
    for name, block in interfaces.items():
        port = Section(name, block.line)
        _fill(port, block.rows(), _PORT)
        _by_network(port, block.rows(), own)
        if Setting.AREA in port.values:
            _inherit(port, block, process, own)
            _bfd_timers(port, block, top)
            if system is System.NXOS and (hello := port.text(Setting.HELLO)):
                port.values.setdefault(Setting.DEAD, Value(str(4 * int(hello))))
            for setting, default in (_PORT_DEFAULTS | _BFD_DEFAULTS[system]).items():
                port.values.setdefault(setting, Value(default))
            view.ports[name] = port
    return view


def _process(top: Sequence[Block], interfaces: dict[str, Block]) -> Block | None:
    """Return the OSPF process that the ports name, as NX-OS has several, or the first."""
    processes = [block for block in top if re.match(r"router ospf\b(?!6)(?!v3)", block.text)]
    for block in interfaces.values():
        for _, text in block.rows():
            if match := re.fullmatch(r"ip router ospf (\S+) area \S+", text):
                named = [b for b in processes if b.text == f"router ospf {match[1]}"]
                return named[0] if named else None
    return processes[0] if processes else None


def _fill(section: Section, rows: Sequence[Row], table: Sequence[tuple[str, Setting, str]]) -> None:
    for number, text in rows:
        for pattern, setting, meaning in table:
            if match := re.fullmatch(pattern, text):
                text_of = _SPELLING.get(setting, str)
                section.put(setting, text_of(meaning or match[1]), number)


def _key(text: str) -> str:
    """Spell a key's line: its number and the key, or a star for one that the system has encrypted."""
    match = re.fullmatch(r"(\d+) md5 (?:(\d+) )?(\S+)", text)
    if not match:
        return text
    return f"{match[1]} {match[3] if match[2] in {None, '0'} else '*'}"


_SPELLING: dict[Setting, Callable[[str], str]] = {Setting.AREA: area_text, Setting.KEY: _key}


def _by_network(port: Section, body: Sequence[Row], process: Sequence[Row]) -> None:
    """Put a port into the area whose ``network`` statement has its address."""
    written = [match[1] for _, text in body if (match := re.match(r"ip address ([\d.]+)/\d+", text))]
    hosts = [host for address in written if (host := network_of(address))]
    for number, text in process:
        match = re.fullmatch(r"network (\S+) area (\S+)", text)
        network = network_of(match[1]) if match else None
        if match and network and any(host.subnet_of(network) for host in hosts):
            port.values.setdefault(Setting.AREA, Value(area_text(match[2]), (number,)))


def _inherit(port: Section, block: Block, process: Section, own: Sequence[Row]) -> None:
    """Add what the port has from its OSPF process."""
    if process.text(Setting.BFD) == "yes":
        port.values.setdefault(Setting.BFD, process.values[Setting.BFD])
    if process.text(Setting.PASSIVE) == "yes":
        port.values.setdefault(Setting.PASSIVE, process.values[Setting.PASSIVE])
    on_port = any("ip ospf passive" in text for _, text in block.rows())
    for number, text in own:
        passive = re.fullmatch(rf"(no )?passive-interface {re.escape(port.name)}", text)
        if passive and not on_port:
            port.values[Setting.PASSIVE] = Value("no" if passive[1] else "yes", (number,))
        area = re.fullmatch(r"area (\S+) authentication message-digest", text)
        if area and area_text(area[1]) == port.text(Setting.AREA):
            port.values.setdefault(Setting.AUTHENTICATION, Value("md5", (number,)))


def _bfd_timers(port: Section, block: Block, top: Sequence[Block]) -> None:
    """Add the timers of the port's BFD profile (FRR), or the system's own (NX-OS, EOS)."""
    profiles = {
        f"profile {text.split()[-1]}" for _, text in block.rows() if text.startswith("ip ospf bfd profile")
    }
    timers = Section("", 0)
    for outer in top:
        for inner in outer.body if outer.text == "bfd" else ():
            if inner.text in profiles:
                _fill(timers, inner.rows(), _PROFILE)
        if outer.text == "router bfd":
            _fill(timers, outer.rows(), _PROFILE)
        elif outer.text.startswith("bfd interval "):
            _fill(timers, [(outer.line, outer.text)], _PROFILE)
    for setting, value in timers.values.items():
        port.values.setdefault(setting, value)
