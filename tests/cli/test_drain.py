"""What an operator reads who mistypes what is to be drained."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner
from fake_director import FakeDirector
from served_director import served

from clusterlb.cli.main import main


@pytest.mark.parametrize("verb", [("drain", "--reason", "x"), ("undrain",)], ids=["drain", "undrain"])
@pytest.mark.parametrize(
    ("kind", "name", "there"),
    [
        ("member", "web/10.2.0.101", "web/10.2.0.101:80"),
        ("member", "10.2.0.101:80", "web/10.2.0.101:80"),
        ("vip", "nonsense", "vip/10.100.0.1"),
        ("vip", "10.100.0.9", "vip/10.100.0.1"),
        ("pool", "wbe", "pool/web"),
    ],
)
async def test_it_says_what_there_is(tmp_path: Path, verb: tuple[str, ...], kind: str, name: str, there: str):
    async with served(FakeDirector(tmp_path)):
        words = [verb[0], kind, name, *verb[1:], "--run-dir", str(tmp_path / "run")]
        done = await asyncio.to_thread(CliRunner().invoke, main, words)
    assert done.exit_code == 1, done.output
    assert f" {kind}/{name}" in done.output.replace("'", " ")
    assert there in done.output or verb[0] == "undrain"
