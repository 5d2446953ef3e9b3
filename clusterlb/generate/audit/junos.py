"""Junos: ``show configuration`` with its braces, or as ``display set`` prints it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from clusterlb.generate.audit.policy import Clause, Entry, Policy
from clusterlb.generate.audit.view import Section, Setting, Value, View, area_text, network_of

Row = tuple[int, str]
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|#.*|\[[^\]]*\]|[{};]|[^\s{};]+')
_PORT: tuple[tuple[str, Setting, str], ...] = (
    (r"metric (\d+)", Setting.COST, ""),
    (r"interface-type (\S+)", Setting.NETWORK, ""),
    (r"hello-interval (\d+)", Setting.HELLO, ""),
    (r"dead-interval (\d+)", Setting.DEAD, ""),
    (r"retransmit-interval (\d+)", Setting.RETRANSMIT, ""),
    (r"passive.*", Setting.PASSIVE, "yes"),
    (r"bfd-liveness-detection .*", Setting.BFD, "yes"),
    (r"bfd-liveness-detection (?:transmit-interval )?minimum-interval (\d+)", Setting.BFD_TX, ""),
    (r"bfd-liveness-detection minimum-(?:receive-)?interval (\d+)", Setting.BFD_RX, ""),
    (r"bfd-liveness-detection multiplier (\d+)", Setting.BFD_MULTIPLIER, ""),
    (r"authentication md5 .*", Setting.AUTHENTICATION, "md5"),
    (r"authentication (?!md5).*", Setting.AUTHENTICATION, "other"),
    (r"authentication md5 (\d+ key .+)", Setting.KEY, ""),
)
_NETWORKS = {"p2p": "point-to-point", "p2mp": "point-to-multipoint", "p2mp-over-lan": "point-to-multipoint"}
_DEFAULTS = {
    Setting.NETWORK: "broadcast",
    Setting.HELLO: "10",
    Setting.RETRANSMIT: "5",
    Setting.PASSIVE: "no",
    Setting.BFD: "no",
    Setting.BFD_TX: "none",
    Setting.BFD_RX: "none",
    Setting.BFD_MULTIPLIER: "3",
    Setting.AUTHENTICATION: "none",
}


def read_junos(text: str) -> View:
    """Return what a Junos configuration says about OSPF; what is not understood is passed over."""
    rows = list(_statements(text))
    under = [
        (line, row.removeprefix("protocols ospf ")) for line, row in rows if row.startswith("protocols ospf ")
    ]
    process = Section("protocols ospf", under[0][0] if under else 1)
    view = View(text.splitlines(), process)
    for line, row in under:
        match = re.fullmatch(r"area (\S+) interface (\S+)(?: (.+))?", row)
        if match:
            port = view.ports.setdefault(match[2], Section(match[2], line))
            port.put(Setting.AREA, area_text(match[1]), line)
            _put(port, line, match[3] or "")
        elif match := re.fullmatch(r"spf-options delay (\d+)", row):
            process.put(Setting.SPF_DELAY, match[1], line)
    process.values.setdefault(Setting.SPF_DELAY, Value("200"))
    for port in view.ports.values():
        dead = {Setting.DEAD: str(4 * int(port.text(Setting.HELLO) or 10))}
        for setting, default in (_DEFAULTS | dead).items():
            port.values.setdefault(setting, Value(default))
    _ecmp(process, rows)
    imports = [(line, row.split()[1:]) for line, row in under if row.startswith("import ")]
    if imports:
        line, names = imports[0]
        view.policy = _policy(names, line, rows)
    return view


def _statements(text: str) -> Iterator[Row]:
    """Yield each statement as the words after ``set``, with the line it stands on."""
    path: list[str] = []
    words: list[str] = []
    for number, row in enumerate(text.splitlines(), 1):
        if row.strip().startswith("set "):
            yield number, " ".join(row.split()[1:])
            continue
        for match in _TOKEN.finditer(row):
            word = match[0]
            if word.startswith(("#", "/*")):
                continue
            if word == "{":
                path.append(" ".join(words))
            elif word == "}":
                del path[-1:]
            elif word == ";":
                if "inactive:" not in words and not any("inactive:" in part for part in path):
                    yield number, " ".join([*path, *words])
            else:
                words.append(word)
                continue
            words = []


def _put(port: Section, line: int, row: str) -> None:
    for pattern, setting, meaning in _PORT:
        if match := re.fullmatch(pattern, row):
            found = meaning or match[1]
            if setting is Setting.NETWORK:
                found = _NETWORKS.get(found, found)
            elif setting is Setting.KEY:
                found = _key(found)
            port.put(setting, found, line)


def _key(text: str) -> str:
    number, _, key = text.split(" ", 2)
    key = key.strip('"')
    return f"{number} {'*' if key.startswith(('$9$', '$8$')) else key}"


def _ecmp(process: Section, rows: Sequence[Row]) -> None:
    """Say how many equal routes are used: one, unless a policy on the forwarding table balances."""
    exports = [
        (line, name)
        for line, row in rows
        if row.startswith("routing-options forwarding-table export ")
        for name in row.split()[3:]
    ]
    process.values[Setting.MAX_PATHS] = Value("1")
    for line, name in exports:
        terms = [
            (n, r) for n, r in rows if r.startswith(f"policy-options policy-statement {name.strip('[]')} ")
        ]
        balancing = [n for n, row in terms if " then load-balance " in row]
        if balancing:
            wider = [(n, row.split()[-1]) for n, row in rows if row.startswith("chassis maximum-ecmp ")]
            number, width = wider[-1] if wider else (line, "16")
            process.values[Setting.MAX_PATHS] = Value(width, tuple(dict.fromkeys((number, line, *balancing))))
        consistent = [n for n, row in terms if row.endswith(" then load-balance consistent-hash")]
        for number in consistent:
            process.put(Setting.RESILIENT, "yes", number)


def _policy(names: Sequence[str], line: int, rows: Sequence[Row]) -> Policy:
    """Read the terms of import policies; a route that none decides about is taken (OSPF's default)."""
    policy = Policy(" ".join(names), (), otherwise=True)
    for name in (name.strip("[]") for name in names if name.strip("[]")):
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
                    _condition(clause, match[3], number)
                elif match[3] in {"accept", "reject"}:
                    clause.permit = match[3] == "accept"
                    decided.add(match[1] or "")
        policy.clauses += [clause for term, clause in terms.items() if term in decided]
    policy.lines += (line,)
    return policy


def _condition(clause: Clause, text: str, line: int) -> None:
    match = re.fullmatch(r"route-filter (\S+) (exact|orlonger|prefix-length-range /(\d+)-/(\d+)).*", text)
    if match and (prefix := network_of(match[1])):
        shortest, longest = prefix.prefixlen, 32 if match[2] == "orlonger" else prefix.prefixlen
        if match[3]:
            shortest, longest = int(match[3]), int(match[4])
        clause.prefixes = [*(clause.prefixes or []), Entry(True, prefix, shortest, longest, line)]
    elif match := re.fullmatch(r"interface (.+)", text):
        clause.ports += match[1].strip("[] ").split()
    elif text != "protocol ospf":
        clause.known = False
