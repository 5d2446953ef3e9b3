"""Should this director announce a VIP, and why (not)?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from clusterlb.core.quorum import Standing
from clusterlb.model.address import IPAddress, IPNetwork
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import AnnounceWhen, Pool, QuorumOf, Vip
from clusterlb.model.ospf import Lane
from clusterlb.model.reason import Because, Reason


@dataclass(frozen=True, slots=True)
class Decision:
    """The lanes a VIP belongs on, and the reason."""

    lanes: frozenset[Lane]
    because: Because


NOWHERE: frozenset[Lane] = frozenset()


def is_inside(vip: IPAddress, prefixes: Sequence[IPNetwork]) -> bool:
    """Say whether a VIP lies in one of the prefixes that may be announced."""
    return any(vip in prefix for prefix in prefixes)


def decide(
    vip: Vip,
    pools: Mapping[str, Pool],
    standings: Mapping[str, Standing],
    *,
    prefixes: Sequence[IPNetwork],
    director_unfit: Because | None = None,
    unprogrammed: str = "",
    withheld: Because | None = None,
    absent: Collection[IPAddress] = (),
    announced: bool = False,
) -> Decision:
    """Decide one VIP; ``standings`` has every pool that its services use.

    ``unprogrammed`` is what the kernel holds against the VIP's services, empty when they are programmed
    and read back, ``withheld`` what peers have to do with it. ``absent``: local addresses of full NAT that
    this host does not have. ``announced``: it is now, and stays so while that hangs on pools that no verdict
    has judged yet.
    """
    if not is_inside(vip.address, prefixes):
        wide = ", ".join(map(str, prefixes))
        return Decision(NOWHERE, Because(Reason.OUTSIDE_PREFIXES, f"{vip.address} is in none of {wide}"))
    if director_unfit is not None:
        return Decision(NOWHERE, Because(Reason.DIRECTOR_UNFIT, director_unfit.text, director_unfit.facts))
    if unprogrammed:
        return Decision(NOWHERE, Because(Reason.NOT_PROGRAMMED, unprogrammed))
    if withheld is not None:
        return Decision(NOWHERE, withheld)
    missing = [address for address in absent if address.version == vip.address.version]
    if missing and _uses_fullnat(vip, pools):
        return Decision(NOWHERE, _not_here(missing))
    names = _names(vip)
    open_ = [name for name in names if standings[name].adopted]
    judged = [name for name in names if not standings[name].adopted]
    unfit = [name for name in judged if not standings[name].serves]
    if vip.announce_when is AnnounceWhen.ANY:
        enough = len(unfit) < len(judged) or (announced and bool(open_))
    else:
        enough = not unfit and (announced or not open_)
    if enough:
        return Decision(frozenset({Lane.ACTIVE}), _good(names, pools, standings))
    return Decision(NOWHERE, _bad([*unfit, *open_], pools, standings))


def _uses_fullnat(vip: Vip, pools: Mapping[str, Pool]) -> bool:
    """Say whether some member of a VIP's services is reached by full NAT."""
    return any(
        service.forwarding_of(member) is Forwarding.FULLNAT
        for service in vip.services
        for member in pools[service.pool].members
    )


def _not_here(missing: Sequence[IPAddress]) -> Because:
    names = ", ".join(map(str, missing))
    text = (
        f"full NAT needs {names}, which no interface of this director has: replies would not come back. "
        f"Add it (ip address add {missing[0]} dev ...), or take one inside cluster.vip_prefixes, which is "
        f"announced from here"
    )
    return Because(Reason.NO_LOCAL_ADDRESS, text, {"addresses": names})


def _names(vip: Vip) -> list[str]:
    """Return the pools that matter to a VIP, each once."""
    listed = vip.announce_when is AnnounceWhen.LISTED
    return list(
        dict.fromkeys(service.pool for service in vip.services if not listed or service.name in vip.required)
    )


def _good(names: Sequence[str], pools: Mapping[str, Pool], standings: Mapping[str, Standing]) -> Because:
    undecided = sum(standings[name].unknown for name in names)
    if sorry := [name for name in names if standings[name].sorry]:
        texts = (f"{_short(name, pools, standings)}, the sorry server answers" for name in sorry)
        return Because(Reason.SORRY, "; ".join(texts), {"pools": sorry})
    if undecided and not any(standings[name].up for name in names):
        return Because(Reason.ADOPTED, f"as found in the kernel; {undecided} members have no verdict yet")
    return Because(Reason.FIT, ", ".join(_count(name, pools, standings) for name in names))


def _count(name: str, pools: Mapping[str, Pool], standings: Mapping[str, Standing]) -> str:
    now = standings[name]
    text = f"{name} {now.up}/{now.total}{_unit(pools[name])} up"
    return f"{text} (fewer than {pools[name].panic}%: all are used)" if now.panic else text


def _short(name: str, pools: Mapping[str, Pool], standings: Mapping[str, Standing]) -> str:
    now = standings[name]
    if pools[name].quorum.of is QuorumOf.WEIGHT:
        return f"pool {name} has weight {now.up} of {now.total} up and needs {now.needs}"
    return f"pool {name} has {now.up} of {now.total} members up and needs {now.needs}"


def _unit(pool: Pool) -> str:
    return " of weight" if pool.quorum.of is QuorumOf.WEIGHT else ""


def _bad(unfit: Sequence[str], pools: Mapping[str, Pool], standings: Mapping[str, Standing]) -> Because:
    texts = []
    for name in unfit:
        now, text = standings[name], _short(name, pools, standings)
        texts.append(f"{text} ({now.unknown} have no verdict yet)" if now.unknown else text)
    undecided = any(standings[name].undecided or standings[name].adopted for name in unfit)
    reason = Reason.POOL_UNDECIDED if undecided else Reason.POOL_BELOW_QUORUM
    facts = {name: {"up": standings[name].up, "needs": standings[name].needs} for name in unfit}
    return Because(reason, "; ".join(texts), facts)
