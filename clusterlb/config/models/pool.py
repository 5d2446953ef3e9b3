"""The section ``pools``: members, how they are checked, and when a pool is fit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from clusterlb.config.fields import Address, Percent, amount, duration
from clusterlb.config.models.base import Port, Strict
from clusterlb.config.models.forwarding import Method, Tunnel
from clusterlb.config.models.kinds import Check, Checks
from clusterlb.model.inventory import Amount, Pool, Quorum

_QUORUM = Quorum()
_POOL = Pool("", ())

_Connections = Annotated[int, Field(ge=0, le=0x7FFFFFFF)]  # INT_MAX: ip_vs_add_dest() refuses more


class MemberFile(Strict):
    """One address:port that serves."""

    address: Address = Field(description="Address of the real server.")
    port: Port = Field(
        description="Port of the real server; with dr and tun that of the service. Where the service keeps "
        "the port that the client used, it is for the checks alone."
    )
    weight: int = Field(
        default=1,
        ge=0,
        le=65535,
        description="Share of the connections relative to the other members; with mh a small integer.",
    )
    forwarding: Method | None = Field(
        default=None, description="How packets reach this member; null: as the service says."
    )
    tunnel: Tunnel | None = Field(
        default=None, description="Encapsulation to this member, with tun; null: the service's."
    )
    upper_threshold: _Connections = Field(
        default=0, description="Connections from which on it gets no new ones; 0: no limit. Not with mh."
    )
    lower_threshold: _Connections = Field(
        default=0,
        description="Below so many connections it gets new ones again; 0: below three quarters of "
        "`upper_threshold`.",
    )
    check: Check | None = Field(
        default=None, description="This member's check in place of the pool's; null: it is not checked."
    )
    checks: Checks | None = Field(
        default=None, description="This member's checks in place of the pool's; empty: it is not checked."
    )


class QuorumFile(Strict):
    """When a pool is fit to serve; the gap between the two keeps it from flapping."""

    up: Annotated[Amount, amount(1)] = Field(
        default=_QUORUM.up, description="This much UP makes the pool fit: a number, or per cent such as 50%."
    )
    down: Annotated[Amount, amount(0)] = Field(
        default=_QUORUM.down, description="A fit pool is fit no longer with this much UP or less."
    )
    of: Literal["members", "weight"] = Field(
        default=_QUORUM.of.value, description="What is counted: members, or their weights."
    )


class SorryFile(Strict):
    """The member of last resort."""

    address: Address = Field(description="Address of the sorry server.")
    port: Port = Field(description="Port of the sorry server; with dr and tun that of the service.")
    forwarding: Method | None = Field(
        default=None, description="How packets reach it; null: as the service says."
    )


class FlowsOnDownFile(Strict):
    """What becomes of a DOWN member's flows, by protocol, with `on_down: weight0`."""

    udp: Literal["move", "keep"] = Field(
        default="move",
        description="move: other members get them; keep: they go to the member for as long as clients send.",
    )
    tcp: Literal["keep", "reset"] = Field(
        default="keep",
        description="keep: clients find out by themselves; reset: other members get the flows, and end them.",
    )
    sctp: Literal["keep", "reset"] = Field(default="keep", description="As tcp.")


class PoolFile(Strict):
    """A named set of members."""

    members: list[MemberFile] = Field(
        min_length=1,
        max_length=4093,
        description="Members, inserted in this order everywhere; at most 4093, the slots of mh's table.",
    )
    check: Check | None = Field(
        default=None, description="How members are checked; without any check they always count as UP."
    )
    checks: Checks | None = Field(
        default=None, description="Several checks of each member, in place of the one that `check` is."
    )
    need: Literal["all", "any"] = Field(
        default=_POOL.need.value, description="A member is UP with all of its checks UP, or with any."
    )
    quorum: QuorumFile = Field(default=QuorumFile(), description="When the pool is fit to serve.")
    on_down: Literal["weight0", "remove"] = Field(
        default=_POOL.on_down.value,
        description="What becomes of a DOWN member. weight0: it keeps its place in the table and its "
        "connections, and gets no new ones; remove: it is deleted.",
    )
    flows_on_down: FlowsOnDownFile = Field(
        default=FlowsOnDownFile(),
        description="What becomes of the flows of a DOWN member that keeps its place, by protocol.",
    )
    slow_start: Annotated[float, duration(0, 3600)] = Field(
        default=_POOL.slow_start,
        description="Time over which the weight of a member that recovered grows to its own; 0s: at once.",
    )
    panic: Percent = Field(
        default=_POOL.panic,
        description="With fewer per cent of the members UP than this, all are used, UP or not; 0%: never.",
    )
    suspect: Annotated[float, duration(0, 3600)] = Field(
        default=_POOL.suspect,
        description="Time after which a member that takes connections and establishes none is reported; "
        "0s: never.",
    )
    sorry: SorryFile | None = Field(
        default=None, description="Server that is used while no member can be; null: there is none."
    )
