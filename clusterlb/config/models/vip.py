"""The section ``vips``: virtual addresses and their services."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, WrapValidator

from clusterlb.config.by_type import ByType
from clusterlb.config.fields import InterfaceName, VipAddress, duration, refuse
from clusterlb.config.models.base import Strict
from clusterlb.config.models.forwarding import IpipFile, Method, Tunnel
from clusterlb.config.service_fields import Fwmark, Ports, ServiceName

_MONTH = 31 * 86400.0

Scheduler = Literal["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh"]
Flag = Literal["mh-port", "mh-fallback", "sh-port", "sh-fallback", "flag-1", "flag-2", "flag-3", "ops"]

_Word = Literal["all", "any"]
_List = Annotated[list[ServiceName], Field(min_length=1, max_length=4096)]
_WORD: TypeAdapter[Any] = TypeAdapter(_Word)
_LIST: TypeAdapter[Any] = TypeAdapter(_List)


def _word_or_list(value: object, _handler: object) -> Any:
    """Validate one form only: a union reports errors of both, at paths that no file has."""
    if isinstance(value, str) and "/" in value:
        raise refuse("needs a list of services, or `all` or `any`", f"write it as a list: [{value[:60]}]")
    return (_LIST if isinstance(value, list) else _WORD).validate_python(value)


class ServiceFile(Strict):
    """One virtual service: protocol and port of a VIP, and who serves them."""

    protocol: Literal["tcp", "udp", "sctp"] = Field(
        description="Transport protocol; with `fwmark` that of the packets which carry the mark."
    )
    port: Annotated[int, Field(ge=0, le=65535)] | None = Field(
        default=None,
        description="Port that clients use; 0, with persistence alone, is every port that no other service "
        "has. Either this, `ports` or `fwmark`.",
    )
    ports: Annotated[list[Ports], Field(min_length=1, max_length=1024)] | None = Field(
        default=None,
        description="Several ports and ranges as one service, such as [80, 443, 8000-8010]; a member gets "
        "the port that the client used. Either this, `port` or `fwmark`.",
    )
    fwmark: Fwmark | None = Field(
        default=None,
        description="Firewall mark of the packets, which the operator's own rules set. Either this, `port` "
        "or `ports`.",
    )
    pool: str = Field(description="Name of the pool that serves.")
    forwarding: Method = Field(
        default="dr",
        description="How packets reach a member. dr: to its MAC address, unchanged; tun: in an IP tunnel; "
        "nat: the destination is rewritten, and replies pass a director; fullnat: the source, too, becomes "
        "one of the director's `local_addresses`.",
    )
    tunnel: Tunnel = Field(default=IpipFile(), description="Encapsulation with `forwarding: tun`.")
    scheduler: Scheduler = Field(
        default="mh",
        description="How a member is chosen. Only mh sends a flow to the same member from every director.",
    )
    flags: Annotated[list[Flag], Field(max_length=8)] | None = Field(
        default=None,
        description="Scheduler flags: mh-port and mh-fallback with mh, sh-port and sh-fallback with sh, "
        "flag-1 to flag-3 by number, ops for one-packet scheduling of UDP. null: mh-port and mh-fallback "
        "with mh, sh-fallback with sh, none with others.",
    )
    persistence: Annotated[float, duration(0, _MONTH, whole=1)] = Field(
        default=0.0, description="Time for which a client stays with its member, in whole seconds; 0s: none."
    )
    netmask: Annotated[int, Field(ge=1, le=128)] | None = Field(
        default=None,
        description="Prefix length of what persistence takes for one client, such as 24; null: one address.",
    )


class ActiveStandbyFile(Strict):
    """One director serves a VIP, and OSPF tells which."""

    mode: Literal["active-standby"] = Field(
        default="active-standby", description="active-standby: one director serves, the others stand by."
    )
    order: list[str] = Field(
        min_length=1,
        max_length=256,
        description="Names of directors: the first that can serves, the others stand by in this order.",
    )
    preempt: bool = Field(
        default=True,
        description="Whether a director that comes back takes the VIP over again from one behind it.",
    )


class VrrpFile(Strict):
    """One director serves a VIP, and VRRP tells which; for networks without OSPF."""

    mode: Literal["vrrp"] = Field(
        description="vrrp: FRR's vrrpd moves the VIP between the directors, and OSPF does not announce it."
    )
    order: list[str] = Field(
        min_length=1,
        max_length=20,
        description="Names of directors by priority: the first has 200, each of the others 10 less.",
    )
    vrid: int = Field(
        ge=1, le=255, description="Virtual router id, 1 to 255; no other group of the same link may have it."
    )
    interfaces: list[InterfaceName] = Field(
        min_length=1,
        max_length=2,
        description="The link that the VIP is on, the same name on every director; a second link is a second "
        "heartbeat, without the address.",
    )
    interval: Annotated[float, duration(0.01, 40.95, whole=0.01)] = Field(
        default=0.2,
        description="Time between two advertisements, a multiple of 10ms; the others take over after three "
        "and a part of a fourth.",
    )
    preempt: bool = Field(
        default=True, description="Whether a director with a higher priority takes the VIP over again."
    )


HaFile = ActiveStandbyFile | VrrpFile
_HA_MODES = ByType({"active-standby": ActiveStandbyFile, "vrrp": VrrpFile}, "active-standby", key="mode")


class VipFile(Strict):
    """A virtual address and what it serves."""

    services: list[ServiceFile] = Field(
        min_length=1, max_length=4096, description="Services of this address, at most 4096."
    )
    announce_when: Annotated[_Word | _List, WrapValidator(_word_or_list)] = Field(
        default="all",
        description="Announce the VIP while all of its services are fit, any, or all of a list such as "
        "[tcp/80, fwmark/7]; a service with several ports goes by its lowest, with all ports by tcp/0.",
    )
    group: list[VipAddress] = Field(
        default=[],
        max_length=255,
        description="Further addresses of the same family, served as one with this: by one service in the "
        "kernel, through a firewall mark.",
    )
    ha: Annotated[HaFile, _HA_MODES] | None = Field(
        default=None, description="Which directors serve; null: all, all of the time."
    )
