"""The section ``snat_pools``: what real servers' own outbound traffic leaves with."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from clusterlb.config.fields import SourceNetwork, VipAddress
from clusterlb.config.models.base import Strict
from clusterlb.config.service_fields import Fwmark

_Addresses = Annotated[list[VipAddress], Field(min_length=1, max_length=256)]


class SnatPoolFile(Strict):
    """Which traffic, and the addresses that each director gives it; the first pool that matches counts."""

    sources: list[SourceNetwork] = Field(
        min_length=1, max_length=256, description="Networks of the real servers whose traffic this is."
    )
    destinations: list[SourceNetwork] = Field(
        default=[], max_length=256, description="Networks that it goes to; empty: anywhere."
    )
    fwmark: Fwmark | None = Field(
        default=None, description="Firewall mark that it carries; null: with any or none."
    )
    addresses: dict[str, _Addresses] = Field(
        min_length=1,
        description="By director's name the addresses that it alone uses; inside `vip_prefixes`. The next "
        "director of this list takes over those of one that is gone.",
    )
