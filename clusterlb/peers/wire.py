"""The messages of the peer channel, as bytes.

A message is one binary WebSocket message (RFC 6455): a letter for its kind, then the content, in JSON where
there is little of it. Times travel as ages, since no two directors have the same clock. A reader passes over
kinds that it does not know, so that a newer peer may say more.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from typing import Any

from clusterlb.model.address import Endpoint, IPAddress
from clusterlb.model.anchor import Sighting
from clusterlb.model.flow import Flow
from clusterlb.model.ipvs import DestinationKey, Protocol

VERSION = 1
"""Two peers with different versions do not talk. Only what an old reader would misread needs a new one."""

LARGEST = 1 << 20
"""Bytes of a message, at most."""

AT_ONCE = 2048
"""Sightings of a message, at most: a reader works on them for some 10 ms."""

SERVICES = 16_384
"""Services in a message of tables, at most."""


class WireError(Exception):
    """A message that no director sends; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What each end says first."""

    version: int
    cluster: str
    director: str


@dataclass(frozen=True, slots=True)
class PeerTables:
    """The digest of the table of each service, by the service's name."""

    digests: dict[str, str]


@dataclass(frozen=True, slots=True)
class Sightings:
    """What the sender has seen of anchored flows. ``number``: what the reader acknowledges."""

    number: int
    seen: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class Complete:
    """The reader has now been told everything. ``joined``: the sender has itself heard all from others."""

    joined: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """The reader has taken in what came up to this number."""

    number: int


Message = Hello | PeerTables | Sightings | Complete | Taken

_HEAD = struct.Struct("!II")  # the number, and the length of the list of members
# protocol, client, its port, VIP, port, member's place in the list, age in seconds
_FLOWS = {4: struct.Struct("!B4sH4sHHI"), 6: struct.Struct("!B16sH16sHHI")}
_KIND = {4: b"4", 6: b"6"}
_OVER = 0xFFFF  # in a member's place
_OLDEST = 0xFFFFFFFF
_ADDRESS: dict[int, Callable[[bytes], IPAddress]] = {4: IPv4Address, 6: IPv6Address}


def encode(message: Hello | PeerTables | Complete | Taken) -> bytes:
    """Return a message without sightings as bytes."""
    match message:
        case Hello(version, cluster, director):
            return b"H" + _json({"version": version, "cluster": cluster, "director": director})
        case PeerTables(digests):
            return b"T" + _json(digests)
        case Complete(joined):
            return b"C" + _json({"joined": joined})
        case Taken(number):
            return b"A" + _json({"number": number})


def encode_sightings(seen: Iterable[Sighting], numbers: Iterator[int], now: float) -> Iterator[bytes]:
    """Yield messages of sightings, each with the next of ``numbers``; ``now`` is by their times' clock."""
    by_family: dict[int, list[Sighting]] = {4: [], 6: []}
    for sighting in seen:
        by_family[sighting.flow.vip.version].append(sighting)
    for version, sightings in by_family.items():
        rest = iter(sightings)
        while part := list(islice(rest, AT_ONCE)):
            yield _KIND[version] + _flows(part, version, next(numbers), now)


def decode(data: bytes, now: float) -> Message | None:
    """Return what a message says, None for a kind that is not known here; raise WireError.

    ``now``: the reader's clock, in which the times of sightings are from then on.
    """
    kind, content = data[:1], data[1:]
    match kind:
        case b"H":
            found = _object(content)
            return Hello(_number(found, "version"), _text(found, "cluster"), _text(found, "director"))
        case b"T":
            found = _object(content)
            if len(found) > SERVICES:
                raise WireError(f"tables of {len(found)} services")
            return PeerTables({name: _text(found, name) for name in found})
        case b"C":
            return Complete(_object(content).get("joined") is True)
        case b"A":
            return Taken(_number(_object(content), "number"))
        case b"4" | b"6":
            return _sightings(content, int(kind), now)
    return None


def _flows(seen: Sequence[Sighting], version: int, number: int, now: float) -> bytes:
    members = {member: place for place, member in enumerate(_members(seen))}
    listed = _json([str(member) for member in members])
    record = _FLOWS[version]
    return (
        _HEAD.pack(number, len(listed))
        + listed
        + b"".join(
            record.pack(
                flow.protocol,
                flow.client.packed,
                flow.client_port,
                flow.vip.packed,
                flow.port,
                _OVER if destination is None else members[destination],
                min(max(int(now - at), 0), _OLDEST),
            )
            for flow, destination, at in seen
        )
    )


def _members(seen: Sequence[Sighting]) -> list[DestinationKey]:
    return list(dict.fromkeys(each.destination for each in seen if each.destination is not None))


def _sightings(content: bytes, version: int, now: float) -> Sightings:
    if len(content) < _HEAD.size:
        raise WireError("sightings without a head")
    number, length = _HEAD.unpack_from(content)
    listed, rest = content[_HEAD.size : _HEAD.size + length], content[_HEAD.size + length :]
    record = _FLOWS[version]
    if len(rest) % record.size or len(rest) > AT_ONCE * record.size:
        raise WireError(f"sightings of {len(rest)} bytes")
    members = _destinations(listed)
    return Sightings(number, tuple(_read(rest, version, members, now)))


def _read(rest: bytes, version: int, members: Sequence[DestinationKey], now: float) -> Iterator[Sighting]:
    address = _ADDRESS[version]
    protocols = {int(protocol): protocol for protocol in (Protocol.TCP, Protocol.UDP)}
    for number, client, client_port, vip, port, place, age in _FLOWS[version].iter_unpack(rest):
        protocol = protocols.get(number)
        if protocol is None or (place != _OVER and place >= len(members)):
            raise WireError(f"a sighting with protocol {number} and member {place} of {len(members)}")
        flow = Flow(protocol, address(client), client_port, address(vip), port)
        yield Sighting(flow, None if place == _OVER else members[place], now - age)


def _destinations(listed: bytes) -> list[DestinationKey]:
    found = _parse(listed)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise WireError("members that are no list of texts")
    try:
        return [DestinationKey(*Endpoint.parse(each)) for each in found]
    except ValueError as error:
        raise WireError(f"a member: {error}") from error


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _parse(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise WireError(f"not JSON: {error}") from error


def _object(content: bytes) -> dict[str, Any]:
    found = _parse(content)
    if not isinstance(found, dict):
        raise WireError("JSON that is no object")
    return found


def _number(found: dict[str, Any], name: str) -> int:
    value = found.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
        raise WireError(f"{name} is {str(value)[:40]!r}, not a number")
    return value


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str) or len(value) > 255:
        raise WireError(f"{name} is {str(value)[:40]!r}, not a short text")
    return value
