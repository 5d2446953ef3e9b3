"""The specification of a lab: a YAML file, every key of which has a default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TypeVar

import yaml

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s)")
_SCALE = {"ms": 0.001, "s": 1.0}
# Inventory names of IPVS service flags, and ipvsadm's spelling of `-b` for them.
FLAGS = ("mh-port", "mh-fallback", "sh-port", "sh-fallback")
SCHEDULERS = ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh")

Section = TypeVar("Section")
Reader = Callable[[object], object]


class SpecError(Exception):
    """A spec has problems; the text has a line for each."""


class Hash(Enum):
    """How the switch spreads flows: the kernel's L4 hash, or buckets modulo the number of next hops."""

    KERNEL = "kernel"
    MODULO = "modulo"


class OspfTimers(Enum):
    """The switch's OSPF timers: FRR's defaults, or timers that do not delay a change."""

    DEFAULT = "default"
    TUNED = "tuned"


class Sysctls(Enum):
    """The IPVS sysctls of directors without clusterlb: as clusterlb sets them, or the kernel's defaults."""

    DEFAULT = "default"
    KERNEL = "kernel"


class Programmer(Enum):
    """Which program configures the directors: clusterlb, or the lab with ipvsadm, as articles on LVS do."""

    CLUSTERLB = "clusterlb"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SwitchSpec:
    """The access switch. ``buckets`` is used with ``hash: modulo``."""

    hash: Hash = Hash.KERNEL
    buckets: int = 56
    timers: OspfTimers = OspfTimers.TUNED


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """The one virtual service that every VIP has."""

    port: int = 80
    scheduler: str = "mh"
    flags: tuple[str, ...] = ("mh-port", "mh-fallback")
    forwarding: str = "dr"


@dataclass(frozen=True, slots=True)
class BfdSpec:
    """BFD between directors and switch; slow enough for an emulated machine. ``interval`` in seconds."""

    interval: float = 0.5
    multiplier: int = 3


@dataclass(frozen=True, slots=True)
class CheckTimes:
    """How members are checked; durations in seconds."""

    interval: float = 2.0
    timeout: float = 1.0
    rise: int = 2
    fall: int = 3


@dataclass(frozen=True, slots=True)
class QuorumSpec:
    """The pool is fit at ``up`` members that are up, and unfit again at ``down``."""

    up: int = 1
    down: int = 0


@dataclass(frozen=True, slots=True)
class LabSpec:
    """A whole lab. ``wait`` is how long, in seconds, the switch may take to have all next hops.

    A lab with an inventory of its own uses only ``switch`` and ``wait``.
    """

    directors: int = 8
    real_servers: int = 4
    vips: int = 1
    service: ServiceSpec = ServiceSpec()
    switch: SwitchSpec = SwitchSpec()
    bfd: BfdSpec = BfdSpec()
    check: CheckTimes = CheckTimes()
    quorum: QuorumSpec = QuorumSpec()
    pace: float = 1.2
    sysctls: Sysctls = Sysctls.DEFAULT
    controller: Programmer = Programmer.CLUSTERLB
    wait: float = 420.0


def load_spec(path: Path) -> LabSpec:
    """Read a spec file; raise SpecError with all its problems."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from error
    return parse_spec(text, str(path))


def parse_spec(text: str, name: str = "spec") -> LabSpec:
    """Read a spec from YAML text; errors call it ``name``."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SpecError(f"{name}: not YAML: {error}") from error
    problems: list[str] = []
    spec = _section(LabSpec, "", {} if document is None else document, problems)
    if problems:
        raise SpecError("\n".join(f"{name}: {problem}" for problem in problems))
    return spec


def _section(kind: type[Section], where: str, value: object, problems: list[str]) -> Section:
    """Return a section of the spec, with the defaults in place of wrong values; add to ``problems``."""
    keys = _KEYS[kind]
    if not isinstance(value, Mapping):
        problems.append(f"{where or 'the file'} is a mapping of {', '.join(keys)}, not {value!r}")
        return kind()
    read: dict[str, object] = {}
    for key, inner in value.items():
        path = f"{where}.{key}" if where else str(key)
        if key not in keys:
            problems.append(f"{path} is not a key; there are {', '.join(keys)}")
        elif isinstance(reader := keys[key], type):
            read[key] = _section(reader, path, inner, problems)
        else:
            try:
                read[key] = reader(inner)
            except ValueError as error:
                problems.append(f"{path} {error}")
    return kind(**read)


def _count(least: int, most: int) -> Reader:
    def read(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        raise ValueError(f"is a number from {least} to {most}, not {value!r}")

    return read


def _one_of(*names: str) -> Reader:
    def read(value: object) -> str:
        if isinstance(value, str) and value in names:
            return value
        raise ValueError(f"is one of {', '.join(names)}, not {value!r}")

    return read


def _enum(kind: type[Enum]) -> Reader:
    name_of = _one_of(*(each.value for each in kind))
    return lambda value: kind(name_of(value))


def _duration(least: float) -> Reader:
    def read(value: object) -> float:
        match = _DURATION.fullmatch(value) if isinstance(value, str) else None
        seconds = float(match[1]) * _SCALE[match[2]] if match else -1.0
        if seconds >= least:
            return seconds
        raise ValueError(f"is a time of at least {least:g}s such as 300ms or 2s, not {value!r}")

    return read


def _flags(value: object) -> tuple[str, ...]:
    if isinstance(value, list) and all(flag in FLAGS for flag in value):
        return tuple(value)
    raise ValueError(f"is a list of {', '.join(FLAGS)}, not {value!r}")


# For each section its keys: a function that reads the value or raises ValueError, or the class of a section.
_KEYS: dict[type, dict[str, Reader | type]] = {
    LabSpec: {
        "directors": _count(1, 16),
        "real_servers": _count(1, 100),
        "vips": _count(1, 250),
        "service": ServiceSpec,
        "switch": SwitchSpec,
        "bfd": BfdSpec,
        "check": CheckTimes,
        "quorum": QuorumSpec,
        "pace": _duration(0.0),
        "sysctls": _enum(Sysctls),
        "controller": _enum(Programmer),
        "wait": _duration(0.1),
    },
    ServiceSpec: {
        "port": _count(1, 65535),
        "scheduler": _one_of(*SCHEDULERS),
        "flags": _flags,
        "forwarding": _one_of("dr", "tun"),
    },
    SwitchSpec: {"hash": _enum(Hash), "buckets": _count(1, 1024), "timers": _enum(OspfTimers)},
    BfdSpec: {"interval": _duration(0.01), "multiplier": _count(2, 255)},
    CheckTimes: {
        "interval": _duration(0.01),
        "timeout": _duration(0.001),
        "rise": _count(1, 1000),
        "fall": _count(1, 1000),
    },
    QuorumSpec: {"up": _count(1, 100), "down": _count(0, 100)},
}
