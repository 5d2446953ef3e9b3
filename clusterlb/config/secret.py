"""Mask the secrets in an inventory's text: excerpts in problems go to the log and the status."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# The values of these keys are secret, or may be: headers, and texts that log in to a server.
SECRET = frozenset({"md5_key", "headers", "send"})

# All other keys of an inventory. The values of unknown keys are masked too, unless the key is a name or
# similar to one of these: the key may be a secret one, misspelt or in the wrong place.
PLAIN = frozenset(
    re.findall(
        r"\w+",
        """
        active address addresses announce announce_when answer area area_type argv at authority
        bfd body body_limit ca carrier certificate check checks checksum ciphers cluster
        connections conntrack cost costs cron dead deadline default_originate descriptors
        destinations digest director_checks directors down drained expect fall flags
        flow_memory flows_on_down for forwarding fwmark graceful_restart group ha hello helo hold host
        initial inside interfaces interval ipv4 ipv6 key key_chain legacy_renegotiation
        local_addresses log_connections lower_threshold maintenance max_active max_drained
        max_removed md5_key_id members method min_announcers mode multiplier name need netmask
        network not_body notrack of on_down order ospf ospf_full pace panic path peer_address
        peers persistence pool pools port ports preempt probes protocol quorum rcode reason
        record retransmit rise router_id scheduler sctp server_name service services size
        slow_start snat_pools sorry sources standby starttls status suspect tcp tcp_fin time_zone
        timeout timeouts tls tunnel type udp up uplinks upper_threshold via vip_prefixes vips
        vrid warn_expiry weight weight_header
        """,
    )
)

_NAMED = frozenset({"directors", "pools", "vips", "snat_pools"})  # sections whose keys are names or addresses
_ALIKE = 0.8  # of difflib's ratio: `intervall` is `interval`, `api_key` is not `key`
_TOO_SHORT = frozenset({"key"})  # many names of secrets are similar to it
_QUERY = re.compile(r"(?<=\?)[^\s\"']+|(?<=//)[^\s/@\"']+(?=@)")  # in a URL: the query, the user and password
_KEY = re.compile(r"[\w.:/-]+")
_COMMENT = re.compile(r"#[^\n]*")  # may hold an old secret
_WORD = re.compile(r"[^\s{}\[\],]+")
_PLAIN_VALUE = re.compile(
    r"-|[0-9][0-9.]*(?:ms|s|m|h|%)?|[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*(?:/[0-9]+)?|true|false|null"
)


def hidden(key: str, level: int = 99, above: str = "") -> bool:
    """Say whether a key's value is masked; at ``level`` 1, below the section ``above``, keys are names."""
    if level == 1 and above in _NAMED and key not in SECRET:
        return False
    return key in SECRET or (key not in PLAIN and not _alike(key))


@lru_cache(maxsize=1024)
def _alike(key: str) -> bool:
    known = (PLAIN | SECRET) - _TOO_SHORT
    return not SECRET.issuperset(difflib.get_close_matches(key[:40], known, n=1, cutoff=_ALIKE))


def without_queries(text: str) -> str:
    """Mask the parts of URLs that may be secret: the query, and the user with the password."""
    return _QUERY.sub("***", text)


def mask(text: str) -> str:
    """Return the text with asterisks for its secrets; lines and columns stay the same.

    In the part that libyaml can parse, values are masked by their keys. After the point where libyaml stops,
    keys and values are searched for line by line, and doubtful text is masked.
    """
    spans, read = _read(text)
    if read < len(text):
        spans += _doubtful(text, text.rfind("\n", 0, read) + 1)
    parts, at = [], 0
    for begin, end in sorted(spans):
        if end > at:
            parts += [text[at : max(at, begin)], re.sub(r"\S", "*", text[max(at, begin) : end])]
            at = end
    return "".join((*parts, text[at:]))


@dataclass(slots=True)
class _Open:
    """A collection. ``key``: without its value yet; ``below``: mask this value; ``hidden``: mask all."""

    mapping: bool
    hidden: bool
    level: int
    above: str
    key: str | None = None
    below: bool = False


def _read(text: str) -> tuple[list[tuple[int, int]], int]:
    """Return the spans to mask in the part that can be parsed, and the end of this part."""
    import yaml  # noqa: PLC0415 - the controller does not import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    spans: list[tuple[int, int]] = []
    stack: list[_Open] = []
    at = read = 0  # the ends of the last event and of the last scalar
    try:
        for event in yaml.parse(text, Loader=loader):
            if isinstance(event, yaml.NodeEvent):
                _node(event, stack, spans, text)
            elif isinstance(event, yaml.CollectionEndEvent):
                stack.pop()
                if stack:
                    stack[-1].key = None
            if event.start_mark is not None and event.end_mark is not None:
                between = _COMMENT.finditer(text[at : event.start_mark.index])
                spans += [(at + comment.start(), at + comment.end()) for comment in between]
                at = max(at, event.end_mark.index)
                read = at if isinstance(event, yaml.ScalarEvent) else read
    except (yaml.YAMLError, _OddKeyError):
        return spans, read
    return spans, len(text)


class _OddKeyError(Exception):
    """A key is a list or a mapping, so the rest of the text has no meaning."""


def _node(event: Any, stack: list[_Open], spans: list[tuple[int, int]], text: str) -> None:
    top = stack[-1] if stack else None
    begin, end = event.start_mark.index, event.end_mark.index
    if top is not None and top.mapping and top.key is None:
        key = getattr(event, "value", None)
        if key is None:
            raise _OddKeyError
        # a header's name is no secret; a key of several words comes from a misplaced quote
        if (top.hidden and top.above != "headers") or not _KEY.fullmatch(key):
            spans.append((begin, end))
        top.key = key
        top.below = top.hidden or hidden(key, top.level, top.above)
        return
    below = top is not None and (top.below if top.mapping else top.hidden)
    kind = type(event).__name__
    if kind in ("MappingStartEvent", "SequenceStartEvent"):
        level = 0 if top is None else top.level + 1
        above = "" if top is None or top.key is None else top.key
        stack.append(_Open(kind == "MappingStartEvent", below, level, above))
        if below and (event.anchor or event.tag):
            spans.append((begin, end))
        return
    # a scalar where an inventory has none, or over several lines, comes from a misplaced quote
    misplaced = top is None or not top.level or (top.level == 1 and top.above in _NAMED)
    misplaced = misplaced or "\n" in text[begin:end]
    spans += [(begin, end)] if below or misplaced else _queries(text, begin, end)
    if top is not None:
        top.key = None


def _doubtful(text: str, begin: int) -> list[tuple[int, int]]:
    """Return the spans to mask in text that is not YAML: all but known keys, numbers and addresses.

    The context of a word is unknown there, as quotes and brackets may be missing anywhere before it.
    """
    spans: list[tuple[int, int]] = []
    goes_on = False  # the next lines are the value of a masked key
    for found in re.finditer(r"[^\n]+", text[begin:]):
        line, at = found[0], begin + found.start()
        until = 0 if goes_on else len(line)
        for word in _WORD.finditer(line, 0, until):
            name = word[0].removesuffix(":").strip("\"'")
            if word[0].endswith(":") and hidden(name):
                until = word.end() if name in SECRET else word.start()
                break
            if not word[0].endswith(":") and not _PLAIN_VALUE.fullmatch(word[0]):
                spans.append((at + word.start(), at + word.end()))
        goes_on = not line[until:].strip(" :") if until < len(line) else bool(goes_on and not line.strip())
        spans.append((at + until, at + len(line)))
    return spans


def _queries(text: str, begin: int, end: int) -> list[tuple[int, int]]:
    return [(begin + found.start(), begin + found.end()) for found in _QUERY.finditer(text[begin:end])]
