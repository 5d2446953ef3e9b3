"""What the controller and its check engine say to each other: JSON, one object a line.

To the engine: ``{"add": [[ID, KEY], ...]}``, ``{"remove": [ID, ...]}``, ``{"now": [ID, ...]}``; an ID is a
number that the client gives a key for good. From the engine: ``{"seen": [[ID, OK, AT, TOOK, DETAIL,
SHARE, WARNING, PHASES], ...]}``
and once a second ``{"beat": {COUNTER: VALUE, ...}}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from ipaddress import ip_address
from typing import Any

from clusterlb.model.address import Endpoint
from clusterlb.model.check import OPTIONS, CheckType, ProbeSpec, TlsOptions
from clusterlb.model.health import Observation, ProbeKey, Through

ROWS = 256  # most rows in one line, so that neither side is held up by one
DETAIL = 500  # most characters of a detail that are passed on

Row = tuple[int, bool, float, float, str, int | None, str, tuple[tuple[str, float], ...]]


def encode_key(key: ProbeKey) -> dict[str, Any]:
    """Return a key as JSON has it. ValueError where the engine could not keep its times."""
    spec = key.spec
    if not (spec.interval > 0 and spec.timeout > 0):
        raise ValueError(
            f"the check of {key.endpoint} has interval {spec.interval:g} s and timeout {spec.timeout:g} s: "
            "both must be more than 0"
        )
    values = {
        "type": spec.type.value,
        "interval": spec.interval,
        "timeout": spec.timeout,
        "options": asdict(spec.options),
    }
    through = key.through and [*_endpoint(key.through.vip), key.through.mark]
    return {"target": _endpoint(key.endpoint), "spec": values, "through": through}


def decode_key(values: dict[str, Any]) -> ProbeKey:
    """Return the key that ``encode_key`` wrote."""
    given = values["spec"]
    kind = CheckType(given["type"])
    options = {name: _tuples(value) for name, value in given["options"].items()}
    if options.get("tls"):
        options["tls"] = TlsOptions(**options["tls"])
    spec = ProbeSpec(kind, given["interval"], given["timeout"], OPTIONS[kind](**options))
    through = None
    if values["through"]:
        address, port, mark = values["through"]
        through = Through(Endpoint(ip_address(address), port), mark)
    address, port = values["target"]
    return ProbeKey(Endpoint(ip_address(address), port), spec, through)


def encode_row(number: int, seen: Observation) -> Row:
    """Return an observation of the key with this ID as JSON has it."""
    phases = tuple((name, round(at, 6)) for name, at in seen.phases)
    return (
        number,
        seen.ok,
        round(seen.at, 6),
        round(seen.took, 6),
        seen.detail[:DETAIL],
        seen.share,
        seen.warning[:DETAIL],
        phases,
    )


def decode_row(row: Sequence[Any]) -> tuple[int, Observation]:
    """Return the ID and the observation that ``encode_row`` wrote."""
    number, ok, at, took, detail, share, warning, phases = row
    return number, Observation(ok, at, took, detail, share, warning, _tuples(phases))


def _endpoint(endpoint: Endpoint) -> tuple[str, int]:
    return str(endpoint.address), endpoint.port


def _tuples(value: Any) -> Any:
    """Return JSON's lists as the tuples they were."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def lines(word: str, rows: Sequence[Any]) -> Iterator[bytes]:
    """Write rows under one word, at most ROWS to a line."""
    for begin in range(0, len(rows), ROWS):
        yield line({word: rows[begin : begin + ROWS]})


def line(message: dict[str, Any]) -> bytes:
    """Write one message."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
