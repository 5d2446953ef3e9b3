"""Route maps and prefix lists, and the lines that apply them to OSPF's routes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clusterlb.audit.nest import Block, Row
from clusterlb.audit.policy import Clause, Policy, PrefixRow
from clusterlb.audit.view import network_of

_ENTRY = r"(?:(?:seq )?(\d+) )?(permit|deny) (\S+)(?: eq (\d+))?(?: ge (\d+))?(?: le (\d+))?"
_ON_OSPF = {
    "ip": (
        r"table-map (\S+) filter",
        r"distribute-list route-map (\S+) in",
        r"distribute-list prefix-list (\S+) in",
        r"ip protocol ospf route-map (\S+)",
        r"ip protocol any route-map (\S+)",
    ),
    "ipv6": (r"ipv6 protocol ospf6 route-map (\S+)", r"ipv6 protocol any route-map (\S+)"),
}


def read_policy(top: Sequence[Block], process: Sequence[Row], ip: str = "ip") -> Policy | None:
    """Return the policy on OSPF's routes, None without one.

    ``top``: the outermost blocks; ``process``: the lines of the OSPF process and its VRF. ``table-map`` is
    NX-OS's command, ``distribute-list`` EOS's, ``ip protocol`` that of FRR's zebra (docs/switch.md). ``ip``:
    the family, ``ip`` or ``ipv6``.
    """
    for pattern in _ON_OSPF[ip]:
        for number, text in process:
            if match := re.fullmatch(pattern, text):
                return _policy(match[1], number, top, "prefix-list" in text, ip)
    return None


def _policy(name: str, number: int, top: Sequence[Block], only_a_list: bool, ip: str) -> Policy:
    lists = _lists(top, ip)
    if only_a_list:
        entries = lists.get(name, [])
        return Policy(name, (*(entry.line for entry in entries), number), [Clause(True, number, entries)])
    clauses: dict[int, Clause] = {}
    lines: list[int] = []
    for block in top:
        match = re.fullmatch(rf"route-map {re.escape(name)}(?: (permit|deny))?(?: (\d+))?", block.text)
        if match:
            clause = _clause(match[1] != "deny", block, lists, ip)
            clauses[int(match[2] or 10)] = clause
            listed = (entry.line for entry in clause.prefixes or ())
            lines += [*listed, block.line, *(line for line, _ in block.rows())]
    return Policy(name, (*dict.fromkeys(lines), number), [clauses[place] for place in sorted(clauses)])


def _clause(permit: bool, block: Block, lists: dict[str, list[PrefixRow]], ip: str) -> Clause:
    clause = Clause(permit, block.line)
    for line, text in block.rows():
        if match := re.fullmatch(rf"match {ip} address prefix-list (.+)", text):
            named = [entry for name in match[1].split() for entry in lists.get(name, ())]
            clause.prefixes = [*(clause.prefixes or ()), *named]
        elif match := re.fullmatch(r"match interface (.+)", text):
            clause.ports += match[1].replace(",", " ").split()
        elif text.startswith(("match ", "call ", "on-match ", "continue")):
            clause.unknown = line
    return clause


def _lists(top: Sequence[Block], ip: str) -> dict[str, list[PrefixRow]]:
    """Return the prefix lists, written in rows or as a block (EOS); the last row of a number applies."""
    lists: dict[str, dict[int, PrefixRow]] = {}
    for block in top:
        if match := re.match(rf"{ip} prefix-list (\S+)", block.text):
            rows = [(block.line, block.text[match.end() :].strip()), *block.rows()]
            entries = lists.setdefault(match[1], {})
            for number, row in rows:
                _enter(entries, row, number, "0.0.0.0/0" if ip == "ip" else "::/0")
    return {name: [entries[place] for place in sorted(entries)] for name, entries in lists.items()}


def _enter(entries: dict[int, PrefixRow], text: str, line: int, every: str) -> None:
    match = re.fullmatch(_ENTRY, text)
    if not match:
        return
    place, permit, written, equal, least, most = match.groups()
    if written == "any":
        written, least = every, "0"
    prefix = network_of(written)
    if prefix is None:
        return
    shortest = int(equal or least or prefix.prefixlen)
    longest = int(equal or most or (prefix.max_prefixlen if least else prefix.prefixlen))
    number = int(place) if place else max(entries, default=0) + 5
    entries[number] = PrefixRow(permit == "permit", prefix, shortest, longest, line)
