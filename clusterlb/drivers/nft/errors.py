"""nft's errors as messages with advice.

An error names line and columns, then repeats the line and underlines these columns. The kernel's errors are
errno texts (src/erec.c and src/libnftables.c).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PLACED = re.compile(r"^\S*?:(\d+):(\d+)-(\d+): Error: (.*)$", re.MULTILINE)
_BARE = re.compile(r"^(?:netlink: )?Error: (.*)$", re.MULTILINE)
_WORDS = re.compile(r"[a-z]+")
_SHOWN = 3  # errors of one script; one mistake often makes many
_LONGEST = 160

# the module that the kernel needs for a word of a rule
_MODULES = {
    "nat": "nft_chain_nat",
    "snat": "nft_nat",
    "dnat": "nft_nat",
    "masquerade": "nft_masq",
    "jhash": "nft_hash",
    "symhash": "nft_hash",
    "numgen": "nft_numgen",
    "ct": "nft_ct",
    "notrack": "nft_ct",
    "log": "nft_log",
    "limit": "nft_limit",
    "fib": "nft_fib_inet",
    "reject": "nft_reject_inet",
    "queue": "nft_queue",
}
_NO_NFT = "there is no nft; install the package nftables"
_NO_KERNEL = (
    "this kernel has no nftables: load the module nf_tables (modprobe nf_tables); on Debian it is in the "
    "package linux-image-amd64, and in a container the host's kernel must have it"
)
_NO_NAME = "there is nothing of this name, or no such key"
_ENOENT, _EOPNOTSUPP = "No such file or directory", "Operation not supported"
_HINTS = {
    "Operation not permitted": "clusterlb needs CAP_NET_ADMIN in this network namespace",
    "Permission denied": "clusterlb needs CAP_NET_ADMIN in this network namespace",
    "Protocol not supported": _NO_KERNEL,
    "File exists": "the key is there already, with another value or inside another interval",
    "Cannot allocate memory": "the kernel has no memory left for it",
    "Too many open files in system": "the set is full: it holds as many elements as its size allows",
    "Device or resource busy": "a rule that stays still uses it",
}


def missing(what: str) -> str:
    """Return the message for a missing nft."""
    return f"cannot {what}: {_NO_NFT}"


def late(what: str, seconds: float) -> str:
    """Return the message for an nft that was stopped; a transaction takes effect as a whole or not at all."""
    return (
        f"cannot {what}: nft did not end within {seconds:g} s and was stopped; the next reading tells "
        "whether a change took effect"
    )


def meaning(what: str, code: int, said: str, script: str = "") -> str:
    """Return the message for a failed nft: the task, the reasons, advice. ``said``: nft's standard error."""
    if code < 0:
        return f"cannot {what}: nft was ended by signal {-code}; install a newer package nftables"
    reasons = list(_reasons(said, script))
    if len(reasons) > _SHOWN:
        reasons[_SHOWN:] = [f"and {len(reasons) - _SHOWN} more"]
    return f"cannot {what}: {'; '.join(reasons) or _short(said) or f'nft ended with {code}'}"


def _reasons(said: str, script: str) -> Iterator[str]:
    lines = dict(enumerate(script.splitlines(), 1))
    for number, first, last, text in _PLACED.findall(said):
        line = lines.get(int(number), "")  # no line for errors at the end and for nft's internal errors
        marked = line[int(first) - 1 : int(last)]
        place = f", at {_short(marked)!r} of {_short(line)!r} (line {number})" if line else ""
        yield _explained(text, marked) + place
    if not _PLACED.search(said):
        yield from (_explained(text, "") for text in _BARE.findall(said))


def _explained(text: str, marked: str) -> str:
    reason = text.removeprefix("Could not process rule: ")
    errno, guess, _ = reason.partition("; did you mean")
    hint = next((hint for end, hint in _HINTS.items() if errno.endswith(end)), "")
    if errno in (_ENOENT, _EOPNOTSUPP):
        modules = sorted({_MODULES[word] for word in _WORDS.findall(marked) if word in _MODULES})
        if modules:
            # nft reports a missing kernel module as an unknown name, and suggests another
            reason, hint = errno, f"the kernel may lack {' and '.join(modules)}: modprobe {modules[0]}"
        elif not guess:
            hint = _NO_NAME if errno == _ENOENT else _NO_KERNEL
    return f"{reason} ({hint})" if hint else reason


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
