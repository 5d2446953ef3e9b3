"""The JSON Schema is the reference: complete, and true."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clusterlb.config.models import InventoryFile
from clusterlb.config.schema import schema


def properties(node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield from node.get("properties", {}).items()
        for value in node.values():
            yield from properties(value)


def test_every_key_is_described() -> None:
    described = dict(properties(schema()))
    assert {"cluster", "router_id", "members", "quorum", "announce_when", "persistence", "md5_key"} <= set(
        described
    )
    assert [name for name, value in described.items() if not value.get("description")] == []


def test_durations_are_text_with_a_unit() -> None:
    pace = schema()["$defs"]["OspfFile"]["properties"]["pace"]
    assert pace["type"] == "string"
    assert pace["pattern"].endswith("(ms|s|m|h)$")
    assert pace["default"] == "1.2s"


def test_unknown_keys_are_refused_everywhere() -> None:
    document = schema()
    objects = [document, *(part for part in document["$defs"].values() if part["type"] == "object")]
    assert all(part["additionalProperties"] is False for part in objects)
    assert set(document["properties"]) == set(InventoryFile.model_fields)
