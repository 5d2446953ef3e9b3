"""One check by itself, of a pool, a member or a director."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from clusterlb.config.fields import duration_text
from clusterlb.config.hints import clip
from clusterlb.config.item import Item, Placed
from clusterlb.config.nodes import Path, Sequence, find
from clusterlb.config.report import Report
from clusterlb.model.check import (
    EXPECT_WINDOW,
    LONGEST_DATAGRAM,
    CheckSpec,
    CheckType,
    CommandOptions,
    FileOptions,
    HttpOptions,
    TcpOptions,
    TlsOptions,
    UdpOptions,
    Via,
)
from clusterlb.pattern import compile_pattern, too_much


def where(item: Item, holder: Path, checks: tuple[CheckSpec, ...]) -> Iterator[tuple[Path, CheckSpec]]:
    """Yield the checks of a pool or a member, whose path is ``holder``, with their paths."""
    several = find(item.node, (*holder, "checks"))
    listed = isinstance(several, Sequence) and several.items
    for index, check in enumerate(checks):
        yield (*holder, "checks", index) if listed else (*holder, "check"), check


def weight_key(check: CheckSpec) -> str:
    """Return the key by which a check reads a weight from the member; empty for a check that does not."""
    options = check.probe.options
    if isinstance(options, HttpOptions):
        return "weight_header" if options.weight_header else ""
    return "weight" if isinstance(options, FileOptions | CommandOptions) and options.weight else ""


def lint_one_key(item: Item, holder: Path, report: Report) -> None:
    """Check that a pool or a member has ``check`` or ``checks``, not both."""
    if item.has(*holder, "check") and item.has(*holder, "checks"):
        report.error(
            item.key_at(*holder, "checks"),
            "`check` and `checks` exclude each other",
            f"move the check at {item.at(*holder, 'check')} into the list, and remove `check`",
        )


def lint_check(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    """Check the keys of one check against each other."""
    _times(placed, path, check, report)
    _through_vip(placed, path, check, report)
    _certificate(placed, path, check, report)
    _body(placed, path, check, report)
    _idle_port(placed, path, check, report)
    _program(placed, path, check, report)
    _status(placed, path, check, report)
    _patterns(placed, path, check, report)


def _idle_port(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    """Warn of a port that the check does not use."""
    kind, options = check.probe.type, check.probe.options
    used = kind is not CheckType.ICMP
    if isinstance(options, FileOptions | CommandOptions):
        texts = options.argv if isinstance(options, CommandOptions) else (options.path,)
        used = any("{port}" in text for text in texts)
    if check.port is not None and not used:
        report.warning(
            placed.item.key_at(*path, "port"),
            f"`port` does nothing in a check of type {kind.value}"
            + ("" if kind is CheckType.ICMP else " without `{port}`"),
            "remove it, or check the port with `type: tcp`",
        )


def _program(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    """Warn of a program and its arguments in one word: no shell splits them."""
    options = check.probe.options
    if isinstance(options, CommandOptions) and " " in options.argv[0]:
        report.warning(
            placed.item.at(*path, "argv", 0),
            f"the program is `{clip(options.argv[0])}`, with the space",
            "write each argument as an item of its own: [/usr/local/bin/check, --port, '{port}']",
        )


def _times(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    interval, timeout = check.probe.interval, check.probe.timeout
    if timeout > interval and placed.sure(path, "interval", "timeout"):
        report.warning(
            placed.item.at(*path, "timeout"),
            f"check `timeout` is {duration_text(timeout)}, longer than `interval`, {duration_text(interval)}",
            "a check that hangs delays the next: failures are noticed later than `interval` and `fall` say",
        )


def _through_vip(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    """Report a port or an address of a probe through a VIP: IPVS forwards to the member's own."""
    if check.via is not Via.VIP:
        return
    for key, goes in (("port", "the service's port alone"), ("address", "to the member")):
        if getattr(check, key) is not None:
            report.error(
                placed.item.at(*path, key),
                f"`{key}` with `via: vip`: IPVS forwards {goes}",
                "remove one of them",
            )


def _certificate(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    options = check.probe.options
    tls: TlsOptions | None = options if isinstance(options, TlsOptions) else getattr(options, "tls", None)
    if tls is None or bool(tls.certificate) == bool(tls.key):
        return
    path = path if tls is options else (*path, "tls")
    present, lacking = ("certificate", "key") if tls.certificate else ("key", "certificate")
    if placed.sure(path, lacking):
        report.error(
            placed.item.key_at(*path, present),
            f"`{present}` without `{lacking}`",
            "a client certificate is shown with both; to verify the member's, write `ca` alone",
        )


def _body(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    options = check.probe.options
    if not isinstance(options, HttpOptions) or options.method != "HEAD":
        return
    bodies = (("body", options.body), ("not_body", options.not_body), ("digest", options.digest))
    for key, value in bodies:
        if value:
            report.error(
                placed.item.at(*path, key),
                f"`{key}` with `method: HEAD`: its answers have no body",
                "write `method: GET`",
            )


def _status(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    """Report interim status codes: 100 to 199 precede the answer, except 101 after Upgrade."""
    options = check.probe.options
    if not isinstance(options, HttpOptions):
        return
    upgrade = any(name.lower() == "upgrade" for name, _ in options.headers)
    final = [(low, high) for low, high in options.status if high >= 200 or (upgrade and low <= 101 <= high)]
    if not final and placed.sure(path, "status", "headers"):
        only_upgrade = any(low <= 101 <= high for low, high in options.status)
        report.error(
            placed.item.at(*path, "status"),
            "no answer can pass: `status` has codes below 200 alone, which come before the answer",
            "101 is an answer to `headers: {Upgrade: websocket}`"
            if only_upgrade
            else "write for example 200",
        )


def _patterns(placed: Placed[Any], path: Path, check: CheckSpec, report: Report) -> None:
    """Report patterns whose search could delay other checks."""
    options = check.probe.options
    searched = []
    if isinstance(options, HttpOptions):
        searched = [(key, getattr(options, key), options.body_limit) for key in ("body", "not_body")]
    elif isinstance(options, TcpOptions):
        searched = [("expect", options.expect, EXPECT_WINDOW)]
    elif isinstance(options, UdpOptions):
        searched = [("expect", options.expect, LONGEST_DATAGRAM)]
    for key, pattern, size in searched:
        if pattern and too_much(pattern, size) and placed.sure(path, key, "body_limit"):
            hint = "shorten it, above all its counts" + (", or lower `body_limit`" if "body" in key else "")
            steps = compile_pattern(pattern).instructions
            text = f"`{key}` can take too long on {size} bytes: it comes to {steps} steps for each"
            report.error(placed.item.at(*path, key), text, hint)
