"""Junos's policy statements on OSPF's routes, and the export policy of its forwarding table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clusterlb.audit.nest import Row
from clusterlb.audit.policy import Clause, Policy, PrefixRow
from clusterlb.audit.view import Section, Setting, Value, network_of
from clusterlb.model.address import IPNetwork

# statements of a whole configuration, beside its protocols
_ELSEWHERE = ("routing-options ", "policy-options ", "system ", "chassis ", "version ")
_FILTER = r"route-filter (\S+) (exact|orlonger|longer|upto /(\d+)|prefix-length-range /(\d+)-/(\d+))(?: .*)?"


def is_whole(rows: Sequence[Row]) -> bool:
    """Say whether a text has more of a configuration than its protocols."""
    return any(row.startswith(_ELSEWHERE) for _, row in rows)


def unit_of(name: str) -> str:
    """Write a logical interface with its unit, which is 0 if left out."""
    return name if "." in name or name == "all" else f"{name}.0"


def read_width(process: Section, rows: Sequence[Row]) -> None:
    """Set how many equal routes are used: one, unless an export policy of the forwarding table balances.

    The number is ``?`` if the text lacks that policy, or all but the protocols.
    """
    exports = [
        (line, name)
        for line, row in rows
        if row.startswith("routing-options forwarding-table export ")
        for name in row.split()[3:]
    ]
    known = {row.split()[2] for _, row in rows if row.startswith("policy-options policy-statement ")}
    whole = is_whole(rows)
    complete = whole and all(name.strip("[]") in {"", *known} for _, name in exports)
    process.values[Setting.MAX_PATHS] = Value("1" if complete else "?")
    if not whole:
        process.values[Setting.RESILIENT] = Value("?")
    for line, name in exports:
        terms = [
            (n, r) for n, r in rows if r.startswith(f"policy-options policy-statement {name.strip('[]')} ")
        ]
        balancing = [n for n, row in terms if " then load-balance " in row]
        if balancing:
            wider = [(n, row.split()[-1]) for n, row in rows if re.match(r"chassis maximum-ecmp \d", row)]
            number, width = wider[-1] if wider else (line, "16")
            process.values[Setting.MAX_PATHS] = Value(width, tuple(dict.fromkeys((number, line, *balancing))))
        consistent = [n for n, row in terms if row.endswith(" then load-balance consistent-hash")]
        for number in consistent:
            process.put(Setting.RESILIENT, "yes", number)


def read_import(rows: Sequence[Row], under: Sequence[Row]) -> Policy | None:
    """Return the import policies of a process whose statements are ``under``; None without policies.

    A route that no term decides about is accepted (OSPF's default).
    """
    imports = [(line, row.split()[1:]) for line, row in under if row.startswith("import ")]
    if not imports:
        return None
    lists = _lists(rows)
    line = imports[0][0]
    names = [name.strip("[]") for _, words in imports for name in words if name.strip("[]")]
    policy = Policy(" ".join(names), (), otherwise=True)
    for name in names:
        if name.strip("()") != name or name in {"&&", "||", "!"}:
            policy.clauses.append(Clause(True, line, unknown=line))
            continue
        terms: dict[str, Clause] = {}
        decided: set[str] = set()
        for number, row in rows:
            match = re.fullmatch(
                rf"policy-options policy-statement {re.escape(name)} (?:term (\S+) )?(from|then) (.+)", row
            )
            if match:
                policy.lines += (number,)
                clause = terms.setdefault(match[1] or "", Clause(True, number))
                if match[2] == "from":
                    _condition(clause, match[3], number, lists)
                elif match[3] in {"accept", "reject"}:
                    clause.permit = match[3] == "accept"
                    decided.add(match[1] or "")
        policy.clauses += [clause for term, clause in terms.items() if term in decided]
    policy.lines += (line,)
    return policy


def _lists(rows: Sequence[Row]) -> dict[str, list[IPNetwork]]:
    lists: dict[str, list[IPNetwork]] = {}
    for _, row in rows:
        match = re.fullmatch(r"policy-options prefix-list (\S+) (\S+)", row)
        if match and (prefix := network_of(match[2])):
            lists.setdefault(match[1], []).append(prefix)
    return lists


def _condition(clause: Clause, text: str, line: int, lists: dict[str, list[IPNetwork]]) -> None:
    prefix = None
    if match := re.fullmatch(_FILTER, text):
        prefix = network_of(match[1])
    if match and prefix:
        ranges = {
            "exact": (prefix.prefixlen, prefix.prefixlen),
            "orlonger": (prefix.prefixlen, prefix.max_prefixlen),
            "longer": (prefix.prefixlen + 1, prefix.max_prefixlen),
            "upto": (prefix.prefixlen, int(match[3] or 0)),
            "prefix-length-range": (int(match[4] or 0), int(match[5] or 0)),
        }
        shortest, longest = ranges[match[2].split()[0]]
        clause.prefixes = [*(clause.prefixes or []), PrefixRow(True, prefix, shortest, longest, line)]
    elif match := re.fullmatch(r"prefix-list(?:-filter)? (\S+)(?: (exact|orlonger|longer))?", text):
        for prefix in lists.get(match[1], []):
            shortest = prefix.prefixlen + (match[2] == "longer")
            longest = prefix.max_prefixlen if match[2] in {"orlonger", "longer"} else prefix.prefixlen
            clause.prefixes = [*(clause.prefixes or []), PrefixRow(True, prefix, shortest, longest, line)]
        if match[1] not in lists:
            clause.unknown = line
    elif match := re.fullmatch(r"interface (.+)", text):
        clause.ports += map(unit_of, match[1].strip("[] ").split())
    elif not re.fullmatch(r"protocol (?:\[ ?)?ospf2?(?: ospf2)?(?: ?\])?", text):
        clause.unknown = line
