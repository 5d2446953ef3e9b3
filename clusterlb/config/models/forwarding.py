"""How packets reach a member, as a service, a member or a sorry server writes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from clusterlb.config.by_type import ByType
from clusterlb.config.models.base import Port, Strict

Method = Literal["dr", "tun", "nat", "fullnat"]


class IpipFile(Strict):
    """IP in IP, IPv6 in either of them (RFC 2003, RFC 2473)."""

    type: Literal["ipip"] = Field(default="ipip", description="The encapsulation: ipip, gue or gre.")


class GueFile(Strict):
    """Generic UDP encapsulation (draft-ietf-intarea-gue), as the kernel's fou module takes it."""

    type: Literal["gue"] = Field(description="The encapsulation: ipip, gue or gre.")
    port: Port = Field(description="UDP port on which the real server takes GUE.")
    checksum: Literal["none", "full", "remote"] = Field(
        default="none",
        description="UDP checksum of the tunnel. none: zero; full: over the packet; remote: checksum offload "
        "that the real server undoes.",
    )


class GreFile(Strict):
    """Generic routing encapsulation (RFC 2784)."""

    type: Literal["gre"] = Field(description="The encapsulation: ipip, gue or gre.")
    checksum: Literal["none", "full"] = Field(
        default="none", description="GRE's checksum. none: none; full: over the packet."
    )


TunnelFile = IpipFile | GueFile | GreFile
Tunnel = Annotated[TunnelFile, ByType({"ipip": IpipFile, "gue": GueFile, "gre": GreFile}, "ipip")]
