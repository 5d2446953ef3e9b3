"""The fields that select a service's packets: name, ports and firewall mark."""

from __future__ import annotations

import re
from typing import Annotated

from clusterlb.config.fields import STRING, Checked, refuse, text_of
from clusterlb.model.forwarding import PortRange
from clusterlb.model.inventory import ServiceName as Name
from clusterlb.model.ipvs import Protocol
from clusterlb.model.marks import RESERVED_MARKS

_SERVICE = re.compile(r"(?:(tcp|udp|sctp)/(0|[1-9][0-9]{0,4})|fwmark/([1-9][0-9]{0,9}))")
_RANGE = re.compile(r"([1-9][0-9]{0,4})(?:-([1-9][0-9]{0,4}))?")
_LAST_PORT = 65535
_LAST_MARK = 0xFFFFFFFF


def parse_service(value: object) -> Name:
    """Return the protocol and port of ``tcp/80``, or NONE and the mark of ``fwmark/7``."""
    match = _SERVICE.fullmatch(text_of(value))
    if match and match[1] and int(match[2]) <= _LAST_PORT:
        return Name(Protocol[match[1].upper()], int(match[2]))
    if match and match[3] and int(match[3]) <= _LAST_MARK:
        _refuse_ours(int(match[3]))
        return Name(Protocol.NONE, int(match[3]))
    raise refuse(
        "needs a service's protocol and port",
        "write for example `tcp/80`; of several ports the lowest, `tcp/0` for all, `fwmark/7` for a mark",
    )


def parse_ports(value: object) -> PortRange:
    """Return one port, given as a number, or a range such as ``8000-8010``."""
    number = isinstance(value, int) and not isinstance(value, bool)
    match = _RANGE.fullmatch(str(value) if number else text_of(value))
    first = int(match[1]) if match else 0
    last = int(match[2] or match[1]) if match else 0
    if not 0 < first <= _LAST_PORT or last > _LAST_PORT:
        raise refuse("needs a port from 1 to 65535, or a range", "write for example 443 or 8000-8010")
    if first > last:
        raise refuse("begins above its end", f"write {last}-{first}")
    return PortRange(first, last)


def parse_fwmark(value: object) -> int:
    """Return a firewall mark outside clusterlb's own range."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _LAST_MARK:
        raise refuse("needs a firewall mark from 1 to 0xffffffff", "write for example 7 or 0x10")
    _refuse_ours(value)
    return value


def _refuse_ours(mark: int) -> None:
    if mark in RESERVED_MARKS:
        raise refuse(
            "is a firewall mark that clusterlb gives itself",
            f"use one outside {RESERVED_MARKS[0]:#x}-{RESERVED_MARKS[-1]:#x}",
        )


def _shown(ports: PortRange) -> object:
    return ports.first if ports.first == ports.last else str(ports)


ServiceName = Annotated[Name, Checked(parse_service, {**STRING, "pattern": f"^{_SERVICE.pattern}$"})]
Ports = Annotated[
    PortRange,
    Checked(
        parse_ports,
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": _LAST_PORT},
                {**STRING, "pattern": f"^{_RANGE.pattern}$"},
            ],
            "examples": [443, "8000-8010"],
        },
        _shown,
    ),
]
Fwmark = Annotated[
    int,
    Checked(
        parse_fwmark,
        {
            "type": "integer",
            "minimum": 1,
            "maximum": _LAST_MARK,
            "not": {"minimum": RESERVED_MARKS[0], "maximum": RESERVED_MARKS[-1]},
        },
        int,
    ),
]
