"""1,000 services of 10 destinations, against ipvsadm with the same rules; needs root and IPVS."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ServiceFlag,
    ServiceKey,
    ServiceState,
    VirtualService,
)
from clusterlb.model.plan import AddDestination, AddService, IpvsStep
from clusterlb.render.ipvsadm import render_rules
from tests.bench.figures import Figure, main
from tests.kernel.conftest import fresh_namespace

SERVICES = 1000
DESTINATIONS = 10
ROUNDS = 3


def states(scheduler: str, flags: ServiceFlag) -> list[ServiceState]:
    """Fresh objects each, as they come from an inventory."""
    found = []
    for number in range(SERVICES):
        third, last = divmod(number, 250)
        key = ServiceKey(AddressFamily.IPV4, Protocol.TCP, ip_address(f"10.100.{third}.{last + 1}"), 80)
        members = tuple(
            Destination(DestinationKey(ip_address(f"10.2.{third}.{host + 1}"), 80), ForwardMethod.ROUTE, 1)
            for host in range(DESTINATIONS)
        )
        found.append(ServiceState(VirtualService(key, scheduler, flags), members))
    return found


def apply(driver: KernelIpvs, wanted: list[ServiceState]) -> None:
    """Build the steps and carry them out."""
    steps: list[IpvsStep] = []
    for state in wanted:
        key = state.service.key
        steps.append(AddService(state.service))
        steps += [AddDestination(key, destination) for destination in state.destinations]
    assert driver.apply(steps) == []


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@contextmanager
def empty_kernel() -> Iterator[KernelIpvs]:
    """A driver in a new namespace: a used one searches its deleted destinations (60 s) at every addition."""
    with fresh_namespace(), closing(KernelIpvs()) as driver:
        yield driver
    time.sleep(
        1
    )  # the kernel tears the namespace down behind our back; not on the next measurement's account


def ratios(wanted: list[ServiceState], folder: Path) -> tuple[float, float]:
    """Return our time over ipvsadm's to build the table, and to read it, medians of alternating rounds."""
    rules = folder / "rules"
    rules.write_text(render_rules(wanted))
    expected = {state.service.key: state for state in wanted}
    times: dict[str, list[float]] = {name: [] for name in ("apply", "restore", "first read", "read", "save")}

    def ipvsadm(option: str) -> None:
        with rules.open() as source, (folder / "saved").open("w") as saved:
            subprocess.run(["ipvsadm", *option.split()], stdin=source, stdout=saved, check=True)

    for _ in range(ROUNDS):
        with empty_kernel() as driver:
            times["apply"].append(seconds(partial(apply, driver, wanted)))
            times["first read"].append(seconds(driver.read))
            times["read"].append(seconds(driver.read))
            assert driver.read() == expected
        with empty_kernel() as driver:
            times["restore"].append(seconds(partial(ipvsadm, "--restore")))
            times["save"].append(seconds(partial(ipvsadm, "-Sn")))
            assert driver.read() == expected
    for name, values in times.items():
        print(f"# {wanted[0].service.scheduler} {name}: {' '.join(f'{value:.3f}' for value in values)} s")
    medians = {name: median(values) for name, values in times.items()}
    return medians["apply"] / medians["restore"], medians["read"] / medians["save"]


def measure() -> list[Figure]:
    """Measure with mh, which is clusterlb's default, and with rr."""
    with TemporaryDirectory() as folder:
        mh, read = ratios(states("mh", ServiceFlag.SCHED1 | ServiceFlag.SCHED2), Path(folder))
        rr, _ = ratios(states("rr", ServiceFlag.NONE), Path(folder))
    return [
        Figure("ipvs_apply_vs_ipvsadm", mh, "ratio", 0.15),
        Figure("ipvs_apply_rr_vs_ipvsadm", rr, "ratio", 0.15),
        Figure("ipvs_read_vs_ipvsadm", read, "ratio"),
    ]


if __name__ == "__main__":
    main(measure)
