"""Parse ``nft --json --numeric --stateless list table`` of our table (libnftables-json(5)).

nft 1.0.6 leaves out a set's flag ``dynamic`` and its ``typeof``; later ones show both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from clusterlb.drivers.nft.fields import BITS, canonical
from clusterlb.drivers.nft.script import LOADED
from clusterlb.model.rules import ALTERED, Element, NamedSet, Rules

# Keys that differ between two equal tables, the kernel's numbers and counters, or are compared separately.
_PASSING = frozenset({"handle", "packets", "bytes", "used", "elem", "count"})


@dataclass(frozen=True, slots=True)
class Listing:
    """Our table. ``fingerprint``: a hash of the listing; ``seal``: the digest and the hash after loading."""

    sets: Mapping[str, NamedSet]
    fingerprint: str
    seal: str

    def rules(self) -> Rules:
        """Return the table as rules; the digest is ALTERED if the fingerprint is not that of the seal."""
        digest, _, fingerprint = self.seal.partition(" ")
        return Rules(sets=self.sets, digest=digest if fingerprint == self.fingerprint else ALTERED)


def parse(text: str) -> Listing:
    """Return the table of a listing; ValueError for other text, KeyError for a missing part."""
    sets: dict[str, NamedSet] = {}
    lasting = []
    seal = ""
    for kind, what in _objects(text):
        if kind == "rule" and what["chain"] == LOADED:
            seal += what.get("comment", ALTERED)  # our rule is the only one in the chain, and has a comment
            continue
        if kind in ("set", "map") and not _is_dynamic(what):
            sets[what["name"]] = _named_set(what)
        lasting.append([kind, {key: value for key, value in what.items() if key not in _PASSING}])
    fingerprint = sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()[:32]
    return Listing(sets, fingerprint, seal)


def keys(text: str) -> frozenset[Element]:
    """Return the keys of the one set of a listing."""
    return frozenset(
        key for kind, what in _objects(text) if kind == "set" for key in _named_set(what).elements
    )


def _objects(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in json.loads(text)["nftables"]:
        for kind, what in item.items():
            if kind != "metainfo":
                yield kind, what


def _is_dynamic(what: Mapping[str, Any]) -> bool:
    """Say whether the kernel fills a set: nft lists a size for such sets, and for no other set of ours."""
    return "size" in what or "timeout" in what or "dynamic" in what.get("flags", ())


def _named_set(what: Mapping[str, Any]) -> NamedSet:
    kinds, values = _kinds(what["type"]), _kinds(what["map"]) if "map" in what else ()
    elements: dict[Element, str] = {}
    for item in what.get("elem", ()):
        key, value = item if values else (item, None)
        if isinstance(key, dict) and "elem" in key:
            key = key["elem"]["val"]
        elements[_fields(kinds, key)] = " . ".join(_fields(values, value)) if values else ""
    return NamedSet(" . ".join(kinds), " . ".join(values), "interval" in what.get("flags", ()), elements)


def _kinds(written: Any) -> tuple[str, ...]:
    """Return the types of the fields; ``typeof`` for an expression."""
    if isinstance(written, str):
        return tuple(written.split(" . "))
    return tuple(written) if isinstance(written, list) else ("typeof",)


def _fields(kinds: tuple[str, ...], value: Any) -> Element:
    if isinstance(value, dict) and "concat" in value:
        return tuple(map(_text, (*kinds, *kinds[-1:] * len(value["concat"])), value["concat"]))
    return (_text(kinds[0], value),)


def _text(kind: str, value: Any) -> str:
    """Return a field as text; foreign fields may have any form."""
    match value:
        case {"prefix": {"addr": address, "len": length}}:
            return canonical(kind, f"{address}/{length}")
        case {"range": [first, last]}:
            return canonical(kind, f"{first}-{last}")
        case {"jump": {"target": chain}}:
            return f"jump {chain}"
        case {"goto": {"target": chain}}:
            return f"goto {chain}"
        case dict():
            return str(next(iter(value)))  # a verdict, such as {"accept": null}
    # IPv4 addresses have one form only, and are many
    if kind in BITS and kind != "ipv4_addr":
        return canonical(kind, str(value))
    return f'"{value}"' if kind == "ifname" else str(value)
