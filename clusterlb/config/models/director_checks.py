"""When a director is fit by itself, whatever the members do."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from clusterlb.config.by_type import ByType
from clusterlb.config.fields import Address, Name, Percent
from clusterlb.config.models.base import Port, Strict
from clusterlb.config.models.check import CheckFile
from clusterlb.config.models.kinds import KINDS
from clusterlb.model.director_checks import DirectorChecks

_CHECKS = DirectorChecks()
_PORTLESS = frozenset(("icmp", "file", "command"))
_LOCAL = frozenset(("file", "command"))


def _of_director(kind: str, model: type[CheckFile]) -> type[CheckFile]:
    """Return a kind of check that names its own target, as there is no member."""
    keys: dict[str, Any] = {
        "via": (
            Literal["member"],
            Field(default="member", description="The probe's path: directly to the target, the only one."),
        )
    }
    if kind in _LOCAL:
        text = "Stands for {address}; without it 127.0.0.1."
        keys["address"] = (Address | None, Field(default=None, description=text))
    else:
        keys["address"] = (Address, Field(description="Address that is probed."))
    if kind not in _PORTLESS:
        keys["port"] = (Port, Field(description="Port that is probed."))
    name = f"Director{model.__name__}"
    return create_model(name, __base__=model, __module__=__name__, __doc__=model.__doc__, **keys)


DIRECTOR_KINDS = {kind: _of_director(kind, model) for kind, model in KINDS.items()}
DirectorCheck = Annotated[CheckFile, ByType(DIRECTOR_KINDS, "tcp")]


class DirectorChecksFile(Strict):
    """What must hold for a director to announce anything at all."""

    carrier: bool = Field(default=_CHECKS.carrier, description="Some uplink has carrier.")
    ospf_full: int = Field(
        default=_CHECKS.ospf_full,
        ge=0,
        le=64,
        description="Number of OSPF neighbours that must be Full; 0 does not ask.",
    )
    bfd: bool = Field(
        default=_CHECKS.bfd, description="Some BFD session with a neighbour on an uplink is up."
    )
    conntrack: Percent = Field(
        default=_CHECKS.conntrack,
        description="Fill of the connection tracking table at which the director is unfit; 0% does not ask.",
    )
    connections: Percent = Field(
        default=_CHECKS.connections,
        description="Fill of the room for IPVS connections at which the director is unfit; 0% does not ask.",
    )
    descriptors: Percent = Field(
        default=_CHECKS.descriptors,
        description="Share of the open files allowed at which the director is unfit; 0% does not ask.",
    )
    probes: dict[Name, DirectorCheck] = Field(
        default={}, max_length=64, description="Checks of the operator's own by name; all must pass."
    )
