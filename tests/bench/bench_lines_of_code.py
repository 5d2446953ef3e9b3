"""How large the package is: physical lines, and source lines; needs nothing.

A source line holds a part of the program: blank lines, comments and docstrings are none.
"""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

from tests.bench.figures import Figure, main

PACKAGE = Path(__file__).parents[2] / "clusterlb"
_NO_CODE = (
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
)


def measure() -> list[Figure]:
    """Count the Python files of the package."""
    sources = [path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py")]
    return [
        Figure("lines_of_code", sum(map(physical_lines, sources)), "lines"),
        Figure("source_lines_of_code", sum(map(source_lines, sources)), "lines"),
    ]


def physical_lines(source: str) -> int:
    """Return how many lines a file has, as ``wc -l`` counts them."""
    return source.count("\n")


def source_lines(source: str) -> int:
    """Return how many lines of a file are neither blank nor only a comment or a docstring."""
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    return len(lines - _docstring_lines(source))


def _docstring_lines(source: str) -> set[int]:
    lines: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(value=ast.Constant(value=str())) as docstring, *_]:
                    lines.update(range(docstring.lineno, (docstring.end_lineno or docstring.lineno) + 1))
    return lines


if __name__ == "__main__":
    main(measure)
