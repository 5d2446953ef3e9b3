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
    """Return the specification of a check of any kind."""
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
    """Return the options of a kind of check: they have the names of the file's keys."""
    options = OPTIONS[kind]
    written = type(file).model_fields
    found = options(
        **{key.name: _value(getattr(file, key.name)) for key in fields(options) if key.name in written}
    )
    if isinstance(found, SmtpOptions) and found.starttls and found.tls is None:
        return replace(found, tls=TlsOptions())
    return found


def _value(value: Any) -> Any:
    """Return a value in the hashable form that options need."""
    if isinstance(value, TlsFile):
        return TlsOptions(**{key.name: getattr(value, key.name) for key in fields(TlsOptions)})
    if isinstance(value, dict):
        return tuple(value.items())
    return tuple(value) if isinstance(value, list) else value
