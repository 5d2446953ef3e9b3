"""FRR's lines: which lines open a context, and which lines replace each other.

Sources: the context tree of tools/frr-reload.py (load_contexts) and, for the values, ospfd/ospf_vty.c,
ospf6d/ospf6_interface.c, ospf6d/ospf6_top.c, vrrpd/vrrp_vty.c and bfdd/bfdd_cli.c of FRR 8.4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeAlias

Tree: TypeAlias = Mapping[str, "Tree"]

_NONE: Tree = {}
_TREE: Tree = {
    "router bgp ": {
        "address-family ": {"vni ": _NONE},
        "vnc defaults": _NONE,
        "vnc nve-group ": _NONE,
        "vnc l2-group ": _NONE,
        "vrf-policy ": _NONE,
        "bmp targets ": _NONE,
        "segment-routing srv6": _NONE,
    },
    "router ": _NONE,
    "mpls ldp": {"address-family ": {"interface ": _NONE}},
    "l2vpn ": {"member pseudowire ": _NONE},
    "key chain ": {"key ": _NONE},
    "vrf ": _NONE,
    "interface ": {"link-params": _NONE},
    "pseudowire ": _NONE,
    "segment-routing": {
        "traffic-eng": {
            "segment-list ": _NONE,
            "policy ": {"candidate-path ": _NONE},
            "pcep": {"pcc": _NONE, "pce ": _NONE, "pce-config ": _NONE},
        },
        "srv6": {"locators": {"locator ": _NONE}},
    },
    "nexthop-group ": _NONE,
    "route-map ": _NONE,
    "pbr-map ": _NONE,
    "rpki": _NONE,
    "bfd": {"peer ": _NONE, "profile ": _NONE},
    "line vty": _NONE,
}

_ONE_VALUE = re.compile(
    r"(?:"
    r"((?:ip ospf|ipv6 ospf6) (?:area|cost|hello-interval|retransmit-interval|transmit-delay|priority)) \S+"
    r"|((?:ip ospf|ipv6 ospf6) dead-interval) (?:\d+|minimal hello-multiplier \d+)"
    r"|((?:ip ospf|ipv6 ospf6) network) \S+.*"
    r"|((?:ip ospf|ipv6 ospf6) bfd profile) \S+"
    r"|(ip ospf bfd) \d+ \d+ \d+"
    r"|(ip ospf authentication) (?:message-digest|null|key-chain \S+)"
    r"|(ipv6 ospf6 authentication) keychain \S+"
    r"|(ip ospf authentication-key) \S+"
    r"|(ip ospf message-digest-key \d+) md5 \S+"
    r"|(ospf6? router-id) \S+"
    r"|(maximum-paths) \d+"
    r"|(timers throttle (?:spf|lsa all)) .+"
    r"|(timers lsa min-arrival) \d+"
    r"|(redistribute kernel)(?: .+)?"
    r"|(default-information originate)(?: .+)?"
    r"|(graceful-restart)(?: grace-period \d+)?"
    r"|(ip(?:v6)? prefix-list \S+ seq \d+) .+"
    r"|(vrrp \d+ (?:priority|advertisement-interval|version)) \d+"
    r"|(set (?:metric|metric-type|tag)) \S+"
    r"|((?:detect-multiplier|transmit-interval|receive-interval|echo-interval|minimum-ttl)) \d+"
    r")"
)
_PHRASES = tuple(
    tuple(phrase.split())
    for phrase in (
        "interface",
        "route-map",
        "mpls ldp",
        "key chain",
        *(f"{ip} prefix-list" for ip in ("ip", "ipv6")),
        *(f"router {name}" for name in ("ospf", "ospf6", "bgp", "isis", "rip", "ripng", "eigrp", "babel")),
        *(
            f"{ospf} {setting}"
            for ospf in ("ip ospf", "ipv6 ospf6")
            for setting in (
                "area",
                "authentication",
                "bfd",
                "bfd profile",
                "cost",
                "dead-interval",
                "dead-interval minimal hello-multiplier",
                "hello-interval",
                "network",
                "passive",
                "priority",
                "retransmit-interval",
            )
        ),
        "ip ospf message-digest-key",
        "ospf router-id",
        "ospf6 router-id",
        "timers throttle spf",
        "timers throttle lsa all",
        "timers lsa min-arrival",
        "redistribute kernel",
        "graceful-restart",
        "default-information originate",
        "detect-multiplier",
        "transmit-interval",
        "receive-interval",
    )
)
# bfdd/bfdd_cli.c, ospf6d/ospf6_top.c, ripd/rip_cli.c
_SETTINGS = (("peer ", "profile "), ("router ospf6", "interface "), ("router rip", "route-map "))
_AREA = re.compile(r"(?:ip ospf|ipv6 ospf6) area ")


def opens_context(context: Sequence[str], text: str) -> bool:
    """Say whether a line in these contexts is the header of another context."""
    return keyword(context, text) is not None


def keyword(context: Sequence[str], text: str) -> str | None:
    """Return the key of ``_TREE`` for a header, which is the kind of its context; None for other lines."""
    tree: Tree = _TREE
    for header in context:
        word = _word(tree, header)
        if word is None:
            return None
        tree = tree[word]
    return _word(tree, text)


def _word(tree: Tree, text: str) -> str | None:
    for word in tree:
        if text == word or text.startswith(word if word.endswith(" ") else word + " "):
            return word
    return None


def is_setting(context: Sequence[str], text: str) -> bool:
    """Say whether a line, which is a header in an outer context, is or begins a setting of these contexts.

    While such a context is open, FRR opens no new context for the line. FRR refuses half a setting.
    """
    return bool(context) and any(
        context[-1].startswith(header) and text.startswith(word) for header, word in _SETTINGS
    )


def stays_in(context: Sequence[str], text: str) -> bool:
    """Say whether FRR takes a header for a line of these contexts, and leaves none of them."""
    return opens_context(context, text) or is_setting(context, text)


def spelt_out(text: str) -> str:
    """Return a line with abbreviated keywords of ``_PHRASES`` in full; FRR accepts unambiguous prefixes."""
    negation, positive = ("no ", text[3:]) if text.startswith("no ") else ("", text)
    words = positive.split(" ")
    found = {phrase: _exact(words, phrase) for phrase in _PHRASES if _abbreviates(words, phrase)}
    # as in FRR, an exact keyword has precedence over longer keywords that begin with it
    most = max(found.values(), default=(0, 0))
    best = [phrase for phrase, exact in found.items() if exact == most]
    return negation + " ".join((*best[0], *words[len(best[0]) :])) if len(best) == 1 else text


def _exact(words: Sequence[str], phrase: Sequence[str]) -> tuple[int, int]:
    return sum(map(str.__eq__, words, phrase)), len(phrase)


def _abbreviates(words: Sequence[str], phrase: Sequence[str]) -> bool:
    return len(words) >= len(phrase) and all(map(str.startswith, phrase, words))


def slot(text: str) -> str:
    """Return the name of a line's setting: two lines of one context with the same slot replace each other.

    A line and its ``no`` form have one slot, and so do ``ip ospf cost 5`` and ``ip ospf cost 10``. A line
    that may occur several times (``ip route``, ``neighbor``, a cost with an address) is its own slot.
    """
    positive = text.removeprefix("no ")
    match = _ONE_VALUE.fullmatch(positive)
    return next(filter(None, match.groups()), positive) if match else positive


def changes_in_place(text: str) -> bool:
    """Say whether FRR replaces the old value of a line by a new one, without a ``no`` before.

    FRR refuses a second area ("Must remove previous area config before changing ospf area").
    """
    return not _AREA.match(text.removeprefix("no "))


def starts_ospf(text: str) -> bool:
    """Say whether a line of an interface starts OSPF on the interface, if there is a ``router ospf``."""
    return _AREA.match(text) is not None
