"""Firewall marks that keep anchored flows on their members.

The controller owns the maps. What it has to know of their flows, the kernel notes in sets: which have spoken,
which are ending, and whose client has begun anew with the same port. nft 1.0.6 cannot have packets change a
map of four IPv6 fields, and it can have them change such a set.
"""

from __future__ import annotations

from collections.abc import Iterator

from clusterlb.core.anchors import PROTOCOLS, map_name
from clusterlb.core.nft.part import MARK, WORDS, Part, chain, is_of
from clusterlb.model.address import family_of
from clusterlb.model.anchor import Anchors, Bindings
from clusterlb.model.ipvs import Protocol
from clusterlb.model.marks import ANCHOR_MARKS
from clusterlb.model.rules import Element, NamedSet

SPOKE, ENDING, REOPENED = "spoke", "ending", "reopened"
"""The kinds of sets that the kernel fills with anchored flows; a name has protocol and family, too."""

_NOTED = """  set {name} {{
    type {kind}
    size 65536
    flags dynamic,timeout
    timeout {lives}
  }}
"""
# Longer than from one look of the controller to the next, for it is to see each.
_LIVES = {SPOKE: "2m", ENDING: "2m", REOPENED: "10m"}


def anchored(anchors: Anchors, bindings: Bindings) -> Part:
    """Return the part for these anchors; nothing where there are none."""
    marks = {binding: MARK.format(key.fwmark) for key, binding in bindings.items()}
    elements: dict[str, dict[Element, str]] = {}
    for flow, anchor in anchors.items():
        name = map_name(flow.protocol, WORDS[family_of(flow.vip)].suffix)
        key = str(flow.client), str(flow.client_port), str(flow.vip), str(flow.port)
        elements.setdefault(name, {})[key] = marks[anchor.binding]
    text = ""
    sets = {}
    rules: list[str] = []
    for words in WORDS.values():
        kind = f"{words.type} . inet_service . {words.type} . inet_service"
        for protocol in PROTOCOLS:
            name = map_name(protocol, words.suffix)
            if name in elements:
                sets[name] = NamedSet(kind, "mark", elements=elements[name])
                for noted in _noted_of(protocol):
                    note = note_name(noted, protocol, words.suffix)
                    text += _NOTED.format(name=note, kind=kind, lives=_LIVES[noted])
                rules += _rules(protocol, words.ip, words.suffix)
    return Part(text + chain("anchored", "prerouting priority mangle - 1", rules), sets)


def note_name(noted: str, protocol: Protocol, suffix: str) -> str:
    """Return the name of a set that the kernel fills."""
    return f"{noted}_{protocol.name.lower()}{suffix}"


def notes(anchors: Anchors) -> Iterator[tuple[str, str, Protocol]]:
    """Yield the sets that the kernel fills for these anchors: what is noted, the set's name, the protocol."""
    for protocol, family in sorted({(flow.protocol, family_of(flow.vip)) for flow in anchors}):
        for noted in _noted_of(protocol):
            yield noted, note_name(noted, protocol, WORDS[family].suffix), protocol


def _noted_of(protocol: Protocol) -> tuple[str, ...]:
    return (SPOKE, ENDING, REOPENED) if protocol is Protocol.TCP else (SPOKE,)


def _rules(protocol: Protocol, ip: str, suffix: str) -> Iterator[str]:
    """Yield the rules of one map. Packets of other flows pass two: the look into the map, and the way out."""
    proto = protocol.name.lower()
    flow = f"{ip} saddr . {proto} sport . {ip} daddr . {proto} dport"
    anchor = f"meta mark {is_of(ANCHOR_MARKS)}"
    yield f"meta mark set {flow} map @{map_name(protocol, suffix)}"
    if protocol is Protocol.TCP:
        again = note_name(REOPENED, protocol, suffix)
        begins = f"{anchor} tcp flags & (fin | syn | rst | ack) == syn"
        yield f"{begins} {_note(again, flow)} meta mark set 0"
        yield f"{anchor} {flow} @{again} meta mark set 0"
        yield f"{anchor} tcp flags & (fin | rst) != 0 {_note(note_name(ENDING, protocol, suffix), flow)}"
    yield f"{anchor} {_note(note_name(SPOKE, protocol, suffix), flow)}"


def _note(name: str, flow: str) -> str:
    return f"update @{name} {{ {flow} }}"
