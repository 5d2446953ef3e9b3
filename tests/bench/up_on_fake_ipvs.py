"""`clusterlb up` with the in-memory IPVS: NAMESPACE ROOT."""

import sys
from collections.abc import Sequence
from pathlib import Path

from clusterlb import service
from clusterlb.controller.kernel import Drivers
from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.link import KernelLinks
from clusterlb.drivers.nft.driver import KernelRules
from clusterlb.drivers.sysctl import KernelSysctl
from clusterlb.model.address import AddressFamily
from clusterlb.model.plan import IpvsStep, StepError
from tests.support.fake_conntrack import FakeConntrack
from tests.support.fake_ipvs import FakeIpvs


class Table(FakeIpvs):
    """An IPVS that keeps no record of what was asked of it, as the kernel keeps none."""

    def apply(self, steps: Sequence[IpvsStep]) -> list[StepError]:
        """Carry out all steps and return those that failed."""
        failed = super().apply(steps)
        self.applied.clear()
        return failed


def main(namespace: str, root: Path) -> None:
    """Run the controller of d1 until a signal ends it."""
    proc = root / "proc"
    for name in ("sloppy_tcp", "schedule_icmp", "expire_nodest_conn"):
        (proc / "net/ipv4/vs").mkdir(parents=True, exist_ok=True)
        (proc / "net/ipv4/vs" / name).write_text("0\n")

    def drivers(
        uplinks: tuple[str, ...], pathspace: str | None, external: frozenset[AddressFamily] | None = None
    ) -> Drivers:
        links, frr = KernelLinks(uplinks, external), FrrDaemon(pathspace)
        return Drivers(Table(), links, KernelSysctl(proc), frr, KernelRules(), FakeConntrack())

    service.real_drivers = drivers
    service.run(
        service.Options(
            root / "inventory.yaml", "d1", root / "run", root / "state", namespace, ("127.0.0.1", 9099)
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
