"""What a switch's configuration says, whatever the system, and on which lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv4Address, IPv4Network
from typing import NamedTuple

from clusterlb.generate.audit.policy import Policy


class Setting(Enum):
    """What a port or an OSPF process can be told. Times of BFD, LSA and SPF are milliseconds."""

    AREA = auto()
    COST = auto()
    NETWORK = auto()
    HELLO = auto()
    DEAD = auto()
    RETRANSMIT = auto()
    PASSIVE = auto()
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


class Value(NamedTuple):
    """A setting's text in one spelling for all systems, and the lines it stands on: none for a default."""

    text: str
    lines: tuple[int, ...] = ()


@dataclass(slots=True)
class Section:
    """A port, or the OSPF process, and the line it begins on."""

    name: str
    line: int
    values: dict[Setting, Value] = field(default_factory=dict)

    def put(self, setting: Setting, text: str, line: int) -> None:
        """Take what a line says: the last word counts, but keys add up."""
        earlier = self.values.get(setting, Value(""))
        if setting is Setting.KEY and earlier.lines:
            text = f"{earlier.text}\n{text}"
        self.values[setting] = Value(text, (*earlier.lines, line))

    def text(self, setting: Setting) -> str:
        """Return a setting's text, empty when nothing says it."""
        return self.values[setting].text if setting in self.values else ""

    def at(self, setting: Setting) -> int:
        """Return the line to look at: the setting's, or the section's when it is not set."""
        value = self.values.get(setting)
        return value.lines[0] if value and value.lines else self.line


@dataclass(slots=True)
class View:
    """One configuration: the ports that speak OSPF, their process, and the policy on OSPF's routes.

    ``rows`` are the text's own; ``above`` gives the lines of the contexts that each line stands in.
    """

    rows: list[str]
    process: Section
    ports: dict[str, Section] = field(default_factory=dict)
    policy: Policy | None = None
    above: dict[int, tuple[int, ...]] = field(default_factory=dict)


def area_text(text: str) -> str:
    """Spell an area as an address, whatever way the system writes it; what is neither stays as it is."""
    try:
        return str(IPv4Address(int(text) if text.isdigit() else text))
    except ValueError:
        return text


def network_of(text: str) -> IPv4Network | None:
    """Return the network of ``A.B.C.D/N``, None when it is something else."""
    try:
        return IPv4Network(text, strict=False)
    except ValueError:
        return None
