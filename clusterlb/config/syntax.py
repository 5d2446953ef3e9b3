"""libyaml's syntax errors in an operator's words."""

from __future__ import annotations

import yaml

from clusterlb.config.source import Source, UnusableFileError


def syntax(source: Source, error: yaml.MarkedYAMLError) -> UnusableFileError:
    """Return libyaml's error in an operator's words."""
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return UnusableFileError(f"not YAML: {error}")
    place = source.place(mark.index)
    text, column = source.unmasked_line(place.line), place.column - 1
    reason = str(error.problem or error.context)
    if "\t" in text[: column + 1] and not text[:column].strip():
        tab = place._replace(column=text.index("\t") + 1)
        return UnusableFileError("tab in the indentation", "indent with spaces", tab)
    text_with_context = f"not YAML: {reason}{_context(source, error)}"
    return UnusableFileError(text_with_context, _hint(reason, text, column), place)


def _context(source: Source, error: yaml.MarkedYAMLError) -> str:
    if not error.context or error.context_mark is None or error.context_mark is error.problem_mark:
        return ""
    begins = source.place(error.context_mark.index)
    return f" {error.context} that begins at {begins.line}:{begins.column}"


def _hint(reason: str, text: str, column: int) -> str:
    if text.startswith("%") and column == 0:
        return "remove this line: one that begins with `%` is a directive, and an inventory needs none"
    if text[column : column + 1] in ("%", "@", "`"):
        return "quote a value that begins with `%`, `@` or a backtick"
    if "alphabetic or numeric" in reason:
        return "quote a value that begins with `*` or `&`, as a cron expression may"
    if "mapping values" in reason:
        return "check the indentation of this line and the one above; quote a value that contains `: `"
    if "expected ',' or" in reason:
        return "close the bracket or brace, or put a comma between its items"
    if "expected key" in reason or "block end" in reason or "expected <block end>" in reason:
        return "check the indentation: keys of one mapping begin in one column"
    if "unexpected end of stream" in reason:
        return "a quote is not closed"
    return "check quotes, brackets, colons and the indentation of this line and the one above"
