"""Which lines of FRR open a context, and which lines give one value to one thing.

Sources: the context tree of tools/frr-reload.py (load_contexts) and, for the values, ospfd/ospf_vty.c,
ospf6d/ospf6_interface.c, ospf6d/ospf6_top.c and bfdd/bfdd_cli.c of FRR 8.4.
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
    r"|(set (?:metric|metric-type|tag)) \S+"
    r"|((?:detect-multiplier|transmit-interval|receive-interval|echo-interval|minimum-ttl)) \d+"
    r")"
)
_AREA = re.compile(r"(?:ip ospf|ipv6 ospf6) area ")


def opens_context(context: Sequence[str], text: str) -> bool:
    """Say whether a line, standing in these contexts, is the header of a context of its own."""
    tree: Tree | None = _TREE
    for header in context:
        tree = _below(tree, header)
        if tree is None:
            return False
    return _below(tree, text) is not None


def _below(tree: Tree | None, text: str) -> Tree | None:
    for keyword, children in (tree or {}).items():
        if text == keyword or text.startswith(keyword if keyword.endswith(" ") else keyword + " "):
            return children
    return None


def slot(text: str) -> str:
    """Name what a line sets: two lines of one context with the same slot replace each other.

    A line and its ``no`` form share one, and so do ``ip ospf cost 5`` and ``ip ospf cost 10``. A line that
    may stand beside others of its kind (``ip route``, ``neighbor``, a cost with an address) is its own slot.
    """
    positive = text.removeprefix("no ")
    match = _ONE_VALUE.fullmatch(positive)
    return next(filter(None, match.groups()), positive) if match else positive


def changes_in_place(text: str) -> bool:
    """Say whether FRR takes a new value over the old one, without a ``no`` in between.

    It refuses a second area ("Must remove previous area config before changing ospf area").
    """
    return not _AREA.match(text.removeprefix("no "))


def starts_ospf(text: str) -> bool:
    """Say whether a line of an interface starts OSPF on it (where ``router ospf`` is there)."""
    return _AREA.match(text) is not None
