"""May a director that drains leave a VIP, and does it have to wait its turn?

A drain has two stages. First the VIP moves to the drained lane: its route gets worse than every other
director's, all others carry the load, and if all drain, all still serve. Then, when its flows have moved and
enough others announce it, the route is withdrawn. The first stage can be taken at any time and by any number
of directors at once; only the second, and going out of service at all where their number is limited, need
the others, and all that is known of them is the link-state database:

- a VIP is withdrawn only while ``min_announcers`` others that are alive announce it outside the drained lane;
- of the directors that drain, those that are gone already count first, then the others in the fixed order;
  who comes after the first ``max_drained`` waits, and serves meanwhile.

Both look at what is, not at who asked first: two directors that drain at the same second come to the same
answer as soon as they see each other, and the one that has to wait goes back to the lane it came from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from clusterlb.model.ospf import Lane
from clusterlb.model.target import Target, arguments


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a VIP's drain is, in seconds of the observations' clock.

    ``moved_at``: since when the VIP has been in the drained lane, None before. ``quiet_since``: since when no
    packet has come for it. ``deadline``: when its flows have had time enough, None for never.
    """

    moved_at: float | None = None
    quiet_since: float | None = None
    deadline: float | None = None


def ahead_of(
    own: IPv4Address,
    draining: Collection[IPv4Address],
    gone: Collection[IPv4Address],
    order: Sequence[IPv4Address],
    limit: int,
) -> tuple[IPv4Address, ...]:
    """Return the directors that ``own`` has to let go first, none when it may drain now.

    ``draining`` others are seen in the drained lane, ``gone`` ones nowhere.
    """
    rank = {router: number for number, router in enumerate(order)}
    before = [r for r in draining if (rank.get(r, len(rank)), int(r)) < (rank.get(own, len(rank)), int(own))]
    ahead = (*gone, *before)
    return tuple(ahead) if len(ahead) >= limit else ()


def carrying(others: Mapping[IPv4Address, Lane]) -> list[IPv4Address]:
    """Return the others that announce a VIP outside the drained lane, which ``min_announcers`` counts."""
    return [router for router, lane in others.items() if lane is not Lane.DRAINED]


def why_not_withdraw(
    progress: Progress,
    others: Mapping[IPv4Address, Lane],
    *,
    seen_at: float,
    now: float,
    pace: float,
    quiet: float,
    needed: int,
) -> str:
    """Return why the route must stay a while, or an empty text when it may be withdrawn.

    ``others`` are the other live announcers as they were ``seen_at``. ``quiet``: seconds without a packet
    that mean that the flows have moved; ``needed``: others that must announce the VIP.
    """
    if progress.moved_at is None:
        return "its VIP is not in the drained lane yet"
    if now - progress.moved_at < pace:
        return "the switch is about to see the drained lane"
    if needed and seen_at < progress.moved_at + pace:
        # who drains at the same moment shows in their lanes by then
        return "the others have not been looked at since"
    if len(carrying(others)) < needed:
        who = ", ".join(map(str, sorted(carrying(others)))) or "nobody else"
        return f"{who} announces it, and {needed} must: it serves from the drained lane"
    late = progress.deadline is not None and now >= progress.deadline
    still = progress.quiet_since is not None and now - progress.quiet_since >= quiet
    return "" if still or late else "packets still come for it"


def lingering(flows: int, waited: float, lifetime: float, target: Target) -> str:
    """Say what an operator can do about flows that a member's drain waits for in vain; empty before that.

    ``flows``: UDP flows of the member, ``waited`` seconds after its drain began without a deadline. An entry
    lives ``lifetime`` seconds after its last packet (ip_vs_proto_udp.c): those that are left by then belong
    to clients that go on sending, and there may never be a last packet.
    """
    if not flows or waited <= lifetime:
        return ""
    which = "UDP flow still sends" if flows == 1 else "UDP flows still send"
    return (
        f"{flows} {which} {waited:.0f} s after the drain began, and may go on for ever: they end when their "
        f"clients are silent for {lifetime:.0f} s, or with `clusterlb drain {arguments(target)} "
        "--deadline 1m`, which gives them to other members"
    )
