"""Where the Jinja2 templates are found: the operator's own first, then those that came with the package."""

from __future__ import annotations

import stat
import traceback
from pathlib import Path
from typing import Any

from jinja2 import (
    BytecodeCache,
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateSyntaxError,
    select_autoescape,
)
from jinja2.bccache import Bucket

from clusterlb.ownership import kind, unsafe

OVERRIDES = Path("/etc/clusterlb/templates")
_PACKAGE = Path(__file__).resolve().parents[1]


class RenderError(Exception):
    """What the inventory asks for cannot be written; the text says which, why, and what to change.

    Of a template: the text has its file and line.
    """


class _Compiled(BytecodeCache):
    """What this process has compiled, by its source: a template that changes is compiled again."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if found := self._code.get(bucket.key):
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def environment(overrides: Path = OVERRIDES) -> Environment:
    """Return the environment that renders configuration files, such as ``ipvs/services.rules.j2``.

    A template is taken from ``overrides`` when it is there, else from the wheel (``clusterlb/templates``),
    else from the source tree. A name that a template uses and nobody defined raises
    ``jinja2.UndefinedError``: a configuration file with a hole in it is worse than none. Nothing is
    escaped, because what is rendered is not HTML.
    """
    folders = (overrides, _PACKAGE / "templates", _PACKAGE.parent / "templates")
    return Environment(
        loader=FileSystemLoader(folders),
        bytecode_cache=_COMPILED,
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html",)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def fill(jinja: Environment, name: str, /, **values: Any) -> str:
    """Return what a template renders to, or raise RenderError, whatever an operator's own does."""
    try:
        return jinja.get_template(name).render(**values)
    except Exception as error:
        raise RenderError(f"{_place(error, name)}: {type(error).__name__}: {error}") from error


def overridden(folder: str, overrides: Path = OVERRIDES) -> bool:
    """Say whether an operator has templates of his own in a folder, such as ``frr``.

    Raises RenderError for one that is no regular file, which jinja2 would pass over, and where somebody
    else may change it: what is rendered is configuration that root's programs carry out.
    """
    found = [path for path in (overrides / folder).rglob("*") if not path.is_dir() or path.suffix == ".j2"]
    for path in found:
        try:
            mode = path.stat().st_mode
        except OSError as error:
            raise RenderError(f"{path}: cannot be read: {error.strerror}") from error
        if not stat.S_ISREG(mode):
            raise RenderError(f"{path}: is {kind(mode)}, not a regular file")
        if why := unsafe(path):
            raise RenderError(f"{path}: {why}")
    return bool(found)


def _place(error: Exception, name: str) -> str:
    """Return the file and line in which a template failed; jinja2 makes tracebacks lead there."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or name}:{error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".j2")]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else name
