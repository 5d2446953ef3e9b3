"""What a lab is to look like: a YAML file, every key of which has a default."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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


class SpecError(Exception):
    """A spec cannot be used; the text has a line for every problem."""


class Hash(Enum):
    """How the switch spreads flows: the kernel's L4 hash, or buckets modulo the number of next hops."""

    KERNEL = "kernel"
    MODULO = "modulo"


class Timers(Enum):
    """The switch's OSPF timers: FRR's defaults, or those that let a change through at once."""

    DEFAULT = "default"
    TUNED = "tuned"


class Sysctls(Enum):
    """Where nobody else sets the directors' IPVS settings: as clusterlb would, or the kernel's own."""

    DEFAULT = "default"
    KERNEL = "kernel"


class Controller(Enum):
    """Who programs the directors: clusterlb, or the lab itself with ipvsadm, as write-ups do."""

    CLUSTERLB = "clusterlb"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SwitchSpec:
    """The access switch. ``buckets`` counts for ``hash: modulo``."""

    hash: Hash = Hash.KERNEL
    buckets: int = 56
    timers: Timers = Timers.TUNED


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
    """Members that must be up, and how few make the pool unfit again."""

    up: int = 1
    down: int = 0


@dataclass(frozen=True, slots=True)
class LabSpec:
    """A whole lab. ``wait`` is how long, in seconds, the switch may take to have all next hops.

    Of a lab with an inventory of its own, only ``switch`` and ``wait`` count.
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
    controller: Controller = Controller.CLUSTERLB
    wait: float = 420.0


def load_spec(path: Path) -> LabSpec:
    """Read a spec file; raise SpecError with everything that is wrong in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}: cannot be read: {error}") from error
    return parse_spec(text, str(path))


def parse_spec(text: str, name: str = "spec") -> LabSpec:
    """Read a spec from YAML text; ``name`` is what errors call it."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SpecError(f"{name}: not YAML: {error}") from error
    reader = _Reader(name)
    spec: LabSpec = reader.spec({} if document is None else document)
    if reader.problems:
        raise SpecError("\n".join(reader.problems))
    return spec


@dataclass(slots=True)
class _Reader:
    name: str
    problems: list[str] = field(default_factory=list)

    def spec(self, document: object) -> LabSpec:
        return self._section(
            LabSpec,
            "",
            document,
            {
                "directors": self._count(1, 16),
                "real_servers": self._count(1, 100),
                "vips": self._count(1, 250),
                "service": lambda where, value: self._section(
                    ServiceSpec,
                    where,
                    value,
                    {
                        "port": self._count(1, 65535),
                        "scheduler": self._one_of(SCHEDULERS),
                        "flags": self._flags,
                        "forwarding": self._one_of(("dr", "tun")),
                    },
                ),
                "switch": lambda where, value: self._section(
                    SwitchSpec,
                    where,
                    value,
                    {"hash": self._enum(Hash), "buckets": self._count(1, 1024), "timers": self._enum(Timers)},
                ),
                "bfd": lambda where, value: self._section(
                    BfdSpec,
                    where,
                    value,
                    {"interval": self._duration(0.01), "multiplier": self._count(2, 255)},
                ),
                "check": lambda where, value: self._section(
                    CheckTimes,
                    where,
                    value,
                    {
                        "interval": self._duration(0.01),
                        "timeout": self._duration(0.001),
                        "rise": self._count(1, 1000),
                        "fall": self._count(1, 1000),
                    },
                ),
                "quorum": lambda where, value: self._section(
                    QuorumSpec, where, value, {"up": self._count(1, 100), "down": self._count(0, 100)}
                ),
                "pace": self._duration(0.0),
                "sysctls": self._enum(Sysctls),
                "controller": self._enum(Controller),
                "wait": self._duration(0.1),
            },
        )

    def _section(
        self,
        kind: type[Section],
        where: str,
        value: object,
        readers: Mapping[str, Callable[[str, object], object]],
    ) -> Section:
        if not isinstance(value, Mapping):
            self._problem(where, f"is a mapping of {', '.join(readers)}, not {value!r}")
            return kind()
        known = list(readers)
        found: dict[str, object] = {}
        for key, inner in value.items():
            place = f"{where}.{key}" if where else str(key)
            if key in known:
                found[str(key)] = readers[str(key)](place, inner)
            else:
                self._problem(place, f"is not a key; there are {', '.join(known)}")
        return kind(**{key: inner for key, inner in found.items() if inner is not None})

    def _problem(self, where: str, text: str) -> None:
        self.problems.append(f"{self.name}: {where or 'the file'} {text}")

    def _count(self, least: int, most: int) -> Callable[[str, object], int | None]:
        def read(where: str, value: object) -> int | None:
            if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
                return value
            self._problem(where, f"is a number from {least} to {most}, not {value!r}")
            return None

        return read

    def _one_of(self, names: tuple[str, ...]) -> Callable[[str, object], str | None]:
        def read(where: str, value: object) -> str | None:
            if isinstance(value, str) and value in names:
                return value
            self._problem(where, f"is one of {', '.join(names)}, not {value!r}")
            return None

        return read

    def _enum(self, kind: type[Enum]) -> Callable[[str, object], Enum | None]:
        def read(where: str, value: object) -> Enum | None:
            names = [each.value for each in kind]
            if value in names:
                return kind(value)
            self._problem(where, f"is one of {', '.join(names)}, not {value!r}")
            return None

        return read

    def _duration(self, least: float) -> Callable[[str, object], float | None]:
        def read(where: str, value: object) -> float | None:
            found = _DURATION.fullmatch(value) if isinstance(value, str) else None
            seconds = float(found[1]) * _SCALE[found[2]] if found else -1.0
            if seconds >= least:
                return seconds
            self._problem(where, f"is a time of at least {least:g}s such as 300ms or 2s, not {value!r}")
            return None

        return read

    def _flags(self, where: str, value: object) -> tuple[str, ...] | None:
        if isinstance(value, list) and all(flag in FLAGS for flag in value):
            return tuple(value)
        self._problem(where, f"is a list of {', '.join(FLAGS)}, not {value!r}")
        return None
