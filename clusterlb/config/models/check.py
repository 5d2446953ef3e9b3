"""What every check has, and how TLS is spoken."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from clusterlb.config.check_fields import Ca, Ciphers, OptionalPath, ServerName
from clusterlb.config.fields import Address, duration
from clusterlb.config.models.base import Port, Strict
from clusterlb.model.check import CheckSpec, TlsOptions

_CHECK = CheckSpec()
_TLS = TlsOptions()
_CENTURY = 36500 * 86400.0


class CheckFile(Strict):
    """When a probe is sent, and how its results become a verdict."""

    type: str = Field(description="The kind of check.")
    interval: Annotated[float, duration(0.01, 3600)] = Field(
        default=_CHECK.probe.interval, description="Time between two probes."
    )
    timeout: Annotated[float, duration(0.001, 3600)] = Field(
        default=_CHECK.probe.timeout,
        description="Time after which a probe without an answer has failed; the whole probe's.",
    )
    rise: int = Field(default=_CHECK.rise, ge=1, le=1000, description="Successes in a row that mean UP.")
    fall: int = Field(default=_CHECK.fall, ge=1, le=1000, description="Failures in a row that mean DOWN.")
    hold: Annotated[float, duration(0, 3600)] = Field(
        default=_CHECK.hold, description="Least time between going DOWN and coming UP again."
    )
    initial: Literal["unknown", "up", "down"] = Field(
        default=_CHECK.initial.value,
        description="What counts before the first verdict is in; unknown changes nothing.",
    )
    port: Port | None = Field(default=None, description="Port that is probed; null: the member's own.")
    address: Address | None = Field(
        default=None, description="Address that is probed in the member's place; null: the member's own."
    )
    via: Literal["member", "vip"] = Field(
        default=_CHECK.via.value,
        description="The probe's path. member: directly to the member's address; vip: to the VIP, which IPVS "
        "forwards to this member as it does a client's packets.",
    )


class TlsFile(Strict):
    """How TLS is spoken; an empty mapping asks for TLS and verifies nothing."""

    server_name: ServerName = Field(
        default=_TLS.server_name,
        description="Name that is asked for, and verified where `ca` is; empty: none, and the address.",
    )
    ca: Ca = Field(
        default=_TLS.ca,
        description="File of trusted certificates, or system for the host's own; empty: no verification.",
    )
    certificate: OptionalPath = Field(
        default=_TLS.certificate, description="File of the certificate that the check shows; goes with `key`."
    )
    key: OptionalPath = Field(
        default=_TLS.key, description="File of the certificate's private key; goes with `certificate`."
    )
    warn_expiry: Annotated[float, duration(0, _CENTURY, days=True)] = Field(
        default=_TLS.warn_expiry,
        description="Time before the certificate's end from which a passing check warns, such as 30d; "
        "0s: never.",
    )
    ciphers: Ciphers = Field(
        default=_TLS.ciphers,
        description="Cipher suites that are offered below TLS 1.3, as openssl-ciphers(1) writes them; "
        "DEFAULT is what OpenSSL's own clients offer, DEFAULT@SECLEVEL=1 takes weaker keys, too.",
    )
    legacy_renegotiation: bool = Field(
        default=_TLS.legacy_renegotiation,
        description="Accept members that do not know secure renegotiation (RFC 5746).",
    )
