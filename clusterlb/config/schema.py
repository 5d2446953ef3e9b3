"""The inventory's JSON Schema: the reference for people and for editors."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from clusterlb.config.models.inventory import InventoryFile


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
