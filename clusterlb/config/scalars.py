"""What a plain YAML scalar means: the core schema of YAML 1.2 (10.3.2).

YAML 1.1 reads ``65000:10`` as the base-60 number 3900010, ``on`` and ``no`` as booleans and ``010`` as 8;
here they are text, text and 10.
"""

from __future__ import annotations

import re

Value = str | int | float | bool | None

_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(
    r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("null", "Null", "NULL", "~", "")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_FIRST = frozenset("0123456789+-.")
_LONGEST = 100  # digits; Python refuses to convert thousands of them, and nobody writes a hundred


def resolve(text: str) -> Value:
    """Return what an unquoted scalar stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIRST or len(text) > _LONGEST:
        return text
    if _INT.fullmatch(text):
        base = {"0o": 8, "0x": 16}.get(text[:2], 10)
        return int(text, base)
    if _FLOAT.fullmatch(text):
        return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
    return text


def tagged(text: str, tag: str) -> Value:
    """Return a scalar with an explicit core tag (``str``, ``int``, ``float``, ``bool``, ``null``).

    Raises ValueError when the text is not of that type.
    """
    if tag == "str":
        return text
    value = resolve(text)
    if tag == "float" and type(value) is int:
        return float(value)
    if type(value).__name__ != {"null": "NoneType"}.get(tag, tag):
        raise ValueError(f"`{text}` is not of type !!{tag}")
    return value
