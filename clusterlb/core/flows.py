"""Whose flows end with their member.

An entry of a UDP flow lives as long as its client sends, whatever becomes of its member: at weight 0 the
member keeps it, and only TCP and SCTP have packets that begin anew (ip_vs_in_hook(), is_new_conn() in
ip_vs_core.c). No command ends an entry; it ends when its destination is deleted, with ``expire_nodest_conn``.
"""

from __future__ import annotations

from collections.abc import Sequence

from clusterlb.core.member import MemberState
from clusterlb.core.programme import destination_key
from clusterlb.model.check import VerdictState
from clusterlb.model.inventory import Pool, Service
from clusterlb.model.ipvs import DestinationKey, ServiceState


def forsaken(
    pool: Pool, service: Service, states: Sequence[MemberState], table: ServiceState
) -> frozenset[DestinationKey]:
    """Return the destinations of DOWN members that are to lose their flows.

    Of a drain's members none, and none at all while no other destination of the ``table`` takes new flows: a
    flow with nowhere to go stays where it may be answered.
    """
    serving = {d.key for d in table.destinations if d.weight}
    if not serving:
        return frozenset()
    down = (
        destination_key(service, member)
        for member, state in zip(pool.members, states, strict=True)
        if state.state is VerdictState.DOWN and not state.drained
    )
    return frozenset(down) - serving
