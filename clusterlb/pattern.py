"""RE2's patterns, searched for in members' answers, in time linear in the bytes searched.

A search that backtracks, as Python's ``re`` does, can take years on fifty bytes. RE2 (google-re2;
https://github.com/google/re2/wiki/Syntax) follows all alternatives at once, and so has neither look-around
nor back-references. Python's syntax is translated where RE2 has the same feature in another syntax.
"""

from __future__ import annotations

import re
from functools import lru_cache

import re2

# Limit of the searched bytes times the pattern's instructions. A search takes up to 5 ns for each if its
# states do not fit into RE2's cache, so the limit is a twelfth of a second; most patterns take 1 ns a byte.
WORK = 1 << 24
ALWAYS = 64  # instructions that are always allowed: so short a pattern has too many states only on purpose

_TOKEN = re.compile(
    r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\."
    r"|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]"
    r"|\{,\d+\}|\{\d{4,}(?:,\d*)?\}|\$",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([^\x00-\x7f]))", re.DOTALL)
_MULTILINE = re.compile(r"\(\?[a-zA-Z]*m")

# Beginnings of RE2's errors, and what to do about each.
_HINTS = (
    (
        "invalid perl operator: (?!",
        "there is no look-ahead: what must not be in a body is written as `not_body`",
    ),
    ("invalid perl operator: (?=", "there is no look-ahead: write what comes in the order in which it comes"),
    ("invalid perl operator: (?<", "there is no look-behind: write what comes before as part of the pattern"),
    (
        "invalid perl operator",
        "RE2 has no such group, nor references back to one: write out what may be there",
    ),
    ("invalid escape sequence: \\", "RE2 has no such escape, nor references back to a group"),
    ("invalid repetition size", "counts go up to 1000, and those within others multiply"),
    ("pattern too large", "its counts go too far"),
    ("bad repetition operator", "what is repeated cannot be repeated again without brackets"),
)


class PatternError(ValueError):
    """The text is not a valid pattern; the message says why, and what to do."""


class Pattern:
    r"""A compiled pattern that is searched for in bytes. ``instructions``: the steps for each byte, at most.

    Each byte is a character, U+0000 to U+00FF. A pattern with characters beyond ASCII, written out or as
    ``\u`` or ``\x{}``, is also searched for in UTF-8. ``$`` matches at the end, and before a line feed at the
    end.
    """

    __slots__ = ("_forms", "instructions", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        translated = translate(text)
        if any("\ud800" <= character <= "\udfff" for character in translated):
            raise PatternError("half a surrogate pair is no character")
        forms = []
        wide = not translated.isascii() or "\\x{" in translated
        if wide:
            forms.append(_compile(translated.encode(), re2.Options.Encoding.UTF8))
        try:
            forms.append(_compile(translated.encode("latin-1"), re2.Options.Encoding.LATIN1))
        except (UnicodeEncodeError, PatternError):
            if not wide:
                raise
        self._forms = tuple(forms)
        self.instructions: int = sum(form.programsize for form in forms)

    def search(self, data: bytes) -> bool:
        """Say whether the pattern matches anywhere in the bytes."""
        return any(form.search(data) for form in self._forms)


@lru_cache(maxsize=4096)
def compile_pattern(text: str) -> Pattern:
    """Compile a pattern; raise PatternError for an invalid one, or one that RE2 does not support."""
    return Pattern(text)


def too_much(text: str, size: int) -> bool:
    """Say whether searching so many bytes can take longer than one member's answer may."""
    return compile_pattern(text).instructions > max(ALWAYS, WORK // size)


def translate(text: str) -> str:
    r"""Translate Python's syntax to RE2's where they differ: ``$``, ``\Z``, ``\u1234``."""
    multiline = _MULTILINE.search(text) is not None

    def rewrite(token: re.Match[str]) -> str:
        written = token[0]
        if written == "$":
            return "$" if multiline else r"(?:\n?\z)"
        if written.startswith("{,"):  # plain characters for RE2
            raise PatternError(f"write {{0{written[1:]} for {written}")
        if written[0] == "{" and written != "{1000}":  # plain characters for RE2, too
            raise PatternError(f"{written}: counts go up to 1000")
        if written == r"\Z":
            return r"\z"
        return _ESCAPE.sub(lambda code: code[3] or f"\\x{{{code[1] or code[2]}}}", written)

    return _TOKEN.sub(rewrite, text)


def _compile(pattern: bytes, encoding: re2.Options.Encoding) -> re2._Regexp:
    options = re2.Options()
    options.encoding = encoding
    options.never_capture = True  # no groups are asked for
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace")
    hints = (hint for part, hint in _HINTS if said.startswith(part))
    raise PatternError(f"{said}: {next(hints, 'a backslash makes a sign stand for itself')}")
