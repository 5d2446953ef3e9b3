"""The difference that frr-reload.py computes, as commands for ``vtysh -f``.

frr-reload only computes the difference (``--test --input``, which asks no daemon). Its ``--reload`` is not
used: it also runs ``write``, which overwrites the operator's frr.conf with its comments; it starts one vtysh
for each deleted line; and its exit code does not tell whether the lines took effect (FRR 8.4).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from clusterlb.drivers.frr.contexts import changes_in_place, opens_context, slot, starts_ospf
from clusterlb.model.state import FrrLine

Command = tuple[str, ...]

_DELETE = "Lines To Delete"
_ADD = "Lines To Add"
# ospfd and ospf6d accept only `no maximum-paths` without a number; ospf6d no `grace-period` after `no`.
_WHOLE_ROUTER = re.compile(r"no vrrp \d+")
_BARE_NO = re.compile(r"(no maximum-paths|no graceful-restart) (?:grace-period )?\d+")


@dataclass(frozen=True, slots=True)
class Delta:
    """Commands, each with its contexts, outermost first: deletions, then additions."""

    delete: tuple[Command, ...] = ()
    add: tuple[Command, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.delete or self.add)


def parse_delta(output: str) -> Delta:
    """Parse the two lists that ``frr-reload.py --test`` prints; an unindented line begins a command.

    FRR 9 and later close each context with an ``exit`` (tools/frr-reload.py, lines_to_config), 8.4 does not.
    """
    found: dict[str, list[list[str]]] = {_DELETE: [], _ADD: []}
    section = ""
    for row in output.splitlines():
        if row.strip() in found:
            section = row.strip()
        elif section and row.strip() and row.strip() != "exit" and not row.startswith("==="):
            if row.startswith(" ") and found[section]:
                found[section][-1].append(row.strip())
            else:
                found[section].append([row.strip()])
    return Delta(tuple(map(tuple, found[_DELETE])), tuple(map(tuple, found[_ADD])))


def comparable(running: Iterable[FrrLine], target: Sequence[FrrLine]) -> tuple[FrrLine, ...]:
    """Return the target, plus a header without lines for each running interface that the target lacks.

    If the target lacks an interface, frr-reload of FRR 10 deletes the interface, which FRR refuses while the
    interface exists ("only inactive interfaces can be deleted", lib/if.c). If the target has the interface
    without lines, frr-reload deletes its lines, and FRR no longer shows the interface.
    """
    wanted = frozenset(target)
    kept = (line for line in running if not line.context and line.text.startswith("interface "))
    return (*target, *(line for line in kept if line not in wanted))


def additions(running: Collection[FrrLine], target: Iterable[FrrLine]) -> Delta:
    """Return the delta of a change that only adds lines, which needs no frr-reload."""
    present = frozenset(running)
    return Delta(add=tuple((*line.context, line.text) for line in target if line not in present))


def script(delta: Delta) -> str:
    """Write the commands as a file for ``vtysh -f``: deletions first, interfaces after, OSPF's areas last.

    If OSPF starts on an interface before ``ospf router-id`` is set, its hellos carry a router id of FRR's own
    choice. A switch that became Full with that id keeps it in its LSA (FRR 8.4 does, when the id changes
    within the dead interval), and has no route to anything behind the real id.

    OSPF starts on an interface at ``ip ospf area``. Lines after that line are too late for the first hello: a
    hello that is due while the interface is still passive is not sent, and the next hello is a whole hello
    interval later (FRR, ospf_ism.c). A switch that helps a restarted ospfd declares it dead by then.

    A replaced value is not deleted before: between ``no ip ospf cost 10`` and ``ip ospf cost 20`` FRR would
    announce the default cost, and the switch would drop the second of two changes within its MinLSArrival
    (RFC 2328, 13).
    """
    replaced = {_slot(command) for command in delta.add if changes_in_place(command[-1])}
    deletions = [_bare(command) for command in delta.delete if _slot(command) not in replaced]
    # a later line of a deleted virtual router creates it again, even `no vrrp 10 priority` (northbound)
    whole = {command for command in deletions if _WHOLE_ROUTER.fullmatch(command[-1])}
    deletions = [each for each in deletions if each in whole or not _is_within(each, whole)]
    adding = sorted(delta.add, key=_turn)
    return "".join(f"{row}\n" for command in (*deletions, *adding) for row in _rows(command))


def _is_within(command: Command, whole: Collection[Command]) -> bool:
    words = command[-1].removeprefix("no ").split()
    return (*command[:-1], " ".join(["no", *words[:2]])) in whole


def _turn(command: Command) -> int:
    """Return 2 for a line that starts OSPF on an interface, 1 for another on an interface, else 0."""
    return command[0].startswith("interface ") + starts_ospf(command[-1])


def _slot(command: Command) -> tuple[Command, str]:
    return command[:-1], slot(command[-1])


def _bare(command: Command) -> Command:
    match = _BARE_NO.fullmatch(command[-1])
    return (*command[:-1], match.group(1)) if match else command


def _rows(command: Command) -> Iterable[str]:
    for depth, text in enumerate(command):
        yield " " * depth + text
    entered = len(command) - (0 if opens_context(command[:-1], command[-1]) else 1)
    for depth in reversed(range(entered)):
        yield " " * depth + "exit"
