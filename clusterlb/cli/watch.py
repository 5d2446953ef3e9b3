"""Watch a drain until it is done."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clusterlb.cli.exits import Exit
from clusterlb.model.status import AddressStatus, MemberStatus, Status
from clusterlb.model.target import DirectorTarget, MemberTarget, PoolTarget, Target, VipTarget
from clusterlb.model.vrrp import VrrpState

if TYPE_CHECKING:
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

LOOK_EVERY = 1.0
WAITS = "weight 0, waiting for connections to end"
# VRRP: another director is master, or this director no longer takes part
HANDED_OVER = (VrrpState.BACKUP, VrrpState.INITIALIZE)
LATE_AFTER = 30.0  # seconds after its deadline until which a drain may finish


def watch_drain(run_dir: Path, target: Target, patience: float | None) -> None:
    """Show the live connections until the drain is done; exit code 8 when it is late.

    Ctrl-C ends the watching only.
    """
    from rich.progress import Progress

    from clusterlb.cli.client import ask_status

    until = None if patience is None else time.monotonic() + patience + LATE_AFTER
    try:
        with Progress(*columns()) as bar:
            task = bar.add_task(str(target), total=None)
            most = 0
            while True:
                done, connections, why = progress(ask_status(run_dir), target)
                most = max(most, connections)
                words = f"{connections} connections" + (f" ({why})" if why else "")
                bar.update(task, description=words, total=max(most, 1), completed=most - connections)
                if done:
                    break
                if until is not None and time.monotonic() > until:
                    click.echo(f"{target} is not drained by its deadline: {why}", err=True)
                    raise SystemExit(int(Exit.TIMED_OUT))
                time.sleep(LOOK_EVERY)
    except KeyboardInterrupt:
        click.echo("the drain goes on; see `clusterlb status`, end it with `clusterlb undrain`", err=True)
        return
    click.echo(f"{target} is drained")


def columns() -> tuple[TextColumn, BarColumn, TimeElapsedColumn]:
    """Return the columns of the progress display: text, bar, elapsed time."""
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn

    return TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn()


def progress(status: Status, target: Target) -> tuple[bool, int, str]:
    """Return whether a drain is done, the number of live connections, and the reason why it waits."""
    left: list[AddressStatus] = []
    match target:
        case MemberTarget() | PoolTarget():
            return _members(status, target)
        case VipTarget(address):
            vips = [vip for vip in status.vips if vip.vip == address]
        case DirectorTarget():
            vips = list(status.vips)
            left = [address for address in status.snat if address.announced]
    serving = [vip for vip in vips if vip.announced and vip.vrrp not in HANDED_OVER]
    rows = [member for vip in serving for service in vip.services for member in service.members]
    left = [*serving, *left]
    return not left, _live(rows), left[0].because if left else ""


def _members(status: Status, target: MemberTarget | PoolTarget) -> tuple[bool, int, str]:
    rows = [
        member
        for vip in status.vips
        for service in vip.services
        for member in service.members
        if service.pool == target.pool
        if isinstance(target, PoolTarget) or member.member == target.endpoint
    ]
    present = [member for member in rows if member.weight is not None]
    reason = next(filter(None, (member.lingering for member in present)), WAITS)
    return not present, _live(present), reason if present else ""


def _live(members: list[MemberStatus]) -> int:
    return sum((member.active or 0) + (member.inactive or 0) for member in members)
