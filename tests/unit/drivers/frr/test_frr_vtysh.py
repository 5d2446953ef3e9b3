import pytest

from clusterlb.drivers.frr import vtysh as vtysh_module
from clusterlb.drivers.frr.vtysh import Vtysh
from clusterlb.drivers.interface import FrrLockedError

pytestmark = pytest.mark.behaviour

# What vtysh -f of FRR 9 and 10 prints while another session holds a datastore, by their sources.
LOCKED = {
    "9.0 to 10.5, file-lock": "% Can't enter config; candidate datastore locked by another session",
    "9.0 to 10.5, file-lock on running": "% Can't enter config; running datastore locked by another session",
    "9.0 to 10.4, a command": "% command failed, could not lock candidate DS",
    "10.5, a command": "% could not lock candidate DS",
    "9.0 to 10.2, mgmtd": "MGMTD: Lock already taken on DS by another session!",
    "10.5, mgmtd": "% Lock already taken on datastore by session: 7",
    "10.2 to 10.5, mgmtd, a commit": "% Candidate DS is locked by another session",
    "10.7, mgmtd, a commit": "% source/target datastore is locked by another transaction txn-id: 12",
    "8.4 to 10.7, configure exclusive": "% Configuration is locked by other client",
    "8.4 to 10.7, a daemon": "% Configuration failed.\n\nrunning configuration is locked by another client",
}


@pytest.fixture
def vtysh(tmp_path, monkeypatch):
    """A vtysh that says ``text`` and fails so many times before it succeeds; ``calls`` has its arguments."""
    calls = tmp_path / "calls"
    calls.touch()

    def make(text: str, times: int) -> Vtysh:
        script = tmp_path / "vtysh"
        script.write_text(
            f"""#!/bin/sh
echo "$*" >> {calls}
[ "$(wc -l < {calls})" -le {times} ] || exit 0
cat <<'END'
{text}
END
exit 1
"""
        )
        script.chmod(0o755)
        return Vtysh(seconds=20)

    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(vtysh_module, "FRR_RUN", tmp_path)
    make.calls = lambda: calls.read_text().splitlines()
    return make


@pytest.mark.parametrize("text", LOCKED.values(), ids=LOCKED)
async def test_a_lock_of_another_session_is_tried_again(vtysh, text, tmp_path):
    finished = await vtysh(text, 1).apply(tmp_path / "delta.conf")
    assert finished.code == 0
    assert vtysh.calls() == [f"-f {tmp_path}/delta.conf"] * 2


async def test_a_lock_that_stays_is_told(vtysh, tmp_path):
    with pytest.raises(
        FrrLockedError, match=r"stayed locked .* 5 attempts: .*Lock already taken.*close the vtysh"
    ):
        await vtysh("Lock already taken on DS by another session!", 99).apply(tmp_path / "delta.conf")
    assert len(vtysh.calls()) == 5


@pytest.mark.parametrize("text", LOCKED.values(), ids=LOCKED)
async def test_nothing_is_sent_while_mgmtd_says_that_the_lock_is_taken(vtysh, text, tmp_path):
    """``vtysh -f`` of FRR 10 would wait, and give the daemons without datastores their part meanwhile."""
    (tmp_path / "mgmtd.vty").touch()
    assert (await vtysh(text, 2).apply(tmp_path / "delta.conf")).code == 0
    probe = "-d mgmtd -c configure terminal file-lock -c end"
    assert vtysh.calls() == [probe] * 3 + [f"-f {tmp_path}/delta.conf"]


async def test_a_mgmtd_without_file_locks_is_no_reason_to_wait(vtysh, tmp_path):
    (tmp_path / "mgmtd.vty").touch()
    finished = await vtysh("% Unknown command: configure terminal file-lock", 1).apply(
        tmp_path / "delta.conf"
    )
    assert finished.code == 0
    assert len(vtysh.calls()) == 2


async def test_any_other_refusal_is_returned_at_once(vtysh, tmp_path):
    finished = await vtysh("line 3: % Unknown command[17]: bogus", 99).apply(tmp_path / "delta.conf")
    assert (finished.code, finished.said) == (1, "line 3: % Unknown command[17]: bogus")
    assert len(vtysh.calls()) == 1
