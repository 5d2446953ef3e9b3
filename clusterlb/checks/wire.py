"""The messages between the controller and its check engine: JSON, one object a line.

To the engine: ``{"add": [[ID, KEY], ...]}``, ``{"remove": [ID, ...]}``, ``{"now": [ID, ...]}``, and
``{"files": [[PATH, BASE64], ...]}`` for files that only root may read; an ID is a number that the client
gives a key for good. From the engine: ``{"seen": [[ID, OK, AT, TOOK, DETAIL], ...]}``, where SHARE, WARNING
and PHASES follow if an observation has one of them; ``{"unsent": [[ID, REASON], ...]}``, once, for keys that
have no observations from then on; and once a second ``{"beat": {COUNTER: VALUE, ...}}``. Times of
observations are whole microseconds: a float takes four times as long to write.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import lru_cache
from ipaddress import ip_address
from itertools import islice
from typing import Any

from clusterlb.model.address import Endpoint
from clusterlb.model.check import OPTIONS, CheckType, ProbeSpec, TlsOptions
from clusterlb.model.health import Observation, ProbeKey, Through

NOBODY = "nobody"  # the engine's user unless another is named
ROWS = 256  # most rows in one line, so that no line keeps either side busy for long
DETAIL = 500  # most characters of a detail that are sent

MICRO = 1_000_000

# The share, warning and phases of most observations, which are not sent.
NOTHING_MORE = (None, "", ())

Row = tuple[Any, ...]


def refuse_times(key: ProbeKey) -> None:
    """Raise ValueError for a key whose interval or timeout is not above 0."""
    spec = key.spec
    if not (spec.interval > 0 and spec.timeout > 0):
        raise ValueError(
            f"the check of {key.endpoint} has interval {spec.interval:g} s and timeout {spec.timeout:g} s: "
            "both must be more than 0"
        )


def encode_key(key: ProbeKey) -> dict[str, Any]:
    """Return a key's JSON form."""
    spec = key.spec
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
    spec = _shared(ProbeSpec(kind, given["interval"], given["timeout"], OPTIONS[kind](**options)))
    through = None
    if values["through"]:
        address, port, mark = values["through"]
        through = Through(Endpoint(ip_address(address), port), mark)
    address, port = values["target"]
    return ProbeKey(Endpoint(ip_address(address), port), spec, through)


def encode_row(number: int, seen: Observation) -> Row:
    """Return the JSON form of an observation of the key with this ID."""
    row = (number, seen.ok, int(seen.at * MICRO), int(seen.took * MICRO), seen.detail[:DETAIL])
    if seen[4:] == NOTHING_MORE:
        return row
    _, _, _, _, share, warning, phases = seen
    return *row, share, warning[:DETAIL], [(name, int(then * MICRO)) for name, then in phases]


def decode_row(row: Sequence[Any]) -> tuple[int, Observation]:
    """Return the ID and the observation that ``encode_row`` wrote."""
    number, ok, at, took, detail, *rest = row
    if not rest:
        return number, Observation(ok, at / MICRO, took / MICRO, detail)
    share, warning, phases = rest
    reached = tuple((name, then / MICRO) for name, then in phases)
    return number, Observation(ok, at / MICRO, took / MICRO, detail, share, warning, reached)


@lru_cache(maxsize=1024)
def _shared(spec: ProbeSpec) -> ProbeSpec:
    """Return the same object for equal specifications: thousands of keys share a few."""
    return spec


def _endpoint(endpoint: Endpoint) -> tuple[str, int]:
    return str(endpoint.address), endpoint.port


def _tuples(value: Any) -> Any:
    """Convert JSON's lists back to tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def lines(word: str, rows: Iterable[Any]) -> Iterator[bytes]:
    """Yield the lines with these rows under one word, at most ROWS in each; takes rows only as needed."""
    row = iter(rows)
    while some := list(islice(row, ROWS)):
        yield line({word: some})


def line(message: dict[str, Any]) -> bytes:
    """Return the line of one message."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
