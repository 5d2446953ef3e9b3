"""Two controllers that want one socket."""

from __future__ import annotations

import asyncio
import socket
import stat
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fake_director import FakeDirector, running

from clusterlb.api.server import ApiError, Server
from clusterlb.cli.client import ask


@asynccontextmanager
async def served(host: FakeDirector, run_dir: Path):
    async with running(host) as controller:
        server = Server(controller, run_dir, None)
        try:
            await server.start()
            yield server
        finally:
            await server.close()


async def answers(run_dir: Path) -> bool:
    code, _ = await asyncio.to_thread(ask, run_dir, "GET", "/v1/status")
    return code == 200


async def test_the_second_is_refused_and_the_first_answers(tmp_path: Path):
    run_dir = tmp_path / "run"
    async with served(FakeDirector(tmp_path / "a"), run_dir):
        with pytest.raises(ApiError, match=r"another controller answers on .*api\.sock"):
            async with served(FakeDirector(tmp_path / "b"), run_dir):
                pass
        assert await answers(run_dir)
    async with served(FakeDirector(tmp_path / "c"), run_dir):  # and the name is free again
        assert await answers(run_dir)
    assert not (run_dir / "api.sock").exists()


@pytest.mark.parametrize("queue", [0, 5])
async def test_one_that_knows_no_lock_is_asked(queue: int, tmp_path: Path):
    """An older controller holds no lock; one that hangs lets nobody in."""
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    with socket.socket(socket.AF_UNIX) as older:
        older.bind(str(run_dir / "api.sock"))
        older.listen(queue)
        waiting = [
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) for _ in range(queue)
        ]
        for each in waiting:
            each.connect(str(run_dir / "api.sock"))
        with pytest.raises(ApiError, match="another controller answers"):
            async with served(FakeDirector(tmp_path), run_dir):
                pass
        for each in waiting:
            each.close()
    assert (run_dir / "api.sock").exists()


async def test_what_a_killed_one_left_behind_is_taken_over(tmp_path: Path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(run_dir / "api.sock"))
    async with served(FakeDirector(tmp_path), run_dir):
        assert await answers(run_dir)


async def test_what_is_no_socket_is_not_removed(tmp_path: Path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    (run_dir / "api.sock").write_text("precious")
    with pytest.raises(ApiError, match="is a regular file"):
        async with served(FakeDirector(tmp_path), run_dir):
            pass
    assert (run_dir / "api.sock").read_text() == "precious"


async def test_the_end_removes_nothing_that_is_anothers(tmp_path: Path):
    run_dir = tmp_path / "run"
    async with served(FakeDirector(tmp_path), run_dir):
        (run_dir / "api.sock").unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(run_dir / "api.sock"))
    assert (run_dir / "api.sock").exists()


async def test_a_folder_that_anybody_may_change_is_refused(tmp_path: Path):
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    run_dir.chmod(0o777)
    with pytest.raises(ApiError, match="anybody may change"):
        async with served(FakeDirector(tmp_path), run_dir):
            pass


async def test_a_path_that_no_socket_can_have_is_named(tmp_path: Path):
    with pytest.raises(ApiError, match="AF_UNIX path too long"):
        async with served(FakeDirector(tmp_path), tmp_path / ("x" * 100)):
            pass


async def test_nobody_else_may_connect(tmp_path: Path):
    async with served(FakeDirector(tmp_path), tmp_path / "run"):
        assert stat.S_IMODE((tmp_path / "run" / "api.sock").stat().st_mode) == 0o660
