"""Templates of an operator's own that are no good."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_director import FakeDirector, inventory, running

from clusterlb.cli.main import main
from clusterlb.controller import reload
from clusterlb.render import templates, templates_aside
from clusterlb.render.frr import render_config
from clusterlb.render.templates import RenderError

INVENTORY = """\
cluster: {name: edge-1, vip_prefixes: [10.100.0.0/24]}
directors: {d1: {router_id: 10.1.0.1, uplinks: [e0]}}
pools: {web: {members: [{address: 10.2.0.101, port: 80}]}}
vips: {10.100.0.1: {services: [{protocol: tcp, port: 80, pool: web}]}}
"""
BAD = {
    "undefined": ("a\n{{ nosuch }}\n", r"frr.conf.j2:2: UndefinedError: 'nosuch'"),
    "syntax": ("\n\n{% for %}", r"frr.conf.j2:3: TemplateSyntaxError"),
    "raises": ("{{ 1/0 }}", r"frr.conf.j2:1: ZeroDivisionError"),
    "type": ("{{ ospf.area + 'x' }}", r"frr.conf.j2:1: TypeError"),
    "include": ('{% include "nosuch.j2" %}', r"frr.conf.j2:1: TemplateNotFound: .*nosuch.j2"),
    "itself": ('{% include "frr/frr.conf.j2" %}', r"frr.conf.j2:1: RecursionError"),
    "memory": ("{% set x = 'x' * 10**10 %}", r"frr.conf.j2:1: MemoryError"),
    "long": ("{{ 'x' * 10**7 }}", r"renders to 10,000,000 characters"),
}


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where an operator's frr.conf.j2 is looked for."""
    overrides = tmp_path / "templates"
    (overrides / "frr").mkdir(parents=True)
    monkeypatch.setattr(templates, "OVERRIDES", overrides)
    monkeypatch.setattr(reload, "OVERRIDES", overrides)
    return overrides / "frr" / "frr.conf.j2"


def write(path: Path, text: str) -> None:
    path.write_text(text)


def rendered() -> str:
    cluster = inventory()
    return render_config(cluster, cluster.directors["d1"])


def test_a_good_one_is_taken(own: Path):
    shipped = rendered()
    own.write_text("router ospf\n ospf router-id {{ director.router_id }}\n")
    assert rendered() == "router ospf\n ospf router-id 10.1.0.1\n"
    own.unlink()
    assert rendered() == shipped


@pytest.mark.parametrize(("text", "why"), BAD.values(), ids=BAD)
def test_what_does_not_render_is_named_with_its_line(text: str, why: str, own: Path):
    own.write_text(text)
    with pytest.raises(RenderError, match=why):
        rendered()


def test_a_loop_ends_at_its_limit(own: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(templates_aside, "PATIENCE", 0.5)
    own.write_text("{% for i in range(10**11) %}{% endfor %}")
    with pytest.raises(RenderError, match=r"frr.conf.j2: does not end within 0.5 s"):
        rendered()


ODD: dict[str, tuple[Callable[[Path], object], str]] = {
    "not UTF-8": (lambda path: path.write_bytes(b"\xff\xfe"), "UnicodeDecodeError"),
    "a folder": (lambda path: path.mkdir(), "is a folder, not a regular file"),
    "a FIFO": (os.mkfifo, "is a FIFO, not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "is a character device"),
    "a link to nowhere": (lambda path: path.symlink_to("/nowhere"), "cannot be read: No such file"),
    "open to all": (lambda path: (path.write_text("x"), path.chmod(0o666)), "anybody may change"),
}


@pytest.mark.parametrize(("make", "why"), ODD.values(), ids=ODD)
def test_what_is_no_template_is_named_and_never_passed_over(make, why: str, own: Path):
    make(own)
    with pytest.raises(RenderError, match=why):
        rendered()


async def test_a_reload_reports_it_as_it_does_a_bad_inventory_and_takes_in_the_mended_one(
    own: Path, tmp_path: Path
):
    host = FakeDirector(tmp_path)
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    async with running(host) as controller:
        assert await controller.reloader.reload(yes=True)
        write(own, "{{ nosuch }}")
        await controller.reloader.watch()
        await (
            controller.reloader.watch()
        )  # a file is taken over that has stood still from one look to the next
        assert "frr.conf.j2:1: UndefinedError" in controller.reloader.error
        assert controller.store.counts["reload_failures"] == 1
        write(own, "router ospf\n ospf router-id {{ director.router_id }}\n")
        await controller.reloader.watch()
        await controller.reloader.watch()
        assert controller.reloader.error == ""
        assert [line.text for line in controller.store.index.frr] == [
            "router ospf",
            "ospf router-id 10.1.0.1",
        ]


async def test_the_loop_goes_on_meanwhile(own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(templates_aside, "PATIENCE", 1.0)
    host = FakeDirector(tmp_path)
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    async with running(host) as controller:
        write(own, "{% for i in range(10**11) %}{% endfor %}")
        reloading = asyncio.create_task(controller.reloader.reload())
        turns = 0
        while not reloading.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert not reloading.result()
        assert turns > 10
        assert "does not end within" in controller.reloader.error


@pytest.mark.parametrize(
    "words",
    [
        ["render", "frr", "--director", "d1"],
        ["render", "frr-daemons"],
        ["render", "ipvs"],
        ["generate", "switch", "--os", "nxos"],
        ["generate", "realserver"],
    ],
    ids=" ".join,
)
def test_no_command_answers_with_a_traceback(
    words: list[str], own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    monkeypatch.setattr(templates.environment, "__defaults__", (own.parents[1],))
    shipped = Path(templates.__file__).parents[2] / "templates"
    for path in shipped.rglob("*.j2"):
        mine = own.parents[1] / path.relative_to(shipped)
        mine.parent.mkdir(exist_ok=True)
        mine.write_text("{{ nosuch }}")
    done = CliRunner().invoke(main, [*words, "--inventory", str(tmp_path / "inventory.yaml")])
    assert done.exit_code == 1, done.output
    assert ".j2:1: UndefinedError" in done.output
