"""``clusterlb status``: which VIPs this director announces, and why."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clusterlb.cli import options
from clusterlb.cli.exits import Exit
from clusterlb.cli.intent import line
from clusterlb.controller.judgement import engine_trouble, late, troubles, unheard
from clusterlb.model.check import VerdictState
from clusterlb.model.ospf import OspfVersion
from clusterlb.model.peer import PeerState
from clusterlb.model.status import FrrStatus, MemberStatus, PeerStatus, Status, VipStatus
from clusterlb.model.vrrp import VrrpState

if TYPE_CHECKING:
    from rich.console import Console


PIPED = 160  # columns
SHOWN = 10  # lines of checks that are not probed


@click.command("status")
@options.run_dir_option
@options.json_option
def command(run_dir: Path, output: str) -> None:
    """Show what this director announces, and why (not).

    Exit code 5 when something needs attention: a VIP is withdrawn or no neighbour learns of it, the director
    is unfit, FRR or IPVS does not answer, the inventory on disk is rejected, or checks are not probed.
    """
    from clusterlb.api.json_form import encode
    from clusterlb.cli.client import ask_status

    status = ask_status(run_dir)
    if output == "json":
        click.echo(encode(status, indent=2))
    else:
        show(status)
    if troubles(status):
        raise SystemExit(int(Exit.DEGRADED))


def show(status: Status) -> None:
    """Print a status object, the worst problems first."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # a pipe has no width: PIPED keeps addresses on one line; rich would take `:100:` in one for an emoji
    console = Console(
        highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPED
    )
    fit = "fit" if status.fit else f"UNFIT ({status.unfit_because})"
    console.print(
        Text(f"director {status.director} of {status.cluster}: {fit}"),
        Text(f"ospf neighbours {_neighbors(status.frr)}"),
        Text(f"tables {status.tables}"),
        *(Text(f"peers {text}") for text in [peers(status)] if text),
        sep="\n",
        soft_wrap=True,
    )
    for text in (*late(status), *unheard(status)):
        console.print(Text(f"error: {text}"))
    if not status.ipvs.answers:
        console.print(Text(f"IPVS does not answer, so no connections are shown: {status.ipvs.error}"))
    if status.inventory.rejected:
        console.print(Text("the inventory on disk is REJECTED, the last good one is in force:"))
        console.print(Text(status.inventory.rejected))
    for text in status.odd_tables:
        console.print(Text(f"error: most directors have another table for {text}"), soft_wrap=True)
    for error in (*status.errors, *filter(None, [status.rivals])):
        console.print(Text(f"error: {error}"))
    for text in _checks(status):
        console.print(Text(text), soft_wrap=True)
    _notes(console, status)
    for vip in status.vips:
        if vip.is_withdrawn:  # in a narrow window the table has no room for the reason
            console.print(Text(f"{vip.vip} WITHDRAWN, {_why(vip)}"), soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("vip / service", "lane", "member", "verdict", "weight", "active", "inactive", "because"):
        table.add_column(name, overflow="fold")
    for vip in sorted(status.vips, key=lambda vip: bool(vip.announced)):
        table.add_row(str(vip.vip), _lane(vip), "", "", "", "", "", Text(_why(vip)))
        for service in vip.services:
            for number, member in enumerate(service.members):
                because = (member.because, member.lingering, member.warning, member.suspect)
                table.add_row(
                    f"  {service.protocol} {service.pool}" if number == 0 else "",
                    "",
                    Text(str(member.member)),
                    _verdict(member),
                    _count(member.weight),
                    _count(member.active),
                    _count(member.inactive),
                    Text("; ".join(filter(None, because))),
                )
    console.print(table)


def _why(vip: VipStatus) -> str:
    return f"{vip.reason.value if vip.reason else ''}: {vip.because}"


def _lane(vip: VipStatus) -> str:
    """Return the lanes of a VIP, and VRRP's election where VRRP moves the VIP."""
    if not vip.announced:
        return "WITHDRAWN" if vip.is_withdrawn else "-"
    lanes = ",".join(lane.value for lane in vip.announced)
    if vip.vrrp is None:
        return lanes
    return f"{lanes} (vrrp {'unknown' if vip.vrrp is VrrpState.UNKNOWN else vip.vrrp.value})"


def _neighbors(frr: FrrStatus) -> str:
    """Return the neighbours that are Full, or `unknown` while FRR does not answer."""
    if not frr.answers:
        return f"unknown: {frr.error or 'FRR does not answer'}"
    full = {}
    for protocol in frr.full:
        each = dict.fromkeys(n.router_id for n in frr.neighbors if n.protocol is protocol and n.full)
        full[protocol] = ", ".join(each) or "none"
    if OspfVersion.V3 not in full:
        return f"full: {full[OspfVersion.V2]}"
    six = f"unknown: {frr.ospf6_error}" if frr.ospf6_error else f"full: {full[OspfVersion.V3]}"
    return f"full: {full[OspfVersion.V2]}; ospfv3 neighbours {six}"


def _checks(status: Status) -> Iterator[str]:
    """Yield the checks that are not probed, so that their last verdicts stay."""
    trouble = engine_trouble(status.checks)
    if trouble:
        yield f"error: {trouble}: nobody is probed, and all verdicts stand"
    yield from (f"error: {text}" for text in status.unprobed[:SHOWN])
    if len(status.unprobed) > SHOWN:
        yield f"error: {len(status.unprobed) - SHOWN} more are not probed"
    if quarantined := status.checks.quarantined:
        yield f"warning: these checks hung the check engine, and run in one of their own now: {quarantined}"


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _verdict(member: MemberStatus) -> str:
    shown = "DOWN" if member.verdict is VerdictState.DOWN else member.verdict.value
    return f"{shown} (pinned)" if member.pinned else shown


def peers(status: Status) -> str:
    """Return how the peers are, those first that are not heard or do not hear; empty without any."""
    if not status.peers:
        return ""
    rows = sorted(status.peers, key=lambda each: not _peer_trouble(each))
    text = "; ".join(_peer_trouble(each) or f"{each.peer} connected" for each in rows)
    return text if status.joined else f"{text}; joining: not all have told of their anchors yet"


def _peer_trouble(peer: PeerStatus) -> str:
    if peer.state is not PeerState.CONNECTED:
        return f"{peer.peer} {peer.state.value.upper()} for {peer.age:.0f} s: {peer.because or 'no word yet'}"
    if not peer.reads:
        return f"{peer.peer} DOES NOT LISTEN: {peer.turned_away or 'it has not connected'}"
    if peer.behind:
        return f"{peer.peer} BEHIND: it has not taken in all anchors yet"
    if peer.tables_differ:
        return f"{peer.peer} connected, with another table for {', '.join(peer.tables_differ)}"
    return ""


def strayed(status: Status) -> Iterator[str]:
    """Yield what would become of flows if this director left, of each service for which there are such."""
    found = {service.service: service for vip in status.vips for service in vip.services}
    covered = status.peers and not status.uncovered
    for name, service in found.items():
        if service.strays and not (covered and service.anchored >= service.strays):
            yield (
                f"{service.strays} of {service.flows} flows of {name} are strays: on another member than the "
                "table picks. They go on here, and end when this director leaves"
            )


def _notes(console: Console, status: Status) -> None:
    from rich.text import Text

    for intent in status.intents:
        console.print(Text(line(intent)))
    for text in status.ports.warnings:
        console.print(Text(text))
    for text in (*status.heartbeats, *status.inside):
        console.print(Text(f"warning: {text}"))
    for text in status.uncovered:
        console.print(Text(f"note: {text}"), soft_wrap=True)
    if status.uncounted:
        console.print(Text(f"warning: strays are not counted: {status.uncounted}"), soft_wrap=True)
    for text in strayed(status):
        console.print(Text(f"note: {text}"), soft_wrap=True)
    for name, check in status.director_checks.items():
        if check.verdict is not VerdictState.UP:
            console.print(Text(f"director check {name}: {check.verdict.value.upper()} {check.because}"))
