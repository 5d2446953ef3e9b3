"""What the controller and its check engine say to each other: JSON, one object a line.

To the engine: ``{"add": [[ID, KEY], ...]}``, ``{"remove": [ID, ...]}``, ``{"now": [ID, ...]}``; an ID is a
number that the client gives a key for good. From the engine: ``{"seen": [[ID, OK, AT, TOOK, DETAIL], ...]}``
and once a second ``{"beat": {COUNTER: VALUE, ...}}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import fields
from ipaddress import ip_address
from typing import Any

from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.inventory import CheckSpec, CheckType, Endpoint

ROWS = 256  # most rows in one line, so that neither side is held up by one
DETAIL = 500  # most characters of a detail that are passed on

Row = tuple[int, bool, float, float, str]


def encode_key(key: ProbeKey) -> dict[str, Any]:
    """Return a key as JSON has it. ValueError where the engine could not keep its times."""
    spec = key.spec
    if not (spec.interval > 0 and spec.timeout > 0):
        raise ValueError(
            f"the check of {key.endpoint} has interval {spec.interval:g} s and timeout {spec.timeout:g} s: "
            "both must be more than 0"
        )
    values = {field.name: getattr(spec, field.name) for field in fields(spec)}
    values["type"] = spec.type.value
    return {"address": str(key.endpoint.address), "port": key.endpoint.port, "spec": values}


def decode_key(values: dict[str, Any]) -> ProbeKey:
    """Return the key that ``encode_key`` wrote."""
    spec = {**values["spec"], "type": CheckType(values["spec"]["type"])}
    return ProbeKey(Endpoint(ip_address(values["address"]), values["port"]), CheckSpec(**spec))


def encode_row(number: int, seen: Observation) -> Row:
    """Return an observation of the key with this ID as JSON has it."""
    return number, seen.ok, round(seen.at, 6), round(seen.took, 6), seen.detail[:DETAIL]


def decode_row(row: Sequence[Any]) -> tuple[int, Observation]:
    """Return the ID and the observation that ``encode_row`` wrote."""
    number, ok, at, took, detail = row
    return number, Observation(ok, at, took, detail)


def lines(word: str, rows: Sequence[Any]) -> Iterator[bytes]:
    """Write rows under one word, at most ROWS to a line."""
    for begin in range(0, len(rows), ROWS):
        yield line({word: rows[begin : begin + ROWS]})


def line(message: dict[str, Any]) -> bytes:
    """Write one message."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
