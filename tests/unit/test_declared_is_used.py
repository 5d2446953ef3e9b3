"""What is declared is used: nothing is read from the kernel, named or offered that nobody asks for."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import clusterlb

PACKAGE = Path(clusterlb.__file__).parent
TEMPLATES = PACKAGE.parent / "templates"

# Read by their values: an inventory's words, asked for by comparison with the others of their enum.
BY_VALUE = {"AreaType.NSSA", "NetworkType.BROADCAST"}
# Fields that positional patterns, comparison and ``asdict`` read.
BY_PLACE = {"ConntrackFailures.early_drop", "VirtualService.pe_name"}
# click's own number, which click itself sends.
BY_OTHERS = {"Exit.USAGE"}


def everything(root: Path = PACKAGE) -> str:
    """Return the product's text, without the fakes, which stand in for what is not there in tests."""
    files = [path for path in root.rglob("*.py") if "fake" not in path.name]
    templates = list(TEMPLATES.rglob("*.j2"))
    return "\n".join(path.read_text() for path in (*files, *templates))


def declared(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (class, name) of every field, enum member and public method that a module's classes declare."""
    for found in ast.walk(ast.parse(path.read_text())):
        if not isinstance(found, ast.ClassDef):
            continue
        for one in found.body:
            if isinstance(one, ast.Assign):
                names = [each.id for each in one.targets if isinstance(each, ast.Name)]
            elif isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name):
                names = [one.target.id]
            elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
                names = [one.name]
            else:
                names = []
            yield from ((found.name, name) for name in names if not name.startswith("_"))


def functions(path: Path) -> Iterator[str]:
    """Yield the public functions and constants of a module."""
    for one in ast.parse(path.read_text()).body:
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and one.name[0] != "_":
            yield one.name


def modules(*rooms: str) -> list[Path]:
    found = [path for room in rooms for path in (PACKAGE / room).rglob("*.py") if "fake" not in path.name]
    assert len(found) > 10
    return found


def unused(paths: list[Path], text: str) -> list[str]:
    """Return what these modules declare and nothing in the text reads as an attribute."""
    read = set(re.findall(r"\.(\w+)", text))
    listed = [f"{owner}.{name}" for path in paths for owner, name in declared(path) if name not in read]
    return sorted({*listed} - BY_VALUE - BY_PLACE - BY_OTHERS)


def test_every_field_member_and_method_is_read() -> None:
    paths = [*modules("model", "core", "drivers"), PACKAGE / "cli" / "exits.py"]
    paths.remove(PACKAGE / "model" / "status.py")  # all of it is read where it is written as JSON
    overridden = {"_Compiled.load_bytecode", "_Compiled.dump_bytecode"}  # Jinja calls them
    assert {*unused(paths, everything())} <= overridden


def test_every_function_is_named_twice() -> None:
    words = re.findall(r"\w+", everything())
    counts = {word: words.count(word) for path in modules("core", "drivers") for word in functions(path)}
    assert {word for word, count in counts.items() if count < 2} == set()


@pytest.mark.parametrize("name", sorted({*BY_VALUE, *BY_PLACE, *BY_OTHERS}))
def test_an_exception_is_one(name: str) -> None:
    """An exception that is read as an attribute now is an exception no more."""
    owner, _, field = name.partition(".")
    paths = [*modules("model"), PACKAGE / "cli" / "exits.py"]
    assert (owner, field) in {found for path in paths for found in declared(path)}
    assert field not in set(re.findall(r"\.(\w+)", everything()))
