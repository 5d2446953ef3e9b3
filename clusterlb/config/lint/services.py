"""Each service with its pool: schedulers, flags and weights, also after a change of the ECMP set."""

from __future__ import annotations

from clusterlb.config.hints import clip
from clusterlb.config.item import Everything, Placed
from clusterlb.config.lint.pools import gradual
from clusterlb.config.lint.subject import Subject, subjects
from clusterlb.config.report import Report
from clusterlb.config.wording import nearest_name
from clusterlb.model.check import CheckType
from clusterlb.model.inventory import Member, OnDown, Pool
from clusterlb.model.ipvs import Protocol

LARGEST_WEIGHT = 16
MOST_WEIGHTS = 4  # different ones in one pool
FALLBACK = {  # flags that pass over a member at weight 0
    "mh": frozenset({"mh-fallback", "flag-1"}),
    "sh": frozenset({"sh-fallback", "flag-1"}),
    "dh": frozenset[str](),
}


def lint_services(everything: Everything, report: Report) -> None:
    """Check every service against its pool, its scheduler and the number of directors."""
    hashed: dict[str, Subject] = {}
    for subject in subjects(everything):
        service = subject.service
        _pool(everything, subject, report)
        _flags(subject, report)
        _scheduler(everything, subject, report)
        _fallback(subject, report)
        _flows(subject, report)
        if service.scheduler == "mh" and subject.sure("scheduler"):
            hashed.setdefault(service.pool, subject)
    for subject in hashed.values():
        if subject.pool is not None:
            _weights(subject.pool, subject, report)
            _removal(subject.pool, subject, report)
            _thresholds(subject.pool, subject, report)
            if len(everything.directors) > 1 and subject.vip.value.ha is None:
                _gradual(subject.pool, subject, report)


def _pool(everything: Everything, subject: Subject, report: Report) -> None:
    name = subject.service.pool
    if everything.whole and name not in everything.pool_names:
        # searching a thousand names takes milliseconds, and the hundredth such hint helps nobody
        near = nearest_name(name, everything.pool_names) if report.errors < 100 else ""
        report.error(
            subject.at("pool"),
            f"pool `{clip(name)}` does not exist",
            near or "add it under `pools`, or name one that is there",
        )


def _flags(subject: Subject, report: Report) -> None:
    service, flags = subject.service, subject.written_flags
    for index, flag in enumerate(flags):
        scheduler = flag.partition("-")[0]
        place = subject.at("flags", index)
        if flag in flags[:index]:
            report.error(place, f"duplicate flag `{flag}`", "remove one of them")
        if scheduler in ("mh", "sh") and scheduler != service.scheduler and subject.sure("scheduler"):
            report.error(
                place,
                f"flag `{flag}` belongs to scheduler {scheduler}, and this service has {service.scheduler}",
                f"remove the flag, or write `scheduler: {scheduler}`",
            )
        if flag == "ops" and service.protocol is not Protocol.UDP and subject.sure("protocol"):
            report.warning(
                place,
                f"flag `ops` does nothing with {service.protocol.name.lower()}",
                "one-packet scheduling is for udp (net/netfilter/ipvs/ip_vs_core.c); remove the flag",
            )


def _scheduler(everything: Everything, subject: Subject, report: Report) -> None:
    service = subject.service
    if not subject.sure("scheduler"):
        return
    if service.scheduler != "mh" and len(everything.directors) > 1:
        report.warning(
            subject.at("scheduler"),
            f"scheduler {service.scheduler} breaks flows when the ECMP set changes",
            "with several directors only `mh` (flags mh-port, mh-fallback) keeps a flow on its member when "
            "it moves to another director",
        )
    if service.scheduler == "mh" and service.persistence:
        report.warning(
            subject.at("persistence"),
            "persistence with mh: templates are local to a director and override the table that all share",
            "remove `persistence`; mh with `flags: [mh-fallback]` keeps a client on one member by itself",
        )
    checks = subject.pool.value.checks if subject.pool else ()
    own = all(check.port is None and check.address is None for check in checks)
    over_tcp = checks and own and all(check.probe.type is CheckType.TCP for check in checks)
    if over_tcp and service.protocol is Protocol.UDP and subject.sure("protocol"):
        report.warning(
            subject.at("protocol"),
            f"udp service, but pool `{service.pool}` is checked over tcp",
            "the members must accept TCP connections on the same port for this to work",
        )


def _fallback(subject: Subject, report: Report) -> None:
    """Warn of a hashing scheduler without fallback, which refuses the clients of a member at weight 0.

    ``ip_vs_mh_get``, ``ip_vs_sh_get`` and ``ip_vs_dh_schedule`` select the member, and fail if it is
    unavailable.
    """
    service = subject.service
    name = service.scheduler
    if name not in FALLBACK or not subject.sure("scheduler", "flags") or service.flags & FALLBACK[name]:
        return
    pool = subject.pool.value if subject.pool else None
    removed = pool is not None and pool.on_down is OnDown.REMOVE
    stands = "drained" if removed else "DOWN, drained or pinned"
    turned_away = f"the clients of a member that is {stands} are turned away"
    if name == "dh":
        report.warning(
            subject.at("scheduler"),
            f"scheduler dh has no fallback: {turned_away}",
            "the member is at weight 0 and keeps its places in the table, of one VIP all clients; "
            + ("" if removed else "`on_down: remove` takes one that is DOWN or pinned out, ")
            + "`--deadline` of a drain one that drains; mh and sh pass it over with the flag mh-fallback or "
            "sh-fallback",
        )
        return
    report.warning(
        subject.at("flags"),
        f"{name} without the flag `{name}-fallback`: {turned_away}",
        "the member is at weight 0 and keeps its places in the table, of N members one Nth; "
        f"add `{name}-fallback`, or leave `flags` out",
    )


def _flows(subject: Subject, report: Report) -> None:
    """Warn of settings of `flows_on_down` that have no effect for a service.

    IPVS schedules a packet from the middle of a flow only with sloppy_tcp, which clusterlb sets for hashing
    schedulers. Otherwise the director's own TCP gets the packet, and sends no reset from a VIP.
    """
    service, pool = subject.service, subject.pool
    if pool is None or not subject.sure("scheduler", "protocol", "flags"):
        return
    name = service.protocol.name.lower()
    place = pool.item.at("flows_on_down", name)
    resets = service.protocol is not Protocol.UDP and pool.value.ends_flows_of(service)
    if resets and service.scheduler not in FALLBACK:
        report.warning(
            place,
            f"`{name}: reset` resets no {name} flow with scheduler {service.scheduler}",
            "no other member gets the packets of a flow that has begun, so the client hears nothing; use mh, "
            f"sh or dh, or `{name}: keep`; service {subject} at {subject.at()}",
        )
    removed = pool.value.on_down is OnDown.REMOVE
    if removed and service.protocol is Protocol.UDP and Protocol.UDP not in pool.value.ends_flows:
        report.warning(
            place,
            "`udp: keep` does nothing with `on_down: remove`",
            "a member that is deleted has no flows; write `on_down: weight0`, or leave it out; "
            f"service {subject} at {subject.at()}",
        )


def _weights(pool: Placed[Pool], subject: Subject, report: Report) -> None:
    """Warn of weights for which one change of a member reshuffles mh's whole table.

    mh divides the weights by their greatest common divisor and keeps 6 bits (net/netfilter/ipvs/ip_vs_mh.c):
    among 100 members of weight 100 one that becomes 101 moves 55 % of the slots; 1 -> 2 is near the ideal.
    """
    members = pool.value.members
    weights = [member.weight for member in members if member.weight]
    if not weights or (max(weights) <= LARGEST_WEIGHT and len(set(weights)) <= MOST_WEIGHTS):
        return
    index = _heaviest(members)
    item = pool.item
    report.warning(
        item.at("members", index, "weight"),
        f"weights up to {max(weights)}, {len(set(weights))} different ones, in pool `{item.name}` for mh",
        "use few small integers such as 1, 2, 4: with large ones a small change moves most flows; "
        f"service {subject} at {subject.at()} uses mh",
    )


def _gradual(pool: Placed[Pool], subject: Subject, report: Report) -> None:
    """Warn of weights that change by themselves: each step is another table, on each director at its time."""
    if all(member.weight <= 1 for member in pool.value.members):
        return  # there are no steps, which is a warning of its own
    for path in gradual(pool):
        report.warning(
            pool.item.key_at(*path),
            f"`{path[-1]}` with mh, in pool `{pool.item.name}`: each step moves flows of other members, too",
            "those that move are reset when their director leaves; docs/schedulers.md has how many; leave it "
            f"out, or have one director serve the VIP (`ha`); service {subject} at {subject.at()} uses mh",
        )


def _removal(pool: Placed[Pool], subject: Subject, report: Report) -> None:
    if pool.value.on_down is OnDown.REMOVE:
        report.warning(
            pool.item.at("on_down"),
            "`on_down: remove` with mh moves flows of other members, too",
            "the table is built anew without the member; weight0 keeps its slots where they are; "
            f"service {subject} at {subject.at()} uses mh",
        )


def _thresholds(pool: Placed[Pool], subject: Subject, report: Report) -> None:
    for index, member in enumerate(pool.value.members):
        if member.upper:
            report.error(
                pool.item.at("members", index, "upper_threshold"),
                f"`upper_threshold` with mh, in pool `{pool.item.name}`",
                "a member is full on one director alone, which then sends flows elsewhere than the others; "
                "remove it, or use another scheduler; "
                f"service {subject} at {subject.at()}",
            )


def _heaviest(members: tuple[Member, ...]) -> int:
    """Return the index of the member with the largest weight."""
    return max(range(len(members)), key=lambda index: members[index].weight)
