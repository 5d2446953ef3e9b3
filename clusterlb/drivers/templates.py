"""Where the Jinja2 templates are found: the operator's own first, then those that came with the package."""

from __future__ import annotations

from pathlib import Path

from jinja2 import BytecodeCache, Environment, FileSystemLoader, StrictUndefined, select_autoescape
from jinja2.bccache import Bucket

OVERRIDES = Path("/etc/clusterlb/templates")
_PACKAGE = Path(__file__).resolve().parents[1]


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
