"""``clusterlb status``: what is announced, and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clusterlb.cli import options
from clusterlb.cli.exits import Exit
from clusterlb.controller.judgement import engine_trouble, is_withdrawn, late, troubles, unheard
from clusterlb.model.readable import printable

if TYPE_CHECKING:
    from rich.console import Console


PIPED = 160  # columns
REASONS = ("because", "lingering", "warning", "suspect")
SHOWN = 10  # lines of checks that are not probed


@click.command("status")
@options.run_dir_option
@options.json_option
def command(run_dir: Path, output: str) -> None:
    """Show what this director announces, and why (not).

    Exit code 5 when something is not as it should be: a VIP is withdrawn or nobody hears of it, the director
    is unfit, FRR or IPVS does not answer, the inventory on disk is rejected, or checks are not probed.
    """
    from clusterlb.cli.client import ask

    _, status = ask(run_dir, "GET", "/v1/status")
    if output == "json":
        click.echo(json.dumps(status, indent=2))
    else:
        show(status)
    if troubles(status):
        raise SystemExit(int(Exit.DEGRADED))


def show(status: dict[str, Any]) -> None:
    """Print a status object, the worst first."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # a pipe has no width: wide enough there that addresses stay whole; in `fd00:100::1` rich sees an emoji
    console = Console(
        highlight=False, markup=False, emoji=False, width=None if sys.stdout.isatty() else PIPED
    )
    fit = "fit" if status["fit"] else f"UNFIT ({status['unfit_because']})"
    console.print(
        Text(f"director {status['director']} of {status['cluster']}: {fit}"),
        Text(f"ospf neighbours {_neighbors(status['frr'])}"),
        sep="\n",
    )
    for text in (*late(status), *unheard(status)):
        console.print(Text(f"error: {text}"))
    if not status["ipvs"]["answers"]:
        console.print(Text(f"IPVS does not answer, so no connections are shown: {status['ipvs']['error']}"))
    if status["inventory"]["rejected"]:
        console.print(Text("the inventory on disk is REJECTED, the last good one is in force:"))
        console.print(Text(status["inventory"]["rejected"]))
    for error in (*status["errors"], *filter(None, [status.get("rivals")])):
        console.print(Text(f"error: {error}"))
    for text in _checks(status):
        console.print(Text(text), soft_wrap=True)
    _notes(console, status)
    for vip in status["vips"]:
        if is_withdrawn(vip):  # in a narrow window the table has no room for the reason
            why = Text(f"{vip['vip']} WITHDRAWN, {vip['reason']}: {vip['because']}")
            console.print(why, soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("vip / service", "lane", "member", "verdict", "weight", "active", "inactive", "because"):
        table.add_column(name, overflow="fold")
    for vip in sorted(status["vips"], key=lambda vip: bool(vip["announced"])):
        lane = _lane(vip)
        table.add_row(vip["vip"], lane, "", "", "", "", "", Text(f"{vip['reason']}: {vip['because']}"))
        for service in vip["services"]:
            for number, member in enumerate(service["members"]):
                table.add_row(
                    f"  {service['service'].split()[0]} {service['pool']}" if number == 0 else "",
                    "",
                    Text(member["member"]),
                    _verdict(member),
                    _count(member["weight"]),
                    _count(member["active"]),
                    _count(member["inactive"]),
                    Text("; ".join(filter(None, map(member.get, REASONS)))),
                )
    console.print(table)


def _lane(vip: dict[str, Any]) -> str:
    """Say where a VIP is: on a lane, and what VRRP has elected where that is what moves it."""
    if not vip["announced"]:
        return "WITHDRAWN" if is_withdrawn(vip) else "-"
    lane = ",".join(vip["announced"])
    return f"{lane} (vrrp {vip['vrrp'] or 'unknown'})" if vip.get("vrrp") is not None else lane


def _neighbors(frr: dict[str, Any]) -> str:
    """Say who is Full, or that nobody knows: the last answer says nothing of what is now."""
    if not frr["answers"]:
        return f"unknown: {frr['error'] or 'FRR does not answer'}"
    full = dict.fromkeys(frr["full"], "none")
    for protocol in full:
        each = [n for n in frr["neighbors"] if n["protocol"] == protocol and n["state"].startswith("Full")]
        full[protocol] = ", ".join(dict.fromkeys(n["router_id"] for n in each)) or "none"
    if "OSPFv3" not in full:
        return f"full: {full['OSPFv2']}"
    six = f"unknown: {frr['ospf6_error']}" if frr["ospf6_error"] else f"full: {full['OSPFv3']}"
    return f"full: {full['OSPFv2']}; ospfv3 neighbours {six}"


def _checks(status: dict[str, Any]) -> Iterator[str]:
    """Say whose verdicts stand though nobody looks."""
    trouble = engine_trouble(status)
    if trouble:
        yield f"error: {trouble}: nobody is probed, and all verdicts stand"
    unprobed = status.get("unprobed", [])
    yield from (f"error: {text}" for text in unprobed[:SHOWN])
    if len(unprobed) > SHOWN:
        yield f"error: {len(unprobed) - SHOWN} more are not probed"
    quarantined = status.get("checks", {}).get("quarantined")
    if quarantined:
        yield f"warning: the check engine fell silent in these checks, which run apart now: {quarantined}"


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _verdict(member: dict[str, Any]) -> str:
    shown: str = member["verdict"].upper() if member["verdict"] == "down" else member["verdict"]
    return f"{shown} (pinned)" if member["pinned"] else shown


def _notes(console: Console, status: dict[str, Any]) -> None:
    from rich.text import Text

    for intent in status["intents"]:
        what = f"{intent['kind']} {intent['value']}: {intent['target']}"
        console.print(Text(printable(f"{what} by {intent['who']}: {intent['reason']}")))
    for text in status["ports"]["warnings"]:
        console.print(Text(text))
    for text in [*status.get("heartbeats", []), *status["inside"]]:
        console.print(Text(f"warning: {text}"))
    for name, check in status["director_checks"].items():
        if check["verdict"] != "up":
            console.print(Text(f"director check {name}: {check['verdict'].upper()} {check['because']}"))
