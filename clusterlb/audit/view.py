"""What a switch's configuration says, whatever the system, and on which lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Address, IPv4Interface, ip_network
from typing import NamedTuple

from clusterlb.audit.policy import Policy
from clusterlb.model.address import IPNetwork


class Setting(Enum):
    """What a port or an OSPF process can be told. Times of BFD, LSA and SPF are milliseconds.

    ``OFF``: taken out of force. ``FEATURE`` and ``BFD_FEATURE``: whether NX-OS has the feature at all.
    ``HELPER``: whether it helps a neighbour to restart.
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
    """A setting's text in one spelling for all systems, and the lines it stands on: none for a default.

    ``undo``: what takes those lines back, where their own text does not tell (Junos).
    """

    text: str
    lines: tuple[int, ...] = ()
    undo: tuple[str, ...] = ()


class Key(NamedTuple):
    """An OSPF process: its name or number, empty where it has none, and its VRF, empty for the default."""

    name: str = ""
    vrf: str = ""


@dataclass(slots=True)
class Section:
    """A port or an OSPF process: the line it begins on, and for a port the process it is in."""

    name: str
    line: int
    values: dict[Setting, Value] = field(default_factory=dict)
    process: Key = field(default_factory=Key)

    def put(self, setting: Setting, text: str, line: int, undo: str = "") -> None:
        """Take what a line says: the last word counts, but keys add up."""
        earlier = self.values.get(setting, Value(""))
        if setting is Setting.KEY and earlier.lines:
            text = f"{earlier.text}\n{text}"
        elif text != earlier.text:
            earlier = Value("")
        undos = (*earlier.undo, undo) if undo else earlier.undo
        self.values[setting] = Value(text, (*earlier.lines, line), undos)

    def text(self, setting: Setting) -> str:
        """Return a setting's text, empty when nothing says it."""
        return self.values[setting].text if setting in self.values else ""

    def at(self, setting: Setting) -> int:
        """Return the line to look at: the setting's, or the section's when it is not set."""
        value = self.values.get(setting)
        return value.lines[0] if value and value.lines else self.line


class Covered(NamedTuple):
    """A ``network`` statement: interfaces with an address in ``network`` are in ``area``."""

    network: IPNetwork
    area: str
    line: int


@dataclass(slots=True)
class Process:
    """An OSPF process in one VRF: its settings, the policy on its routes, what it says of ports and areas.

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
    """One configuration: the ports that speak OSPF, their processes, and what was seen and not understood.

    ``rows`` are the text's own; ``above`` gives the lines of the contexts that each line stands in.
    ``unsure``: ports that are within a ``network`` statement or not, by an address that the text does not
    have; ``tuned``: those of them that have OSPF lines. ``unnamed``: processes on all interfaces, and where
    they say so. ``inactive``: ports whose OSPF lines are not in force at all (Junos). ``hidden``: lines that
    may hold more than was read, each with what it is. ``partial``: the line that says that the text is a part
    of the configuration, 0 when none does.
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
        """Return where OSPF begins, 1 when it does not."""
        return min((process.section.line for process in self.processes.values()), default=1)

    def section(self, name: str, key: Key) -> Section:
        """Return a port of this name, or without a name the process; an empty section if there is none."""
        for sections in (self.ports, self.unsure, self.inactive):
            if name in sections:
                return sections[name]
        process = self.processes.get(key)
        return process.section if process else Section(name, 1, process=key)


def area_text(text: str) -> str:
    """Spell an area as an address, whatever way the system writes it; what is neither stays as it is."""
    try:
        return str(IPv4Address(int(text) if text.isdigit() else text))
    except ValueError:
        return text


def network_of(text: str) -> IPNetwork | None:
    """Return the network of ``A.B.C.D/N`` or of an IPv6 prefix, None when it is something else."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def interface_of(text: str) -> IPv4Interface | None:
    """Return the address and prefix of ``A.B.C.D/N`` or ``A.B.C.D MASK``, None when it is something else."""
    try:
        return IPv4Interface("/".join(text.split()[:2]) if "/" not in text else text.split(maxsplit=1)[0])
    except ValueError:
        return None
