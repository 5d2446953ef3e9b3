"""SIGKILL of controllers at random moments; slow in emulation, so in a lane of its own (tox -e chaos)."""

import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import yaml
from lab_view import eventually, start

pytestmark = pytest.mark.kernel


@pytest.mark.parametrize("phase", ["bring-up", "reload", "down"])
def test_killed_at_random_moments_every_director_converges_and_no_request_is_lost(whole, client, phase):
    """Seven directors are killed, each at a moment of its own; the eighth carries the load throughout."""
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    victims = [name for name in whole.directors if name != "d8"]
    table, frr = whole.table("d8"), {name: whole.frr(name) for name in victims}
    text = whole.inventory.read_text()
    client.mark("before")
    with ThreadPoolExecutor(len(victims)) as pool:
        if phase == "bring-up":
            answers = list(pool.map(whole.control.down, victims))
            assert [status for status, _ in answers] == [0] * len(victims), answers

        def act(name):
            if phase == "bring-up":
                start(whole, name)
            elif phase == "down":
                pool.submit(whole.control.down, name)
            time.sleep(dice.uniform(0.05, 6.0))
            _kill(whole, name)

        if phase == "reload":
            changed = yaml.safe_load(text)
            changed["vips"].pop(whole.vips[1])
            whole.inventory.write_text(yaml.safe_dump(changed, sort_keys=False))
        list(pool.map(act, victims))
    whole.inventory.write_text(text)
    for name in victims:
        start(whole, name)
    eventually(whole.all_next_hops, 600, "all next hops after the restarts")
    for name in victims:
        eventually(lambda name=name: whole.table(name) == table, 120, f"{name}'s table")
        assert whole.frr(name) == frr[name]
    report = client.mark("after")
    assert report["requests"]["failed"] == 0, report
    assert report["flows"]["lost"] == 0, report


def _kill(whole, name):
    """SIGKILL a director's controller, if it has not ended by itself (its down may be through)."""
    if name in whole.control.do("processes")["directors"]:
        whole.control.do("kill", name, signal=int(signal.SIGKILL))
