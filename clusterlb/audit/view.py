"""A switch's parsed configuration, the same for all systems, with line numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Address, IPv4Interface, ip_network
from typing import NamedTuple

from clusterlb.audit.policy import Policy
from clusterlb.model.address import IPNetwork


class Setting(Enum):
    """A setting of a port or an OSPF process. Times of BFD, LSA and SPF are milliseconds.

    ``OFF``: switched off or inactive. ``FEATURE`` and ``BFD_FEATURE``: whether NX-OS has the feature on.
    ``HELPER``: whether the process helps a neighbour to restart.
    """

    AREA = auto()
    AREA_TYPE = auto()
    COST = auto()
    NETWORK = auto()
    PRIORITY = auto()
    HELLO = auto()
    DEAD = auto()
    RETRANSMIT = auto()
    PASSIVE = auto()
    OFF = auto()
    BFD = auto()
    BFD_TX = auto()
    BFD_RX = auto()
    BFD_MULTIPLIER = auto()
    AUTHENTICATION = auto()
    KEY = auto()
    MAX_PATHS = auto()
    LSA_ARRIVAL = auto()
    SPF_DELAY = auto()
    SPF_MAX = auto()
    RESILIENT = auto()
    HELPER = auto()
    FEATURE = auto()
    BFD_FEATURE = auto()


class Value(NamedTuple):
    """A setting's text in one spelling for all systems, and its lines: none for a default.

    ``undo``: the lines that remove those lines, if their text does not tell (Junos).
    """

    text: str
    lines: tuple[int, ...] = ()
    undo: tuple[str, ...] = ()


class Key(NamedTuple):
    """An OSPF process: its name or number, empty without one, and its VRF, empty for the default."""

    name: str = ""
    vrf: str = ""


@dataclass(slots=True)
class Section:
    """A port or an OSPF process: its first line, and a port's process."""

    name: str
    line: int
    values: dict[Setting, Value] = field(default_factory=dict)
    process: Key = field(default_factory=Key)

    def put(self, setting: Setting, text: str, line: int, undo: str = "") -> None:
        """Add a line's setting: the last line's text applies, but keys add up."""
        earlier = self.values.get(setting, Value(""))
        if setting is Setting.KEY and earlier.lines:
            text = f"{earlier.text}\n{text}"
        elif text != earlier.text:
            earlier = Value("")
        undos = (*earlier.undo, undo) if undo else earlier.undo
        self.values[setting] = Value(text, (*earlier.lines, line), undos)

    def text(self, setting: Setting) -> str:
        """Return a setting's text, empty if it is not set."""
        return self.values[setting].text if setting in self.values else ""

    def at(self, setting: Setting) -> int:
        """Return the setting's first line, or the section's if the setting has none."""
        value = self.values.get(setting)
        return value.lines[0] if value and value.lines else self.line


class Covered(NamedTuple):
    """A ``network`` statement: interfaces with an address in ``network`` are in ``area``."""

    network: IPNetwork
    area: str
    line: int


@dataclass(slots=True)
class Process:
    """An OSPF process in one VRF: its settings, the policy on its routes, its lines about ports and areas.

    ``listed``: areas by port; ``passive``: by port; ``authenticated`` and ``area_types``: by area.
    """

    key: Key
    section: Section
    policy: Policy | None = None
    networks: list[Covered] = field(default_factory=list)
    listed: dict[str, Value] = field(default_factory=dict)
    passive: dict[str, Value] = field(default_factory=dict)
    authenticated: dict[str, Value] = field(default_factory=dict)
    area_types: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class View:
    """One configuration: the ports that speak OSPF, their processes, and the parts that were not read.

    ``rows``: the text's lines; ``above``: for each line, the line numbers of its contexts. ``unsure``: ports
    that a ``network`` statement may match, because the text lacks the port's address; ``tuned``: those of
    them with OSPF lines. ``unnamed``: processes on all interfaces, with the line that says so. ``inactive``:
    ports whose OSPF lines are all inactive (Junos). ``hidden``: lines that were not read. ``partial``: the
    line which shows that the text is a part of the configuration, 0 if none does.
    """

    rows: list[str]
    processes: dict[Key, Process] = field(default_factory=dict)
    ports: dict[str, Section] = field(default_factory=dict)
    unsure: dict[str, Section] = field(default_factory=dict)
    tuned: list[str] = field(default_factory=list)
    unnamed: dict[Key, int] = field(default_factory=dict)
    inactive: dict[str, Section] = field(default_factory=dict)
    hidden: list[tuple[int, str]] = field(default_factory=list)
    partial: int = 0
    above: dict[int, tuple[int, ...]] = field(default_factory=dict)

    @property
    def line(self) -> int:
        """Return OSPF's first line, 1 without OSPF."""
        return min((process.section.line for process in self.processes.values()), default=1)

    def section(self, name: str, key: Key) -> Section:
        """Return the port of this name, else the process, else an empty section."""
        process = self.processes.get(key)
        return self.port(name) or (process.section if process else Section(name, 1, process=key))

    def port(self, name: str) -> Section | None:
        """Return the port of this name, None if there is none."""
        return self.ports.get(name) or self.unsure.get(name) or self.inactive.get(name)


def area_text(text: str) -> str:
    """Write an area, an address or a number, as an address; leave other text unchanged."""
    try:
        return str(IPv4Address(int(text) if text.isdigit() else text))
    except ValueError:
        return text


def network_of(text: str) -> IPNetwork | None:
    """Return the network of ``A.B.C.D/N`` or of an IPv6 prefix, None for other text."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def interface_of(text: str) -> IPv4Interface | None:
    """Return the address and prefix of ``A.B.C.D/N`` or ``A.B.C.D MASK``, None for other text."""
    try:
        return IPv4Interface("/".join(text.split()[:2]) if "/" not in text else text.split(maxsplit=1)[0])
    except ValueError:
        return None
