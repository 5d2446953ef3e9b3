"""One validated check -> its specification."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from clusterlb.config.models.check import CheckFile, TlsFile
from clusterlb.model.check import (
    OPTIONS,
    CheckSpec,
    CheckType,
    Options,
    ProbeSpec,
    SmtpOptions,
    TlsOptions,
    VerdictState,
    Via,
)


def check(file: CheckFile) -> CheckSpec:
    """Return what a check of any kind comes to."""
    kind = CheckType(file.type)
    return CheckSpec(
        probe=ProbeSpec(kind, file.interval, file.timeout, _options(kind, file)),
        rise=file.rise,
        fall=file.fall,
        hold=file.hold,
        initial=VerdictState(file.initial),
        port=file.port,
        via=Via(file.via),
        address=file.address,
    )


def _options(kind: CheckType, file: CheckFile) -> Options:
    """Return the keys of one kind: a file has them under the names of the options."""
    options = OPTIONS[kind]
    written = type(file).model_fields
    found = options(
        **{key.name: _value(getattr(file, key.name)) for key in fields(options) if key.name in written}
    )
    if isinstance(found, SmtpOptions) and found.starttls and found.tls is None:
        return replace(found, tls=TlsOptions())
    return found


def _value(value: Any) -> Any:
    """Return a value as options have it: hashable."""
    if isinstance(value, TlsFile):
        return TlsOptions(**{key.name: getattr(value, key.name) for key in fields(TlsOptions)})
    if isinstance(value, dict):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value
