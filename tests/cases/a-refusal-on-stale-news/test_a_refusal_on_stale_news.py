import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from fake_director import VIP, FakeDirector, announced, eventually, inventory, running
from lsdbs import rid, star, stub

from clusterlb.api.server import Server
from clusterlb.cli.client import ask
from clusterlb.controller import routing
from clusterlb.model.inventory import Director
from clusterlb.model.lsdb import Databases
from clusterlb.model.ospf import Uplink

ALONE = Databases(star(2, stub(1)))
BOTH = Databases(star(2, stub(1), stub(2)))


@asynccontextmanager
async def first_of_two(root, database, monkeypatch):
    """A director that has looked once, and looks no more by itself; with how to wish for a drain."""
    monkeypatch.setattr(routing, "IDLE_VIEW", 3600.0)
    directors = {f"d{n}": Director(f"d{n}", rid(n), (Uplink("e0"),)) for n in (1, 2)}
    host = FakeDirector(root, replace(inventory(), directors=directors))
    host.frr.lsdb = database
    async with running(host) as controller:
        server = Server(controller, root / "run", None)
        await server.start()
        try:
            await eventually(lambda: VIP in announced(host))
            await controller.routing.cluster(at_once=True)
            wish = {"kind": "drain", "reason": "kernel", "who": "ada"}
            yield (
                host,
                lambda **more: asyncio.to_thread(
                    ask, root / "run", "POST", "/v1/intents", 10.0, body={**wish, **more}
                ),
            )
        finally:
            await server.close()


@pytest.mark.parametrize("target", ["director", f"vip/{VIP}"])
async def test_another_that_has_come_since(tmp_path, target, monkeypatch):
    async with first_of_two(tmp_path, ALONE, monkeypatch) as (host, wish):
        host.frr.lsdb = BOTH
        code, answer = await wish(target=target)
        assert (code, answer.get("error")) == (200, None)


@pytest.mark.parametrize("target", ["director", f"vip/{VIP}"])
async def test_another_that_has_gone_since(tmp_path, target, monkeypatch):
    async with first_of_two(tmp_path, BOTH, monkeypatch) as (host, wish):
        host.frr.lsdb = ALONE
        code, answer = await wish(target=target)
        assert (code, "nobody else" in answer["error"]) == (409, True)


@pytest.mark.parametrize("target", ["director", f"vip/{VIP}"])
async def test_a_look_that_fails(tmp_path, target, monkeypatch):
    async with first_of_two(tmp_path, BOTH, monkeypatch) as (host, wish):
        host.frr.stuck = "ospfd"
        code, answer = await wish(target=target)
        assert code == 409
        assert "ospfd did not answer" in answer["error"]
        assert "--force" in answer["error"]
        assert (await wish(target=target, force=True))[0] == 200
