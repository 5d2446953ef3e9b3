"""Patterns that are searched for in what members send: RE2's, in time linear in the bytes searched.

A search that backtracks, as Python's ``re`` does, takes years on fifty bytes of the wrong text. RE2
(google-re2; https://github.com/google/re2/wiki/Syntax) follows all alternatives at once, and so has neither
look-around nor back-references. What Python writes in another way and RE2 can do is translated.
"""

from __future__ import annotations

import re
from functools import lru_cache

import re2

# Bytes that are searched, times the pattern's instructions. A search costs up to 5 ns for each where its
# states do not fit into RE2's cache, so this is a twelfth of a second; ordinary patterns take 1 ns a byte.
WORK = 1 << 24
ALWAYS = 64  # instructions that are always allowed: so few have too many states only where that is the aim

_TOKEN = re.compile(
    r"\\u[0-9A-Fa-f]{4}|\\U[0-9A-Fa-f]{8}|\\."
    r"|\[\^?\]?(?:\\.|\[:\^?\w+:\]|[^\]\\])*\]"
    r"|\{,\d+\}|\{\d{4,}(?:,\d*)?\}|\$",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([^\x00-\x7f]))", re.DOTALL)
_MULTILINE = re.compile(r"\(\?[a-zA-Z]*m")

# What RE2 says, and what to do about it.
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
    """A text is no pattern; the message says why, and what to do."""


class Pattern:
    r"""A pattern to be searched for in bytes.

    Each byte is a character, U+0000 to U+00FF. A pattern with characters of its own beyond ASCII, written out
    or as ``\u`` or ``\x{}``, is found in UTF-8 too. ``$`` stands for the end, and for the place before a
    line feed there.
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
        """Say whether the pattern is found."""
        return any(form.search(data) for form in self._forms)


@lru_cache(maxsize=4096)
def compile_pattern(text: str) -> Pattern:
    """Compile a pattern; raise PatternError where it is none, or RE2 cannot search for it."""
    return Pattern(text)


def steps(text: str) -> int:
    """Return how many instructions a pattern comes to; each byte that is searched may take as many steps."""
    return compile_pattern(text).instructions


def too_much(text: str, size: int) -> bool:
    """Say whether the search of so many bytes can take longer than one member's answer may."""
    return steps(text) > max(ALWAYS, WORK // size)


def translate(text: str) -> str:
    r"""Write in RE2's syntax what Python writes in another: ``$``, ``\Z``, ``\u1234``."""
    multiline = _MULTILINE.search(text) is not None

    def rewrite(token: re.Match[str]) -> str:
        found = token[0]
        if found == "$":
            return "$" if multiline else r"(?:\n?\z)"
        if found.startswith("{,"):  # which RE2 takes for five characters
            raise PatternError(f"write {{0{found[1:]} for {found}")
        if found[0] == "{" and found != "{1000}":  # too large a number is one for RE2, too
            raise PatternError(f"{found}: counts go up to 1000")
        if found == r"\Z":
            return r"\z"
        return _ESCAPE.sub(lambda code: code[3] or f"\\x{{{code[1] or code[2]}}}", found)

    return _TOKEN.sub(rewrite, text)


def _compile(pattern: bytes, encoding: re2.Options.Encoding) -> re2._Regexp:
    options = re2.Options()
    options.encoding = encoding
    options.never_capture = True  # whether it is found is all that is asked
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0].decode("utf-8", "replace")
    hints = (hint for part, hint in _HINTS if said.startswith(part))
    raise PatternError(f"{said}: {next(hints, 'a backslash makes a sign stand for itself')}")
