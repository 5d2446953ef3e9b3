"""The words of CONTRIBUTING.md are those of the package: one word, one meaning."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import clusterlb

PACKAGE = Path(clusterlb.__file__).parent
TABLE = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]*)\|$", re.MULTILINE)


def glossary() -> list[tuple[list[str], str, list[str]]]:
    """Return each row of the table: its words, what they mean, and the words that are not used for them."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text[text.index("## Words") : text.index("## Tests")]
    rows = [[cell.strip() for cell in row] for row in TABLE.findall(section)]
    return [(a.split(", "), b, c.split(", ") if c else []) for a, b, c in rows if a not in {"word", "---"}]


def names() -> Iterator[tuple[str, str]]:
    """Yield each module, public class, function and field of the package, with where it is."""
    for path in sorted(PACKAGE.rglob("*.py")):
        where = str(path.relative_to(PACKAGE))
        yield path.stem, where
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield node.name, where
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                yield node.target.id, where


def parts(name: str) -> set[str]:
    """Return the words of an identifier, ``LinkState`` and ``link_state`` alike, in the singular."""
    found = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return {word.lower() for word in found} | {word.lower().removesuffix("s") for word in found}


def test_no_name_has_a_word_that_another_stands_for() -> None:
    instead = {no: words[0] for words, _, unused in glossary() for no in unused}
    assert instead
    wrong = {(name, where) for name, where in names() if parts(name) & instead.keys()}
    assert not wrong, instead


def test_each_word_is_used() -> None:
    known = {word for name, _ in names() for word in parts(name)}
    for words, meaning, _ in glossary():
        for word in words:
            last = re.sub(r" \(.*\)", "", word).split()[-1].lower()
            assert last in known, f"{word}: nothing is called so"
        assert meaning


def test_no_two_classes_share_a_name() -> None:
    found = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(str(path.relative_to(PACKAGE)))
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}
