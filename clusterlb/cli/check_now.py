"""``clusterlb check-now``: one probe of a member, phase by phase."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clusterlb.cli import options
from clusterlb.cli.exits import Exit

if TYPE_CHECKING:
    from clusterlb.model.health import CheckKey, Observation
    from clusterlb.model.inventory import Inventory


@click.command("check-now")
@click.argument("member", metavar="[POOL/]ADDRESS:PORT")
@options.inventory_option
@options.check_user_option
def command(member: str, inventory: Path, check_user: str) -> None:
    """Run a member's checks once and print each phase with its time.

    This command itself sends the probes, as the check engine's user would. No controller has to run, and a
    running one does not use the results. Exit code 0 when all checks pass, 5 when one fails, 1 when one
    could not be sent.
    """
    from clusterlb.checks.once import once_as

    cluster = options.load_inventory(inventory)
    checks = list(_checks(cluster, member))
    if not checks:
        raise click.ClickException(_unknown(cluster, member))
    try:
        done = once_as((key.probe for _, key in checks), check_user)
    except KeyError as error:
        raise click.ClickException(f"this host knows no user {check_user!r}; see --check-user") from error
    failed = unsent = False
    for pool, key in checks:
        click.echo(f"{pool}/{member.rpartition('/')[2]}  {_title(key)}")
        seen = done.seen.get(key.probe)
        if seen is None:
            unsent = True
            click.echo(f"    NOT SENT: {', '.join(done.reasons) or 'no result in time'}")
            continue
        failed = failed or not seen.ok
        _print(seen)
    if unsent:
        raise SystemExit(int(Exit.FAILED))
    if failed:
        raise SystemExit(int(Exit.DEGRADED))


def _checks(inventory: Inventory, member: str) -> Iterator[tuple[str, CheckKey]]:
    """Yield each check of the members with this name, and its pool."""
    from clusterlb.core.roster import roster

    wanted_pool, _, endpoint = member.rpartition("/")
    for (pool, name), checks in roster(inventory).checks.items():
        if str(name) == endpoint and wanted_pool in ("", pool):
            yield from ((pool, key) for paths in checks for key in paths)


def _unknown(inventory: Inventory, member: str) -> str:
    from clusterlb.core.roster import roster

    checked = [
        f"{pool}/{endpoint}" for (pool, endpoint), checks in roster(inventory).checks.items() if checks
    ]
    shown = ", ".join(checked[:20]) + (f" and {len(checked) - 20} more" if len(checked) > 20 else "")
    return f"no member {member} that is checked; these are: {shown or 'none'}"


def _title(key: CheckKey) -> str:
    spec, probe = key.check, key.probe
    path = f" through {probe.through.vip}" if probe.through else ""
    port = "" if spec.port is None else f" port {spec.port}"
    return f"{probe.spec.type.value}{port}{path}, timeout {probe.spec.timeout:g} s"


def _print(seen: Observation) -> None:
    for name, at in seen.phases:
        click.echo(f"    {at * 1000:9.1f} ms  {name}")
    verdict = "passed" if seen.ok else "FAILED"
    share = "" if seen.share is None else f" (asks for {seen.share}% of its weight)"
    click.echo(f"    {seen.took * 1000:9.1f} ms  {verdict}: {seen.detail}{share}")
    if seen.warning:
        click.echo(f"    warning: {seen.warning}")
