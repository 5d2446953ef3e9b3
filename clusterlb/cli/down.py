"""``clusterlb down``: take this director out of service gracefully."""

from __future__ import annotations

from pathlib import Path

import click

from clusterlb.cli import options
from clusterlb.cli.exits import Exit


@click.command("down")
@options.run_dir_option
@options.state_dir_option
@options.pathspace_option
@options.director_option
@click.option("--force", is_flag=True, help="Do it although too few other directors announce a VIP.")
def command(run_dir: Path, state_dir: Path, pathspace: str | None, director: str | None, force: bool) -> None:
    """Take this director out of service gracefully.

    Withdraws every VIP, waits until no packets to VIPs arrive, then removes clusterlb's services, addresses,
    lanes and FRR lines, and restores the settings that clusterlb changed. A running controller does this and
    ends with exit code 9, after which systemd does not start it again (systemctl start does). Without a
    running controller, this command does it from the record in the state directory.
    Refused (exit code 7), as a drain is, while fewer than `min_announcers` other directors announce a VIP.
    """
    from clusterlb.cli.client import UnreachableError, ask, ask_status

    click.echo("withdrawing the VIPs and waiting for their flows to move...", err=True)
    try:
        if director is not None:
            here = ask_status(run_dir).director
            if here != director:
                raise click.ClickException(
                    f"the controller on {run_dir} runs director {here}, not {director}"
                )
        code, answer = ask(run_dir, "POST", "/v1/down", timeout=120.0, body={"force": force})
        if code == 409:
            click.echo(f"Error: {answer.get('error')}", err=True)
            raise SystemExit(int(Exit.REFUSED))
        problems = answer.get("problems", [])
    except UnreachableError as error:
        from clusterlb.service import StartError, take_down

        click.echo(f"{error.message}; taking the director down from its record", err=True)
        try:
            problems = take_down(state_dir, pathspace)
        except StartError as failed:
            raise click.ClickException(str(failed)) from failed
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    if problems:
        click.echo("a part remains: repair the errors above and run clusterlb down again", err=True)
        raise SystemExit(int(Exit.FAILED))
    click.echo("down: nothing of clusterlb's is left on this director")
