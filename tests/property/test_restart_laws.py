"""No news changes nothing: what verdicts and wishes have made stays until there are other verdicts."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from restart_story import Story, lived, more_checks, more_members

from clusterlb.model.check import VerdictState

SEEDS = st.integers(0, 10**9)


def tell(seed: int, law: Callable[[Story], Awaitable[None]], *, plain: bool = False) -> None:
    async def told() -> None:
        with tempfile.TemporaryDirectory() as root:
            story = await lived(Path(root), Random(seed), plain=plain)
            try:
                await law(story)
            finally:
                await story.end()

    asyncio.run(told())


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_start_changes_nothing_until_the_checks_have_spoken(seed: int):
    async def law(story: Story) -> None:
        before = story.host.snapshot()
        await story.end()
        assert await story.begin() == 0
        assert story.host.snapshot() == before

    tell(seed, law)


@given(SEEDS)
@settings(max_examples=20, deadline=None)
def test_a_start_changes_nothing_while_the_checks_say_what_they_said(seed: int):
    """That is, for clients. A pool whose VIP is not announced is not taken for fit: nothing says that it is.

    Nor is every VIP and member as plain as here: what one of several pools or checks had said is not known.
    """

    async def law(story: Story) -> None:
        before, verdicts = ours(story), dict(story.controller.store.verdicts)
        await story.end()
        await story.begin()
        said = list(verdicts.items())
        story.dice.shuffle(said)
        for key, verdict in said:
            story.controller.store.verdicts[key] = verdict
            if story.dice.random() < 0.3:
                await story.rest()
                assert ours(story) == before
        await story.rest()
        assert ours(story) == before

    tell(seed, law, plain=True)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_reload_that_adds_checks_changes_no_member_until_they_have_spoken(seed: int):
    async def law(story: Story) -> None:
        before = ours(story)
        story.reload(more_checks(story.controller.store.inventory))
        await story.rest()
        assert ours(story) == before

    tell(seed, law)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_a_reload_that_appends_members_changes_nothing_until_they_are_known(seed: int):
    async def law(story: Story) -> None:
        plain = more_members(story.controller.store.inventory)
        pools = {
            name: replace(pool, checks=tuple(replace(c, initial=VerdictState.UNKNOWN) for c in pool.checks))
            for name, pool in plain.pools.items()
        }
        before = ours(story)
        story.reload(replace(plain, pools=pools))
        await story.rest()
        assert ours(story) == before

    tell(seed, law)


def ours(story: Story) -> object:
    """Return what clients see: what is announced, and the services of that."""
    announced = dict(story.host.links.read().announced)
    return {
        key: state for key, state in story.host.ipvs.read().items() if key.address in announced
    }, announced
