"""One check by itself, whoever asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clusterlb.config.fields import duration_text
from clusterlb.config.hints import clip
from clusterlb.config.item import Item, Placed
from clusterlb.config.nodes import Path, Sequence, find
from clusterlb.config.report import Report
from clusterlb.model.check import (
    CheckSpec,
    CheckType,
    CommandOptions,
    FileOptions,
    HttpOptions,
    TlsOptions,
    Via,
)


def where(item: Item, holder: Path, checks: tuple[CheckSpec, ...]) -> Iterator[tuple[Path, CheckSpec]]:
    """Yield the checks of a pool or a member, which ``holder`` leads to, with their paths."""
    several = find(item.node, (*holder, "checks"))
    listed = isinstance(several, Sequence) and several.items
    for index, check in enumerate(checks):
        yield (*holder, "checks", index) if listed else (*holder, "check"), check


def weight_key(check: CheckSpec) -> str:
    """Return the key with which a check asks the member for its weight; empty where it does not ask."""
    options = check.probe.options
    if isinstance(options, HttpOptions):
        return "weight_header" if options.weight_header else ""
    return "weight" if isinstance(options, FileOptions | CommandOptions) and options.weight else ""


def lint_one_key(item: Item, holder: Path, report: Report) -> None:
    """Check that a pool or a member has ``check`` or ``checks``, not both."""
    if item.written(*holder, "check") and item.written(*holder, "checks"):
        report.error(
            item.source,
            item.key_at(*holder, "checks"),
            "`check` and `checks` exclude each other",
            f"move the check at {item.where(*holder, 'check')} into the list, and remove `check`",
        )


def lint_check(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    """Check the keys of one check against each other."""
    _times(placed, path, check, report)
    _way(placed, path, check, report)
    _certificate(placed, path, check, report)
    _body(placed, path, check, report)
    _idle_port(placed, path, check, report)
    _program(placed, path, check, report)


def _idle_port(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    """Warn of a port that nothing is sent to."""
    kind, options = check.probe.type, check.probe.options
    used = kind is not CheckType.ICMP
    if isinstance(options, FileOptions | CommandOptions):
        texts = options.argv if isinstance(options, CommandOptions) else (options.path,)
        used = any("{port}" in text for text in texts)
    if check.port is not None and not used:
        report.warning(
            placed.item.source,
            placed.item.key_at(*path, "port"),
            f"`port` does nothing in a check of type {kind.value}"
            + ("" if kind is CheckType.ICMP else " without `{port}`"),
            "remove it, or check the port with `type: tcp`",
        )


def _program(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    """Warn of a program and its arguments in one word: there is no shell that would part them."""
    options = check.probe.options
    if isinstance(options, CommandOptions) and " " in options.argv[0]:
        report.warning(
            placed.item.source,
            placed.item.at(*path, "argv", 0),
            f"the program is `{clip(options.argv[0])}`, with the space",
            "write each argument as an item of its own: [/usr/local/bin/check, --port, '{port}']",
        )


def _times(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    interval, timeout = check.probe.interval, check.probe.timeout
    if timeout > interval and placed.sure(path, "interval", "timeout"):
        report.warning(
            placed.item.source,
            placed.item.at(*path, "timeout"),
            f"check `timeout` is {duration_text(timeout)}, longer than `interval`, {duration_text(interval)}",
            "a check that hangs delays the next: failures are noticed later than `interval` and `fall` say",
        )


def _way(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    if check.via is Via.VIP and check.port is not None:
        report.error(
            placed.item.source,
            placed.item.at(*path, "port"),
            "`port` with `via: vip`: IPVS forwards the service's port alone",
            "remove one of them",
        )


def _certificate(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    options = check.probe.options
    tls: TlsOptions | None = options if isinstance(options, TlsOptions) else getattr(options, "tls", None)
    if tls is None or bool(tls.certificate) == bool(tls.key):
        return
    path = path if tls is options else (*path, "tls")
    there, lacking = ("certificate", "key") if tls.certificate else ("key", "certificate")
    if placed.sure(path, lacking):
        report.error(
            placed.item.source,
            placed.item.key_at(*path, there),
            f"`{there}` without `{lacking}`",
            "a client certificate is shown with both; to verify the member's, write `ca` alone",
        )


def _body(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    options = check.probe.options
    if not isinstance(options, HttpOptions) or options.method != "HEAD":
        return
    for key, value in (("body", options.body), ("digest", options.digest)):
        if value:
            report.error(
                placed.item.source,
                placed.item.at(*path, key),
                f"`{key}` with `method: HEAD`: its answers have no body",
                "write `method: GET`",
            )
