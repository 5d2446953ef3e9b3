"""The Jinja2 templates: an operator's first, then those of the package."""

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
    """The inventory asks for something that cannot be written; the text says what, why, and what to change.

    For an error in a template, the text has its file and line.
    """


class _Compiled(BytecodeCache):
    """The bytecode of templates, by their source: a changed template is compiled again."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        if found := self._code.get(bucket.key):
            bucket.bytecode_from_string(found)

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._code[bucket.key] = bucket.bytecode_to_string()


_COMPILED = _Compiled()


def environment() -> Environment:
    """Return the environment that renders configuration files, such as ``ipvs/services.rules.j2``.

    A template is taken from OVERRIDES if it exists there, else from the wheel (``clusterlb/templates``), else
    from the source tree. An undefined name in a template raises ``jinja2.UndefinedError``: an incomplete
    configuration file is worse than none. Nothing is escaped, because the text is not HTML.
    """
    folders = (OVERRIDES, _PACKAGE / "templates", _PACKAGE.parent / "templates")
    return Environment(
        loader=FileSystemLoader(folders),
        bytecode_cache=_COMPILED,
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html",)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def fill(name: str, /, **values: Any) -> str:
    """Return a template's text; raise RenderError for every error in a template, also in an operator's."""
    try:
        return environment().get_template(name).render(**values)
    except Exception as error:
        raise RenderError(f"{_place(error, name)}: {type(error).__name__}: {error}") from error


def overridden(folder: str) -> bool:
    """Say whether an operator has templates in a folder, such as ``frr``.

    Raises RenderError for a template that is no regular file, which jinja2 would ignore, or that other users
    may change: programs carry out the rendered configuration as root.
    """
    found = [path for path in (OVERRIDES / folder).rglob("*") if not path.is_dir() or path.suffix == ".j2"]
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
    """Return the file and line where a template failed, from the traceback that jinja2 rewrites."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or name}:{error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".j2")]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else name
