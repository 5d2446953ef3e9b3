"""As much of JSON Schema (draft 2020-12) as the inventory's schema uses."""

from __future__ import annotations

import re
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
_SILENT = frozenset(
    "$comment $defs $schema default description discriminator examples format title".split()  # noqa: SIM905
)


def accepts(schema: dict[str, Any], value: Any, root: dict[str, Any]) -> bool:
    """Say whether a schema accepts a value; raise KeyError for a keyword that is not known here."""
    return all(
        _KEYWORDS[keyword](argument, value, schema, root)
        for keyword, argument in schema.items()
        if keyword not in _SILENT
    )


def _type(wanted: Any, value: Any) -> bool:
    names = wanted if isinstance(wanted, list) else [wanted]
    return any(
        isinstance(value, _TYPES[name]) and (name == "boolean" or not isinstance(value, bool))
        for name in names
    )


def _properties(argument: Any, value: Any, root: dict[str, Any]) -> bool:
    return not isinstance(value, dict) or all(
        accepts(argument[key], inner, root) for key, inner in value.items() if key in argument
    )


def _additional(argument: Any, value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    if not isinstance(value, dict):
        return True
    rest = [inner for key, inner in value.items() if key not in schema.get("properties", {})]
    return not rest if argument is False else all(accepts(argument, inner, root) for inner in rest)


def _by_pattern(argument: Any, value: Any, root: dict[str, Any]) -> bool:
    return not isinstance(value, dict) or all(
        accepts(inner, found, root)
        for pattern, inner in argument.items()
        for key, found in value.items()
        if re.search(pattern, key)
    )


_KEYWORDS: dict[str, Any] = {
    "$ref": lambda a, v, s, r: accepts(r["$defs"][a.rpartition("/")[2]], v, r),
    "type": lambda a, v, s, r: _type(a, v),
    "const": lambda a, v, s, r: v == a,
    "enum": lambda a, v, s, r: v in a,
    "anyOf": lambda a, v, s, r: any(accepts(part, v, r) for part in a),
    "oneOf": lambda a, v, s, r: sum(accepts(part, v, r) for part in a) == 1,
    "not": lambda a, v, s, r: not accepts(a, v, r),
    "properties": lambda a, v, s, r: _properties(a, v, r),
    "additionalProperties": _additional,
    "patternProperties": lambda a, v, s, r: _by_pattern(a, v, r),
    "required": lambda a, v, s, r: not isinstance(v, dict) or set(a) <= set(v),
    "items": lambda a, v, s, r: not isinstance(v, list) or all(accepts(a, item, r) for item in v),
    "minItems": lambda a, v, s, r: not isinstance(v, list) or len(v) >= a,
    "maxItems": lambda a, v, s, r: not isinstance(v, list) or len(v) <= a,
    "minProperties": lambda a, v, s, r: not isinstance(v, dict) or len(v) >= a,
    "maxProperties": lambda a, v, s, r: not isinstance(v, dict) or len(v) <= a,
    "pattern": lambda a, v, s, r: not isinstance(v, str) or re.search(a, v) is not None,
    "minLength": lambda a, v, s, r: not isinstance(v, str) or len(v) >= a,
    "maxLength": lambda a, v, s, r: not isinstance(v, str) or len(v) <= a,
    "minimum": lambda a, v, s, r: not isinstance(v, int | float) or v >= a,
    "maximum": lambda a, v, s, r: not isinstance(v, int | float) or v <= a,
}
