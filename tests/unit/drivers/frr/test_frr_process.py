import asyncio
import os
import sys
from pathlib import Path

import pytest

from clusterlb.drivers.frr.process import run
from clusterlb.drivers.frr.vtysh import Vtysh
from clusterlb.drivers.interface import DriverError

pytestmark = pytest.mark.behaviour


async def test_outputs_and_code():
    code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
    finished = await run([sys.executable, "-c", code], 30)
    assert (finished.code, finished.out, finished.err) == (3, "out\n", "err\n")
    assert finished.said == "err\nout"


async def test_arguments_meet_no_shell():
    finished = await run(["echo", "$(id) ; `id`"], 30)
    assert finished.out == "$(id) ; `id`\n"


async def test_the_limit_kills_the_program_and_its_children(tmp_path):
    pids = tmp_path / "pids"
    with pytest.raises(TimeoutError):
        await run(["sh", "-c", f"sleep 600 & echo $$ $! > {pids}; wait"], 2)
    for pid in map(int, pids.read_text().split()):
        for _ in range(200):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                break
            if _is_zombie(pid):
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail(f"{pid} lives")


def _is_zombie(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_loop_that_is_closed_while_a_program_starts_does_not_hang():
    async def leave_one_starting():
        task = asyncio.create_task(run(["sleep", "600"], 600))
        await asyncio.sleep(0)
        return task

    asyncio.run(leave_one_starting())


async def test_missing_program():
    with pytest.raises(FileNotFoundError):
        await run(["/nonexistent/program"], 5)


@pytest.fixture
def vtysh(tmp_path, monkeypatch):
    """A vtysh that counts its calls and says what the test wants."""
    script = tmp_path / "vtysh"
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    def says(body: str) -> Vtysh:
        script.write_text(f"#!/bin/sh\necho x >> {tmp_path}/calls\n{body}\n")
        script.chmod(0o755)
        return Vtysh()

    says.calls = lambda: len((tmp_path / "calls").read_text().split())
    return says


async def test_a_lock_is_waited_for(vtysh, tmp_path):
    taken = 'echo "Lock already taken on DS" >&2; exit 1'
    client = vtysh(f"[ $(wc -l < {tmp_path}/calls) -lt 3 ] && {{ {taken}; }}; exit 0")
    assert (await client.apply(tmp_path / "file")).code == 0
    assert vtysh.calls() == 3


async def test_a_lock_is_not_waited_for_for_ever(vtysh, tmp_path):
    client = vtysh('echo "VTY configuration is locked by other VTY"; exit 1')
    with pytest.raises(DriverError, match="stayed locked"):
        await client.apply(tmp_path / "file")
    assert vtysh.calls() == 5


async def test_no_vtysh(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DriverError, match="install the packages frr"):
        await Vtysh().show("show version")
