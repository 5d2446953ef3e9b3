"""What of an inventory's text is shown to nobody: a problem's excerpt goes to the log and the status."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# What is under these keys is secret, or may be: a header's value, what logs in to a server.
SECRET = frozenset({"md5_key", "headers", "send"})

# Every other key that an inventory has. What is under any key that is neither here, nor much like one of
# these, nor a name, is hidden, too: it may be a secret one, misspelt or in the wrong place.
PLAIN = frozenset(
    re.findall(
        r"\w+",
        """
        active address addresses announce announce_when answer area area_type argv at authority
        bfd body body_limit ca carrier certificate check checks checksum ciphers cluster
        connections conntrack cost costs cron dead deadline default_originate descriptors
        destinations digest director_checks directors down drained expect fall flags
        flows_on_down for forwarding fwmark graceful_restart group ha hello helo hold host
        initial inside interfaces interval ipv4 ipv6 key key_chain legacy_renegotiation
        local_addresses log_connections lower_threshold maintenance max_active max_drained
        max_removed md5_key_id members method min_announcers mode multiplier name need netmask
        network not_body notrack of on_down order ospf ospf_full pace panic path persistence
        pool pools port ports preempt probes protocol quorum rcode reason record retransmit rise
        router_id scheduler sctp server_name service services size slow_start snat_pools sorry
        sources standby starttls status suspect tcp tcp_fin time_zone timeout timeouts tls
        tunnel type udp up uplinks upper_threshold via vip_prefixes vips vrid warn_expiry weight
        weight_header
        """,
    )
)

_NAMED = frozenset({"directors", "pools", "vips", "snat_pools"})  # whose keys are names, addresses
_ALIKE = 0.8  # of difflib's ratio: `intervall` is `interval`, `api_key` is not `key`
_TOO_SHORT = frozenset({"key"})  # of what is like it, too much is a secret's name
_QUERY = re.compile(r"(?<=\?)[^\s\"']+|(?<=//)[^\s/@\"']+(?=@)")  # a token in a URL, a user and his password
_KEY = re.compile(r"[\w.:/-]+")
_COMMENT = re.compile(r"#[^\n]*")  # of what is no longer used, perhaps
_WORD = re.compile(r"[^\s{}\[\],]+")
_PLAIN_VALUE = re.compile(
    r"-|[0-9][0-9.]*(?:ms|s|m|h|%)?|[0-9A-Fa-f]*[.:][0-9A-Fa-f.:]*(?:/[0-9]+)?|true|false|null"
)


def hidden(key: str, level: int = 99, above: str = "") -> bool:
    """Say whether what is under a key is not to be shown; ``level`` 1 is that of names, under ``above``."""
    if level == 1 and above in _NAMED and key not in SECRET:
        return False
    return key in SECRET or (key not in PLAIN and not _alike(key))


@lru_cache(maxsize=1024)
def _alike(key: str) -> bool:
    known = (PLAIN | SECRET) - _TOO_SHORT
    return not SECRET.issuperset(difflib.get_close_matches(key[:40], known, n=1, cutoff=_ALIKE))


def without_queries(text: str) -> str:
    """Hide what a URL may hold of secrets: a query, and a user with his password."""
    return _QUERY.sub("***", text)


def mask(text: str) -> str:
    """Return a text of the same shape, every line and column in its place, with its secrets as asterisks.

    What libyaml can read is hidden by its place in the tree, whatever its style. From the place where it
    gives up on, keys and values are looked for line by line, and what is in doubt is hidden.
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
    """A collection. ``key`` waits for its value; ``below``: that is hidden; ``hidden``: all of it is."""

    mapping: bool
    hidden: bool
    level: int
    above: str
    key: str | None = None
    below: bool = False


def _read(text: str) -> tuple[list[tuple[int, int]], int]:
    """Return what to hide of what can be read, and up to where it could be."""
    import yaml  # noqa: PLC0415 - a controller has no inventory's text in memory, nor what reads one

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    spans: list[tuple[int, int]] = []
    stack: list[_Open] = []
    at = read = 0  # the end of the last event; of the last scalar, which is what nobody looked ahead for
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
    """A key is a list or a mapping; nothing more of the text means anything."""


def _node(event: Any, stack: list[_Open], spans: list[tuple[int, int]], text: str) -> None:
    top = stack[-1] if stack else None
    begin, end = event.start_mark.index, event.end_mark.index
    if top is not None and top.mapping and top.key is None:
        key = getattr(event, "value", None)
        if key is None:
            raise _OddKeyError
        # a header's name is no secret; several words as a key are what a quote in the wrong place has made
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
    # where no single value of ours belongs, and over several lines, a quote is in the wrong place
    misplaced = top is None or not top.level or (top.level == 1 and top.above in _NAMED)
    misplaced = misplaced or "\n" in text[begin:end]
    spans += [(begin, end)] if below or misplaced else _queries(text, begin, end)
    if top is not None:
        top.key = None


def _doubtful(text: str, begin: int) -> list[tuple[int, int]]:
    """Return what to hide of text that is no YAML: all but keys that we know, numbers and addresses.

    What a word belongs to is not known there, as quotes and brackets may be missing anywhere before it.
    """
    spans: list[tuple[int, int]] = []
    goes_on = False  # what is below is the value of a key that is not to be shown
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
