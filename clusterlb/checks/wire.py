"""What the controller and its check engine say to each other: JSON, one object a line.

To the engine: ``{"add": [[ID, KEY], ...]}``, ``{"remove": [ID, ...]}``, ``{"now": [ID, ...]}``, and
``{"files": [[PATH, BASE64], ...]}`` for what only root may read; an ID is a number that the client gives a
key for good. From the engine: ``{"seen": [[ID, OK, AT, TOOK, DETAIL], ...]}``, where SHARE, WARNING and
PHASES follow if an observation has one of them; ``{"unsent": [[ID, REASON], ...]}``, once, for what has no
observations from then on; and once a second ``{"beat": {COUNTER: VALUE, ...}}``. Times
of observations are whole microseconds: a float costs four times as much to write.
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

NOBODY = "nobody"  # the user whom the engine runs as unless another is named
ROWS = 256  # most rows in one line, so that neither side is held up by one
DETAIL = 500  # most characters of a detail that are passed on

MICRO = 1_000_000

# What an observation has beyond the first four: most have nothing, and that is not said.
NOTHING_MORE = (None, "", ())

Row = tuple[Any, ...]


def refuse_times(key: ProbeKey) -> None:
    """Raise ValueError where the engine could not keep a key's times."""
    spec = key.spec
    if not (spec.interval > 0 and spec.timeout > 0):
        raise ValueError(
            f"the check of {key.endpoint} has interval {spec.interval:g} s and timeout {spec.timeout:g} s: "
            "both must be more than 0"
        )


def encode_key(key: ProbeKey) -> dict[str, Any]:
    """Return a key as JSON has it."""
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
    """Return an observation of the key with this ID as JSON has it."""
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
    """Return one and the same object for all that are equal: thousands of keys have few specifications."""
    return spec


def _endpoint(endpoint: Endpoint) -> tuple[str, int]:
    return str(endpoint.address), endpoint.port


def _tuples(value: Any) -> Any:
    """Return JSON's lists as the tuples they were."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def lines(word: str, rows: Iterable[Any]) -> Iterator[bytes]:
    """Write rows under one word, at most ROWS to a line; no more rows are asked for than are in a line."""
    row = iter(rows)
    while some := list(islice(row, ROWS)):
        yield line({word: some})


def line(message: dict[str, Any]) -> bytes:
    """Write one message."""
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
