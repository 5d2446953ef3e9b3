"""Rules about a port towards directors: one function a concern, each remark with the fault's cost.

The figures were measured with FRR as the switch (docs/switch.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from clusterlb.audit.finding import AuditSeverity, Remark, about_port
from clusterlb.audit.view import Section, Setting
from clusterlb.render.switch import SwitchFacts

POINTS = frozenset({"point-to-multipoint", "point-to-point"})

# Settings that must be the directors', each with its rule and the text after the port's name.
_EQUAL = (
    ("area", Setting.AREA, "is in area {found}, the directors in {wanted}: no adjacency"),
    ("area", Setting.AREA_TYPE, "is in an area of type {found}, the directors' is {wanted}: no adjacency"),
    (
        "hello-dead",
        Setting.HELLO,
        "sends hellos every {found} s, the directors every {wanted} s: no adjacency",
    ),
    ("hello-dead", Setting.DEAD, "has dead interval {found} s, the directors {wanted} s: no adjacency"),
    ("passive", Setting.PASSIVE, "is passive: it sends no hellos, so no director becomes a neighbour"),
)
_AUTHENTICATIONS = {
    "md5": "MD5",
    "chain": "a key chain",
    "none": "no authentication",
    "other": "another authentication",
}


def switched_off(port: Section) -> Iterator[Remark]:
    """Report a port, or OSPF on the port, that is not in force."""
    if port.text(Setting.OFF) == "yes":
        text = f"{port.name} is switched off: no director behind it becomes a neighbour"
        for line in dict.fromkeys(port.values[Setting.OFF].lines):
            yield Remark("switched-off", AuditSeverity.ERROR, line, text, port.name, (Setting.OFF,))


def adjacency(port: Section, wanted: Section) -> Iterator[Remark]:
    """Report settings that keep a port and its directors from becoming or staying neighbours."""
    for rule, setting, text in _EQUAL:
        found, right = port.text(setting), wanted.text(setting)
        if found and found != right:
            yield about_port(
                port, rule, AuditSeverity.ERROR, f" {text.format(found=found, wanted=right)}", setting
            )


def network(port: Section, directors: str) -> Iterator[Remark]:
    """Compare the network type with ``directors``, their own; a broadcast link needs a designated router.

    Point-to-point and point-to-multipoint work together (tested with FRR), broadcast only with broadcast.
    """
    found = port.text(Setting.NETWORK)
    alone = {"broadcast", "non-broadcast"}
    if found != directors and ({found, directors} & alone or found not in POINTS):
        why = (
            "neighbours become Full, but their LSAs do not match and no route is computed"
            if found == "broadcast"
            else "the adjacency stays in ExStart, or no route is computed"
        )
        text = f" is of network type {found}, the directors are {directors}: {why}"
        yield about_port(port, "network-type", AuditSeverity.ERROR, text, Setting.NETWORK)
    elif found == "broadcast" and port.text(Setting.PRIORITY) == "0":
        text = (
            " has priority 0, as the directors have: nobody becomes the designated router, "
            "and no route is computed"
        )
        yield about_port(port, "network-type", AuditSeverity.ERROR, text, Setting.PRIORITY)


def authentication(port: Section, wanted: Section) -> Iterator[Remark]:
    """Compare authentication; of a key that the switch shows encrypted, only the number is compared."""
    found, right = port.text(Setting.AUTHENTICATION), wanted.text(Setting.AUTHENTICATION)
    if found != right:
        theirs = _AUTHENTICATIONS[right]
        text = f" has {_AUTHENTICATIONS[found]}, the directors have {theirs}: no adjacency"
        both = (Setting.AUTHENTICATION, Setting.KEY)
        yield about_port(port, "authentication", AuditSeverity.ERROR, text, *both)
    elif right == "md5":
        number, key = wanted.text(Setting.KEY).split(" ", 1)
        keys = dict(row.split(" ", 1) for row in port.text(Setting.KEY).split("\n") if " " in row)
        if keys.get(number) not in {key, "*"}:
            what = "is not the directors'" if number in keys else "is missing, and the directors use it"
            text = f": MD5 key {number} {what}: no adjacency"
            both = (Setting.KEY, Setting.AUTHENTICATION)
            yield about_port(port, "authentication", AuditSeverity.ERROR, text, *both)


def bfd(port: Section, wanted: Section, facts: SwitchFacts) -> Iterator[Remark]:
    """Compare BFD; without BFD, or with slower timers, a dead director keeps its flows for longer."""
    found, right = port.text(Setting.BFD), wanted.text(Setting.BFD)
    timers = (Setting.BFD_TX, Setting.BFD_RX, Setting.BFD_MULTIPLIER)
    if found != right:
        if right == "yes":
            text = f" has no BFD: a dead director gets traffic for up to {facts.dead} s, not for "
            text += f"{facts.bfd.interval * facts.bfd.multiplier if facts.bfd else 0} ms"
        else:
            text = " has BFD, the directors have none: no session will come up"
        yield about_port(port, "bfd", AuditSeverity.WARNING, text, Setting.BFD, *timers)
        return
    if port.text(Setting.BFD_TX) == "?":
        text = f"the file does not show the BFD intervals of {port.name}: see that they are the directors'"
        yield Remark("bfd", AuditSeverity.NOT_SEEN, port.at(Setting.BFD), text)
        return
    wrong = [setting for setting in timers if right == "yes" and port.text(setting) != wanted.text(setting)]
    if wrong:
        tx, rx, multiplier = (port.text(setting) for setting in timers)
        wanted_tx, _, wanted_multiplier = (wanted.text(setting) for setting in timers)
        text = (
            f"{port.name} has BFD {tx} ms out, {rx} ms in, x {multiplier}; the directors {wanted_tx} ms "
            f"both ways, x {wanted_multiplier}: the slower end decides when a director is dead"
        )
        yield Remark("bfd", AuditSeverity.WARNING, port.at(wrong[0]), text, port.name, (Setting.BFD, *timers))


def retransmit(port: Section, wanted: Section) -> Iterator[Remark]:
    """Warn when the port waits longer than the directors before it retransmits an LSA."""
    found, right = port.text(Setting.RETRANSMIT), wanted.text(Setting.RETRANSMIT)
    if int(found) > int(right):
        text = (
            f" repeats a lost LSA after {found} s, the directors after {right} s: "
            "a director that comes back waits for it (measured with FRR: 6.4 s, not 2.4 s)"
        )
        yield about_port(port, "retransmit", AuditSeverity.WARNING, text, Setting.RETRANSMIT)


def costs(ports: Sequence[Section]) -> Iterator[Remark]:
    """Report each port whose cost differs from most ports' (of two ports, the dearer): it gets no traffic."""
    texts = [port.text(Setting.COST) for port in ports]
    counts = Counter(texts)
    usual = max(counts, key=lambda text: (counts[text], text != "", -int(text or 0)), default="")
    for port, text in zip(ports, texts, strict=True):
        if text != usual:
            said = (
                f" has cost {text or 'by its speed'}, other director ports have "
                f"{usual or 'it by theirs'}: directors behind the dearer ports get no traffic"
            )
            yield about_port(port, "unequal-cost", AuditSeverity.ERROR, said, Setting.COST)
