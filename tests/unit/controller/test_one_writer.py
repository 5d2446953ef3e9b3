"""Nothing but the store's own room changes what the store has: all others hand it events."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import clusterlb

PACKAGE = Path(clusterlb.__file__).parent
ROOM = PACKAGE / "controller" / "store"
CHANGES = {"add", "append", "clear", "discard", "extend", "pop", "popitem", "remove", "setdefault", "update"}


def in_store(node: ast.AST) -> bool:
    """Say whether an expression leads into a store: ``store.x``, ``self.store.x[key]``, not ``store``."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
        if getattr(node, "attr", getattr(node, "id", "")) in {"store", "_store"}:
            return True
    return False


def writes(text: str) -> Iterator[str]:
    """Yield what some code changes in a store."""
    for node in ast.walk(ast.parse(text)):
        targets: list[ast.expr] = []
        match node:
            case ast.Assign() | ast.Delete():
                targets = [
                    each for one in node.targets for each in ast.walk(one) if isinstance(each, ast.expr)
                ]
            case ast.AugAssign() | ast.AnnAssign():
                targets = [node.target]
            case ast.Call(ast.Attribute(value, name)) if name in CHANGES:
                targets = [value]
        yield from (ast.unparse(target) for target in targets if in_store(target))


@pytest.mark.parametrize(
    "text",
    [
        "store.leaving = True",
        "self.store.counts['drift'] += 1",
        "del store.draining.progress[vip]",
        "controller.store.actual.services.pop(key, None)",
        "before, self._store.elected = self._store.elected, states",
    ],
)
def test_a_change_is_seen(text: str) -> None:
    assert list(writes(text))


@pytest.mark.parametrize(
    "text", ["self.store = store", "store.handle(event)", "seen = store.counts['drift']"]
)
def test_what_changes_nothing_is_not(text: str) -> None:
    assert not list(writes(text))


def test_nobody_else_writes() -> None:
    found = {
        f"{path.relative_to(PACKAGE)}: {what}"
        for path in PACKAGE.rglob("*.py")
        if ROOM not in path.parents
        for what in writes(path.read_text(encoding="utf-8"))
    }
    assert not found
