"""Scrapers that come all at once, and scrapers that do not read."""

from __future__ import annotations

import asyncio
import gc
import socket
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web
from fake_director import FakeDirector, eventually, inventory, running

from clusterlb.api import scrape
from clusterlb.api.scrape import PIECE, Scrape, collected_later
from clusterlb.controller import status as rows
from clusterlb.controller.status import status

BODY = b"clusterlb_member_up 1\n" * 400_000
SCRAPERS = 60


@asynccontextmanager
async def served():
    """Serve 9 MB; yield the address, how often they were made, and the server's connections."""
    made = []

    async def make():
        made.append(len(made))
        await asyncio.sleep(0.05)
        return BODY

    app = web.Application()
    app.add_routes([web.get("/metrics", Scrape(make).answer)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0], made, runner.server
    finally:
        await runner.cleanup()


async def test_all_who_ask_at_once_get_one_answer(monkeypatch):
    monkeypatch.setattr(scrape, "FRESH", 3600.0)
    async with served() as ((host, port), made, _), ClientSession() as session:

        async def one():
            async with session.get(f"http://{host}:{port}/metrics") as answer:
                return await answer.read()

        answers = await asyncio.gather(*(one() for _ in range(8)))
        assert all(answer == BODY for answer in answers)
        assert made == [0]


async def test_one_who_does_not_read_holds_a_piece_and_is_let_go(monkeypatch):
    monkeypatch.setattr(scrape, "SEND_LIMIT", 1.0)
    async with served() as (address, made, server):
        idle = []
        for _ in range(SCRAPERS):
            one = socket.socket()
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            one.setblocking(False)
            await asyncio.get_running_loop().sock_connect(one, address)
            await asyncio.get_running_loop().sock_sendall(one, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            idle.append(one)
        await eventually(lambda: held(server))
        assert max(held(server)) <= 4 * PIECE
        await eventually(lambda: not server.connections)
        assert len(made) <= 2
        for one in idle:
            one.close()


def held(server):
    """Return the bytes that wait to be sent to each who does not take them."""
    transports = [connection.transport for connection in server.connections]
    return [n for t in transports if t is not None and (n := t.get_write_buffer_size())]


async def test_the_loop_has_its_turn_while_rows_are_made(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "AT_ONCE", 10)
    host = FakeDirector(tmp_path, inventory(members=100))
    async with running(host) as controller:
        turns = 0

        async def others():
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(others())
        shown = await status(controller)
        beside.cancel()
        assert len(shown.vips[0].services[0].members) == 100
        assert turns >= 10


def test_the_collector_is_back_when_the_last_is_made():
    with collected_later():
        with collected_later():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
