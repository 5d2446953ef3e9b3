"""What an operator's intent is about: a director, a VIP, a pool or a member."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from clusterlb.model.address import Endpoint, IPAddress


@dataclass(frozen=True, slots=True)
class DirectorTarget:
    """The whole director."""

    def __str__(self) -> str:
        return "director"


@dataclass(frozen=True, slots=True)
class VipTarget:
    """One VIP of this director."""

    vip: IPAddress

    def __str__(self) -> str:
        return f"vip/{self.vip}"


@dataclass(frozen=True, slots=True)
class PoolTarget:
    """Every member of one pool."""

    pool: str

    def __str__(self) -> str:
        return f"pool/{self.pool}"


@dataclass(frozen=True, slots=True)
class MemberTarget:
    """One member of one pool."""

    pool: str
    endpoint: Endpoint

    def __str__(self) -> str:
        return f"member/{self.pool}/{self.endpoint}"


Target = DirectorTarget | VipTarget | PoolTarget | MemberTarget

DIRECTOR = DirectorTarget()


def parse_target(text: str) -> Target:
    """Return the target that a text names, or raise ValueError.

    The texts are ``director``, ``vip/ADDRESS``, ``pool/NAME`` and ``member/POOL/ADDRESS:PORT``.
    """
    kind, _, name = text.partition("/")
    match kind:
        case "director" if not name:
            return DIRECTOR
        case "vip":
            return VipTarget(ip_address(name))
        case "pool" if name:
            return PoolTarget(name)
        case "member":
            return parse_member(name)
        case _:
            raise ValueError(f"{text!r} names no director, VIP, pool or member")


def parse_member(text: str) -> MemberTarget:
    """Return the member that ``POOL/ADDRESS:PORT`` names; ValueError for anything else."""
    pool, _, endpoint = text.partition("/")
    if not pool:
        raise ValueError(f"{text!r} names no pool")
    return MemberTarget(pool, Endpoint.parse(endpoint))


def arguments(target: Target) -> str:
    """Return the target as ``clusterlb drain`` and ``undrain`` take it: ``vip 192.0.2.1``."""
    return str(target).replace("/", " ", 1)
