"""The inventory's JSON Schema: the reference for people and for editors."""

from __future__ import annotations

from typing import Any

from pydantic import Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from clusterlb.config.models.base import Strict
from clusterlb.config.models.cluster import ClusterFile
from clusterlb.config.models.director import DirectorFile
from clusterlb.config.models.maintenance import WindowFile
from clusterlb.config.models.pool import PoolFile
from clusterlb.config.models.snat import SnatPoolFile
from clusterlb.config.models.vip import VipFile


class InventoryFile(Strict):
    """The whole inventory of one clusterlb cluster."""

    cluster: ClusterFile = Field(description="Name, prefixes and routing, the same for all directors.")
    directors: dict[str, DirectorFile] = Field(description="Directors by name: their host names, by default.")
    pools: dict[str, PoolFile] = Field(default={}, description="Pools by name.")
    vips: dict[str, VipFile] = Field(default={}, description="Virtual addresses, IPv4 or IPv6.")
    snat_pools: dict[str, SnatPoolFile] = Field(
        default={}, description="SNAT pools by name: of several that match, a packet is the first one's."
    )
    maintenance: list[WindowFile] = Field(
        default=[], description="Maintenance windows: planned drains; lists of several files are joined."
    )


class _Generator(GenerateJsonSchema):
    """Writes defaults as a file has them: ``1s``, not 1.0."""

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        inner = schema["schema"]
        show = inner["serialization"].get("function") if "serialization" in inner else None
        if show and "default" in described:
            described["default"] = show(schema["default"])
        return described


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a whole inventory, with a description of every key."""
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **InventoryFile.model_json_schema(schema_generator=_Generator),
    }
