"""One director to twelve and back beside a switch with eight paths: how many of them it sends flows to."""

import random
import time

from cluster_rig import ClusterRig, inventory, vips_of

from clusterlb.model.ospf import Bfd
from tests.frr.conftest import eventually

WIDTH, MOST = 8, 12
BFD = Bfd(0.3, 3)  # twelve sessions on a busy machine
(VIP,) = vips_of(1)


def test_the_switch_uses_as_many_directors_as_it_can(tmp_path):
    dice = random.Random(8)
    with ClusterRig(tmp_path, inventory(MOST, pace=0.2, bfd=BFD)) as rig:
        assert rig.inventory.cluster.max_active == WIDTH

        def step(alive):
            """Wait until the switch uses as many of ``alive`` as it has paths for; see how it got there."""
            began = time.monotonic()
            wanted = min(len(alive), WIDTH)
            addresses = {one.address for one in alive}

            def settled():
                hops = rig.history.hops(VIP)
                return len(hops) == wanted and hops <= addresses

            try:
                eventually(settled)
            except AssertionError:
                raise AssertionError(f"{wanted} wanted: {rig.history.of(VIP, began)}\n{rig.logs()}") from None
            changes = rig.history.of(VIP, began)
            # nobody else goes when one does, and nobody goes when some come
            before = min(wanted, len(changes[0][1]))
            assert all(len(hops) >= before - 1 for _, hops in changes), changes

        alive, killed = [], set()
        for one in rig.directors:
            one.start()
            alive.append(one)
            step(alive)
            eventually(lambda one=one: one.announces(VIP))
        for _ in range(MOST - 1):
            one = alive.pop(dice.randrange(len(alive)))
            if dice.random() < 0.5:
                one.drain()
            else:
                one.kill()
                killed.add(one)
            step(alive)
        assert 0 < len(killed) < MOST - 1, "another seed: some are to be drained and some killed"

        # whoever is left, and those that come back, drain all at once
        drained = [one for one in rig.directors if one not in killed and one not in alive]
        for one in drained:
            one.undrain()
            alive.append(one)
        step(alive)
        began = time.monotonic()
        for one in alive:
            one.drain()
        eventually(lambda: all(one.lanes()[str(VIP)][0] == "drained" for one in alive))
        time.sleep(4)  # longer than flows take to move
        assert all(hops for _, hops in rig.history.of(VIP, began))
        assert rig.history.hops(VIP) == {one.address for one in alive}
