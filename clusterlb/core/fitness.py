"""Is this director itself fit to take traffic? Every no has its reason; no news is not bad news."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from clusterlb.model.address import AddressFamily
from clusterlb.model.check import VerdictState
from clusterlb.model.director_checks import DirectorChecks
from clusterlb.model.health import Verdict
from clusterlb.model.reason import Because, Reason

TOLERANCE = 3  # failures in a row of a reader before its silence counts against the director


OSPF = {
    AddressFamily.IPV4: ("OSPF", "show ip ospf neighbor"),
    AddressFamily.IPV6: ("OSPFv3", "show ipv6 ospf6 neighbor"),
}
"""By the family of the VIPs: the protocol that announces them, and what shows its neighbours."""

MARGIN = 5  # per cent that a table must empty below its limit before it is fit again


@dataclass(frozen=True, slots=True)
class Failures:
    """How often in a row a part has not answered, and the last error's text; ``Failures()``: it answers."""

    times: int = 0
    error: str = ""

    def again(self, error: object) -> Failures:
        """Return these failures with one more."""
        return Failures(self.times + 1, str(error))


@dataclass(frozen=True, slots=True)
class DirectorHealth:
    """What the director's own checks saw last; None and empty: not read yet, which is no bad news.

    ``carrier`` per uplink; the failures in a row of asking FRR and its ospf6d alone, and of reading IPVS;
    ``ospf_full`` and ``ospf6_full``: how many neighbours of OSPFv2 and OSPFv3 on the uplinks are Full;
    ``bfd_up``: over how many of them a BFD session watches; ``filled``: per cent of ``conntrack``,
    ``connections`` and ``descriptors`` in use; ``probes``: the verdicts of the operator's own checks, by
    their names.
    """

    carrier: Mapping[str, bool] = field(default_factory=dict)
    frr: Failures = Failures()
    ipvs: Failures = Failures()
    ospf6d: Failures = Failures()
    ospf_full: int | None = None
    ospf6_full: int | None = None
    bfd_up: int | None = None
    filled: Mapping[str, float] = field(default_factory=dict)
    probes: Mapping[str, Verdict] = field(default_factory=dict)

    def full(self, family: AddressFamily) -> int | None:
        """Return how many neighbours are Full that hear of a family's VIPs, None when nobody has said."""
        return self.ospf_full if family is AddressFamily.IPV4 else self.ospf6_full

    @property
    def adjacent(self) -> frozenset[AddressFamily]:
        """Return the families of whose VIPs some neighbour hears."""
        return frozenset(family for family in AddressFamily if self.full(family))

    @property
    def failures(self) -> tuple[int, ...]:
        """Return how often in a row FRR, IPVS and ospf6d have not answered."""
        return self.frr.times, self.ipvs.times, self.ospf6d.times

    @property
    def error(self) -> str:
        """Return why something could not be read, empty where all could."""
        return self.frr.error or self.ospf6d.error or self.ipvs.error


def unfit(
    health: DirectorHealth,
    checks: DirectorChecks,
    before: Because | None = None,
    family: AddressFamily = AddressFamily.IPV4,
) -> Because | None:
    """Return why the director must not announce any VIP of a family, or None when it may.

    ``before`` is the last answer: what was too full has to empty by MARGIN, so that it does not flap.
    """
    return next(_reasons(health, checks, before, family), None)


def unfit_by_family(
    health: DirectorHealth,
    checks: DirectorChecks,
    before: Mapping[AddressFamily, Because],
    families: Collection[AddressFamily],
) -> dict[AddressFamily, Because]:
    """Return why the director must not announce VIPs, by the families whose VIPs it must not."""
    found = {family: unfit(health, checks, before.get(family), family) for family in sorted(families)}
    return {family: why for family, why in found.items() if why is not None}


def _reasons(
    health: DirectorHealth, checks: DirectorChecks, before: Because | None, family: AddressFamily
) -> Iterator[Because]:
    if checks.carrier and health.carrier and not any(health.carrier.values()):
        names = ", ".join(sorted(health.carrier))
        yield Because(
            Reason.NO_CARRIER,
            f"no uplink has carrier ({names}): check the cable, the switch port, `ip link`",
            {"uplinks": dict(health.carrier)},
        )
    if health.frr.times >= TOLERANCE:
        yield Because(
            Reason.FRR_SILENT,
            f"FRR has not answered {health.frr.times} times in a row: {health.frr.error}",
            {"failures": health.frr.times},
        )
    if health.ipvs.times >= TOLERANCE:
        yield Because(
            Reason.IPVS_UNREADABLE,
            f"IPVS could not be read {health.ipvs.times} times in a row: {health.ipvs.error}",
            {"failures": health.ipvs.times},
        )
    yield from _routing(health, checks, family)
    yield from _filled(health, checks, before)
    for name, verdict in health.probes.items():
        if verdict.state is VerdictState.DOWN:
            seen = verdict.because.detail if verdict.because else "down from the start, as configured"
            yield Because(Reason.CHECK_FAILED, f"director check {name}: {seen}", {"check": name})


def _routing(health: DirectorHealth, checks: DirectorChecks, family: AddressFamily) -> Iterator[Because]:
    if family is AddressFamily.IPV6 and health.ospf6d.times >= TOLERANCE:
        yield Because(
            Reason.FRR_SILENT,
            f"FRR's ospf6d has not answered {health.ospf6d.times} times in a row: {health.ospf6d.error}",
            {"failures": health.ospf6d.times},
        )
    full, wanted = health.full(family), checks.ospf_full
    if full is not None and full < wanted:
        name, command = OSPF[family]
        text = (
            f"{full} {name} neighbours on the uplinks are Full, {wanted} needed: see `vtysh -c '{command}'`"
        )
        yield Because(Reason.OSPF_NOT_FULL, text, {"full": full, "needs": wanted})
    if checks.bfd and health.bfd_up == 0:
        text = (
            "no BFD session with an OSPF neighbour on an uplink is up: see `vtysh -c 'show bfd peers brief'`"
        )
        yield Because(Reason.BFD_DOWN, text)


_TABLES = {
    "conntrack": (Reason.CONNTRACK_FULL, "the connection tracking table", "net.netfilter.nf_conntrack_max"),
    "connections": (Reason.CONNECTIONS_FULL, "the room for IPVS connections", "ip_vs's conn_tab_bits"),
    "descriptors": (Reason.DESCRIPTORS_LOW, "the open files allowed", "fs.file-max, or LimitNOFILE"),
}


def _filled(health: DirectorHealth, checks: DirectorChecks, before: Because | None) -> Iterator[Because]:
    for name, (reason, what, knob) in _TABLES.items():
        limit = getattr(checks, name)
        used = health.filled.get(name)
        relaxed = limit - MARGIN if before is not None and before.reason is reason else limit
        if limit and used is not None and used >= relaxed:
            text = f"{used:.0f}% of {what} is in use, the limit is {limit}%: see {knob}"
            yield Because(reason, text, {"used": round(used, 1), "limit": limit})
