"""The kernel's IPVS tables of this network namespace."""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from errno import EINVAL, ENOENT, EPERM, ESRCH
from typing import TypeVar

from clusterlb.core.census import Census, Survey
from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.ipvs import cache, decode, encode, modules
from clusterlb.drivers.ipvs.batch import Batch
from clusterlb.drivers.ipvs.census_aside import CensusTaker
from clusterlb.drivers.ipvs.last_weights import LastWeights
from clusterlb.drivers.ipvs.netlink import IpvsSocket
from clusterlb.drivers.ipvs.protocol import Command
from clusterlb.drivers.ipvs.reorder import Reordering, split_reordered
from clusterlb.drivers.netlink.codec import Answer, NetlinkError
from clusterlb.model.ipvs import ProtocolTimeouts, ServiceKey, ServiceState, ServiceStatistics
from clusterlb.model.plan import IpvsStep, StepError

_T = TypeVar("_T")

_NEEDS_ADMIN = "the controller needs CAP_NET_ADMIN in this network namespace"
_SETTING = {
    EPERM: _NEEDS_ADMIN,
    EINVAL: "a timeout is 0 to 2^31/HZ seconds (2147483 where the kernel ticks 1000 times a second)",
}


class KernelIpvs:
    """Reads and changes the IPVS tables of the network namespace of the thread that makes it.

    Loads the module ``ip_vs`` where it is missing; raises DriverError where the kernel has none.
    """

    def __init__(self) -> None:
        self._netlink = IpvsSocket()
        try:
            _find_family(self._netlink)
        except DriverError:
            self._netlink.close()
            raise
        self._cache = cache.DecodeCache()
        self._last_weights = LastWeights()
        self._reordering = Reordering()
        self._censuses = CensusTaker()
        self._schedulers = modules.SchedulerModules()

    def read(self, keys: Collection[ServiceKey] | None = None) -> dict[ServiceKey, ServiceState]:
        """Return the services asked for that exist (all when None), destinations in insertion order.

        With keys, only these services are read. An entry that has not changed since the last read is the same
        object. ``nominal`` is the last weight that was not 0. The kernel does not report it, so it is 0 for a
        destination that had weight 0 before this driver's first read.
        """
        decoded = self._cache.destination
        found = {}
        for answer in self._services(keys):
            with _understanding("a service"):
                service = self._cache.service(*answer)
            entries = self._destinations(service.key)
            with _understanding(f"the destinations of service {service.key}"):
                state = ServiceState(service, tuple([decoded(*entry) for entry in reversed(entries)]))
            found[service.key] = self._last_weights.seen(state)
        return found

    def statistics(self, keys: Collection[ServiceKey] | None = None) -> dict[ServiceKey, ServiceStatistics]:
        """Return live connections and 64-bit counters of the services asked for that exist."""
        found = {}
        for answer in self._services(keys):
            with _understanding("a service"):
                key = self._cache.service(*answer).key
                counters = decode.service_counters(*answer)
            entries = self._destinations(key)
            with _understanding(f"the destinations of service {key}"):
                found[key] = ServiceStatistics(
                    counters,
                    tuple(
                        (self._cache.destination(*entry).key, cache.destination_statistics(*entry))
                        for entry in reversed(entries)
                    ),
                )
        return found

    def apply(self, steps: Sequence[IpvsStep]) -> list[StepError]:
        """Carry out all steps in order; return the failed ones; the others took effect.

        A failed AddDestination whose weight differs from its nominal weight may still have set the weight of
        the existing destination. A destination that is set to weight 0 is set to its nominal weight just
        before, so that its last weight is the nominal one. Services whose destinations are reordered come
        first.
        """
        errors = []
        reordered, others = split_reordered(steps)
        if reordered:
            with self._reordering.flows_kept():
                errors += self._run(reordered)
        errors += self._run(others)
        self._reordering.applied(others)
        self._last_weights.applied(steps, errors)
        return errors

    def _run(self, steps: Sequence[IpvsStep]) -> list[StepError]:
        return Batch(self._netlink, steps, self._schedulers.ensure).run()

    def census(self, survey: Survey) -> Census:
        """Count live flows and strays in a process of its own, which reads the entries once."""
        return self._censuses.take(survey)

    def timeouts(self) -> ProtocolTimeouts:
        """Return the connection timeouts in seconds."""
        answer = _reading("the connection timeouts", lambda: self._netlink.ask(Command.GET_CONFIG))
        with _understanding("the connection timeouts"):
            return decode.timeouts(*answer)

    def set_timeouts(self, wanted: ProtocolTimeouts) -> None:
        """Set connection timeouts in seconds, 0 keeps the old one; DriverError when the kernel refuses."""
        try:
            self._netlink.do(Command.SET_CONFIG, encode.timeouts(wanted))
        except NetlinkError as error:
            why = _SETTING.get(error.errno, str(error))
            raise DriverError(f"cannot set the connection timeouts: {why}") from error

    @property
    def messages_sent(self) -> int:
        """Return the number of netlink messages sent."""
        return self._netlink.messages_sent

    def close(self) -> None:
        """Release the socket, end a census; nothing changes in the kernel."""
        self._censuses.stop()
        self._netlink.close()

    def _services(self, keys: Collection[ServiceKey] | None) -> Iterable[Answer]:
        if keys is None:
            return _reading("the services", lambda: self._netlink.dump(Command.GET_SERVICE))
        return self._named_services(keys)

    def _named_services(self, keys: Collection[ServiceKey]) -> Iterator[Answer]:
        for key in keys:
            body = encode.service_key(key)
            try:
                yield self._netlink.ask(Command.GET_SERVICE, body)
            except NetlinkError as error:
                if error.errno != ESRCH:
                    raise _unreadable(f"service {key}", error) from error

    def _destinations(self, key: ServiceKey) -> list[Answer]:
        """Return a service's destinations as the kernel lists them, newest first (``list_add_rcu``)."""
        body = encode.service_key(key)
        return _reading(
            f"the destinations of service {key}", lambda: self._netlink.dump(Command.GET_DEST, body)
        )


@contextmanager
def _understanding(what: str) -> Iterator[None]:
    """Convert the exceptions of decoding to DriverError."""
    try:
        yield
    except (NetlinkError, ValueError, LookupError, struct.error) as error:
        raise DriverError(f"cannot decode IPVS's answer about {what}: {error!r}") from error


def _reading(what: str, ask: Callable[[], _T]) -> _T:
    try:
        return ask()
    except NetlinkError as error:
        raise _unreadable(what, error) from error


def _unreadable(what: str, error: NetlinkError) -> DriverError:
    if error.errno == EPERM:
        return DriverError(f"cannot read {what}: {_NEEDS_ADMIN}")
    return DriverError(f"cannot read {what} from IPVS: {error}")


def _find_family(netlink: IpvsSocket) -> None:
    """Resolve the netlink family, loading the module where the kernel does not know it yet."""
    try:
        netlink.resolve_family()
    except NetlinkError as first:
        if first.errno != ENOENT:
            raise DriverError(f"cannot ask the kernel for IPVS: {first}") from first
        complaint = modules.load("ip_vs")
        try:
            netlink.resolve_family()
        except NetlinkError as second:
            raise DriverError(modules.NO_IPVS.format(reason=complaint or second)) from second
