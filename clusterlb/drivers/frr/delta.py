"""What frr-reload.py says must change, as commands for ``vtysh -f``.

frr-reload only computes here (``--test --input``: no daemon is asked). Its ``--reload`` would also run
``write``, which puts the running configuration over the operator's frr.conf, comments and all; it starts one
vtysh for each deleted line; and its exit code does not tell whether the lines took effect (FRR 8.4).
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
# ospfd and ospf6d know only `no maximum-paths`, and ospf6d no `grace-period` behind `no graceful-restart`.
_WHOLE_ROUTER = re.compile(r"no vrrp \d+")
_BARE_NO = re.compile(r"(no maximum-paths|no graceful-restart) (?:grace-period )?\d+")


@dataclass(frozen=True, slots=True)
class Delta:
    """Commands, each with the contexts it is entered in, outermost first: deletions, then additions."""

    delete: tuple[Command, ...] = ()
    add: tuple[Command, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.delete or self.add)


def parse_delta(output: str) -> Delta:
    """Read the two lists that ``frr-reload.py --test`` prints; a command starts at every unindented line.

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
    """Return the target with every interface of the running configuration, without lines if need be.

    Of an interface that the target lacks, frr-reload of FRR 10 deletes the whole, and FRR refuses that while
    the interface exists ("only inactive interfaces can be deleted", lib/if.c). Of one without lines, it
    deletes the lines. FRR shows no interface without lines, so it is as good as gone.
    """
    there = frozenset(target)
    kept = (line for line in running if not line.context and line.text.startswith("interface "))
    return (*target, *(line for line in kept if line not in there))


def additions(running: Collection[FrrLine], target: Iterable[FrrLine]) -> Delta:
    """Return the delta of a change that only adds lines; frr-reload has nothing to find out in it."""
    there = frozenset(running)
    return Delta(add=tuple((*line.context, line.text) for line in target if line not in there))


def script(delta: Delta) -> str:
    """Write the commands as a file for ``vtysh -f``: deletions first, interfaces after, OSPF's areas last.

    OSPF that starts on an interface before ``ospf router-id`` is set says hello under a router id of FRR's
    own choice. A switch that has got as far as Full with that one keeps it in its LSA (FRR 8.4 does, when the
    id changes within the dead interval), and reaches nothing behind the real one.

    OSPF starts on an interface at ``ip ospf area``. What comes after that line comes too late for the first
    hello: one that falls due while the interface is still passive is left out, and the next one is a whole
    hello interval away (FRR, ospf_ism.c). A switch that helps a restarted ospfd counts it dead meanwhile.

    A value that is replaced is not deleted before: between ``no ip ospf cost 10`` and ``ip ospf cost 20``
    FRR would announce the default cost, and the switch would drop the second of two changes within its
    MinLSArrival (RFC 2328, 13).
    """
    replaced = {_slot(command) for command in delta.add if changes_in_place(command[-1])}
    deletions = [_bare(command) for command in delta.delete if _slot(command) not in replaced]
    # a line of a virtual router that is deleted makes it anew, even `no vrrp 10 priority` (vrrpd, northbound)
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
