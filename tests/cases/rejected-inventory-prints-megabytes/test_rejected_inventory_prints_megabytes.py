"""What a controller logs and what its status says of an inventory with thousands of problems."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner
from fake_director import FakeDirector
from problem_marks import problems_of

from clusterlb.cli.main import main
from clusterlb.config.load import InventoryError, load
from clusterlb.config.render import MOST_SHOWN, render_some

MEMBERS = "".join(
    f"      - {{address: 10.2.{n // 250}.{n % 250 + 1}, port: 80, wieght: 1}}\n" for n in range(4000)
)
BAD = f"""\
cluster: {{name: edge-1, vip_prefixes: [10.100.0.0/24]}}
directors: {{d1: {{router_id: 10.1.0.1, uplinks: [e0]}}}}
pools:
  spare: {{members: [{{address: 10.2.0.102, port: 80}}]}}
  web:
    members:
{MEMBERS}
vips:
  10.100.0.1: {{services: [{{protocol: tcp, port: 80, pool: web}}]}}
"""
MOST = 20_000  # characters that a reader can be asked to look at


async def test_a_controller_logs_the_first_and_counts_the_rest_and_says_it_once(tmp_path: Path):
    controller = FakeDirector(tmp_path).controller()
    (tmp_path / "inventory.yaml").write_text(BAD)
    with structlog.testing.capture_logs() as logs:
        assert not await controller.reloader.reload()
        assert not await controller.reloader.reload()
    assert len(str(logs)) < MOST
    assert [entry["log_level"] for entry in logs] == ["error", "warning"]
    assert len(controller.reloader.error) < MOST
    assert "and 3980 errors, " in controller.reloader.error
    assert controller.store.counts["reload_failures"] == 2
    (tmp_path / "inventory.yaml").write_text(BAD.replace("wieght", "weihgt"))
    with structlog.testing.capture_logs() as logs:
        await controller.reloader.reload()
    assert [entry["log_level"] for entry in logs] == ["error"]


def test_errors_come_before_warnings(tmp_path: Path):
    (tmp_path / "inventory.yaml").write_text(BAD)
    with pytest.raises(InventoryError) as caught:
        load(tmp_path / "inventory.yaml")
    text = render_some(caught.value.problems)
    assert text.count(": error: ") == MOST_SHOWN
    assert ": warning: " not in text


def test_check_still_prints_them_all(tmp_path: Path):
    (tmp_path / "inventory.yaml").write_text(BAD)
    done = CliRunner().invoke(main, ["check", str(tmp_path / "inventory.yaml")])
    assert done.output.count(": error: ") == 4000


@pytest.mark.parametrize(
    "text",
    [
        f"{'k' * 1_000_000}: 1\n",
        f"pools: {{web: {{{'k' * 100_000}: 1, {'k' * 100_000}: 2}}}}\n",
        f"pools: {{web: !{'t' * 100_000} 1}}\n",
        f"pools: {{web: *{'a' * 100_000}}}\n",
        f"pools: {{web: !!int {'a' * 100_000}}}\n",
    ],
    ids=["key", "duplicate key", "tag", "alias", "value"],
)
def test_no_problem_repeats_a_whole_value(text: str, tmp_path: Path):
    for problem in problems_of(text, tmp_path):
        assert len(problem.text) <= 1000
        assert len(problem.hint) <= 1000
