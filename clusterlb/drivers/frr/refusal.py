"""FRR's refusals as messages to an operator: the line, its owner, and advice."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from clusterlb.drivers.frr.text import scan
from clusterlb.model.state import FrrLine

_REJECTED = re.compile(r"^line (?P<number>\d+): (?P<why>[^:\[]+)(?:\[\d+\])?:.*$", re.MULTILINE)
# vtysh's message for a line that a daemon refused; the daemon prints the reason itself
_REFUSED = re.compile(r"^(?:line \d+: )?Failure to communicate\[\d+\] to \w+, line: .*$")
_KEYS = re.compile(r"\b(md5|authentication-key|key-string|password) \S+")


@dataclass(frozen=True, slots=True)
class FrrRefusal:
    """A line that ``vtysh -C`` does not parse, and vtysh's reason."""

    line: FrrLine
    why: str


def refusals(said: str, text: str) -> tuple[FrrRefusal, ...]:
    """Return the lines of a configuration text that ``vtysh -C`` refused by number."""
    entries = scan(text)
    return tuple(
        FrrRefusal(entries[number - 1].line, found["why"].strip().removeprefix("% ").lower())
        for found in _REJECTED.finditer(said)
        if (number := int(found["number"])) <= len(entries)
    )


def rejection(refused: Sequence[FrrRefusal], said: str) -> str:
    """Return the message for a configuration that FRR's parser refuses; ``said``: vtysh's whole output."""
    if not refused:
        return f"vtysh -C rejects the configuration, the old one keeps running: {redacted(said)}"
    line, why = refused[0].line, refused[0].why
    where = f"in `{' / '.join(line.context)}`" if line.context else "at the top level"
    text = redacted(line.text)
    return f"FRR rejects `{text}` {where} ({why}); the old configuration keeps running. {_advice(text)}"


def unreadable(line: FrrLine) -> str:
    """Return the warning about a foreign line that FRR runs and its own parser refuses."""
    return (
        f"FRR runs `{words(line)}`, which its own parser refuses. The line is not clusterlb's and stays, but "
        "FRR would not accept the line from a file. Give it a value that FRR parses, or remove it."
    )


def not_taken(missing: Sequence[FrrLine], left: Sequence[FrrLine], said: str, state: str = "") -> str:
    """Return the message about lines that are missing, or still there, after FRR accepted a change.

    ``said``: FRR's output. ``state``: a sentence about the configuration that runs now.
    """
    parts = []
    if missing:
        parts.append("these lines are not in force: " + "; ".join(map(words, missing)))
    if left:
        parts.append("these lines cannot be removed: " + "; ".join(map(words, left)))
    why = f". FRR said: {redacted(_once(said))}" if said else ". FRR gave no reason; its log may"
    return "FRR did not take the change: " + ", ".join(parts) + why + state


def taken_back(left: Sequence[FrrLine], lost: Sequence[FrrLine]) -> str:
    """Return a sentence about a change that was undone: the lines still there, and the lines missing."""
    if not left and not lost:
        return ". The part that it had accepted is undone: the configuration is the same as before"
    differs = [
        *(f"`{words(line)}` is there" for line in left),
        *(f"`{words(line)}` is gone" for line in lost),
    ]
    return ". The change could not be undone completely: " + ", ".join(differs)


def _once(said: str) -> str:
    """Leave out repeated rows, and vtysh's row where the daemon printed its own."""
    rows = dict.fromkeys(row.strip() for row in said.splitlines() if row.strip())
    own = [row for row in rows if not _REFUSED.match(row)]
    return "; ".join(own or rows)


def words(line: FrrLine) -> str:
    """Write a line with its contexts, without secret keys."""
    return redacted(" / ".join((*line.context, line.text)))


def redacted(text: str) -> str:
    """Replace secret keys by asterisks, as errors are logged."""
    return _KEYS.sub(r"\1 ***", text)


def _advice(text: str) -> str:
    # ospfd, since FRR 9.1 (f5011cd5dd)
    if text.startswith("ip ospf authentication key-chain"):
        return "`ospf.key_chain` needs FRR 9.1: upgrade FRR, or use `md5_key`."
    return "Change the inventory or the frr.conf template, or upgrade FRR."
