"""Parts of a block configuration, and lines that stand for several ports."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clusterlb.audit.nest import Block
from clusterlb.render.switch import System

_ONE_DAEMONS = re.compile(r"! Zebra configuration saved from vty|hostname ospf6?d$")
_PART_SHOWN = re.compile(
    r".*\bshow run(?:ning-config)? +(?:section|ospf|interface|router|\| (?:sec|include|begin))"
)
_OF_OSPF = re.compile(r"(?:version|feature ospf|router ospf|interface) ?")
_LINES_OF_OSPF = re.compile(r"(?:no )?ip (?:router )?ospf ")
_HEAD = 30  # lines in which a file says what it is
_MOST_PORTS = 512


def part_of(rows: Sequence[str], top: Sequence[Block], system: System) -> int:
    """Return the line that says that the text is a part of a configuration, 0 when none does.

    With FRR that is a file of one daemon; with NX-OS and EOS what was asked for, or that there is nothing but
    OSPF and under interfaces nothing but OSPF's lines (``show running-config ospf``).
    """
    if system.is_frr:
        return next((number for number, row in enumerate(rows, 1) if _ONE_DAEMONS.match(row)), 0)
    asked = (number for number, row in enumerate(rows[:_HEAD], 1) if _PART_SHOWN.match(row))
    if number := next(asked, 0):
        return number
    ports = [text for block in top if block.text.startswith("interface ") for _, text in block.rows()]
    only = all(_OF_OSPF.match(block.text) for block in top) and all(map(_LINES_OF_OSPF.match, ports))
    return top[0].line if only and ports else 0


def named_by(written: str) -> list[str]:
    """Return the ports that an interface line is about: ``Ethernet1/1-3`` is about three."""
    match = re.fullmatch(r"(.*[A-Za-z/ ])(\d{1,5})-(\d{1,5})", written)
    if not match or not 0 <= int(match[3]) - int(match[2]) < _MOST_PORTS:
        return [written]
    return [f"{match[1]}{number}" for number in range(int(match[2]), int(match[3]) + 1)]
