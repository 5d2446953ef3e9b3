"""IPVS without a kernel: the same answers, from memory.

The rules are those of ``ip_vs_genl_set_cmd`` and what it calls in net/netfilter/ipvs/ip_vs_ctl.c (Linux 6.1);
the contract suite runs on this and on the kernel.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from errno import EEXIST, EINVAL, ENOENT, ERANGE, ESRCH

from clusterlb.core.census import Census, Survey, census
from clusterlb.core.maglev import maglev_table
from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.ipvs import encode, errors
from clusterlb.drivers.ipvs.batch import UNPACKABLE, message
from clusterlb.drivers.ipvs.last_weights import LastWeights
from clusterlb.drivers.ipvs.protocol import SCHEDULER_NAME_MAX
from clusterlb.model.address import AddressFamily, IPAddress, family_of
from clusterlb.model.flow import Flow, FlowEntry
from clusterlb.model.ipvs import (
    Counters,
    Destination,
    DestinationKey,
    DestinationStatistics,
    ForwardMethod,
    ProtocolTimeouts,
    ServiceFlag,
    ServiceKey,
    ServiceState,
    ServiceStatistics,
    TunnelType,
    VirtualService,
)
from clusterlb.model.plan import (
    AddDestination,
    AddService,
    EditDestination,
    EditService,
    IpvsStep,
    RemoveDestination,
    RemoveService,
    StepError,
    service_of,
)

SCHEDULERS = frozenset(
    ("rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "mh", "fo", "ovf", "sed", "nq", "none")
)
_INT_MAX = 2**31 - 1


@dataclass(slots=True)
class _Entry:
    service: VirtualService
    destinations: dict[DestinationKey, Destination] = field(default_factory=dict)
    last: dict[DestinationKey, int] = field(default_factory=dict)

    def put(self, destination: Destination, *, add: bool) -> None:
        """Set a destination as ``__ip_vs_update_dest`` does, with its memory of the last weight."""
        if add or destination.weight:
            self.last[destination.key] = destination.weight
        self.destinations[destination.key] = replace(destination, nominal=destination.weight)


class FakeIpvs:
    """An in-memory IpvsDriver. ``applied`` records all steps, failed ones too.

    A removed destination loses its connections, as with ``expire_nodest_conn``, unless ``keeps_entries``.
    """

    def __init__(self, services: Mapping[ServiceKey, ServiceState] | None = None) -> None:
        self.applied: list[IpvsStep] = []
        self.closed = False
        self.keeps_entries = False
        self.entries: dict[Flow, FlowEntry] = {}
        self.census_fails = ""
        self._last_weights = LastWeights()
        self._table: dict[ServiceKey, _Entry] = {}
        self._statistics: dict[tuple[ServiceKey, DestinationKey], DestinationStatistics] = {}
        self._failures: list[int] = []
        self._timeouts = ProtocolTimeouts(900, 120, 300)
        for state in (services or {}).values():
            entry = self._table[state.service.key] = _Entry(state.service)
            for destination in state.destinations:
                entry.put(replace(destination, weight=destination.nominal), add=True)
                entry.put(destination, add=False)

    def beside(self) -> FakeIpvs:
        """Return another driver of the same table, as of a restarted controller or of another program."""
        other = FakeIpvs()
        other._table, other._statistics = self._table, self._statistics
        return other

    def last_weights(self, key: ServiceKey) -> dict[DestinationKey, int]:
        """Return the weights of mh's table, in insertion order (ip_vs_mh.c, ``last_weight``)."""
        entry = self._table[key]
        return {name: entry.last[name] for name in entry.destinations}

    def read(self, keys: Collection[ServiceKey] | None = None) -> dict[ServiceKey, ServiceState]:
        """Return the services asked for that exist (all when None), destinations in insertion order."""
        return {
            key: self._last_weights.seen(ServiceState(entry.service, tuple(entry.destinations.values())))
            for key, entry in self._asked(keys)
        }

    def statistics(self, keys: Collection[ServiceKey] | None = None) -> dict[ServiceKey, ServiceStatistics]:
        """Return the values of ``set_statistics``, or zeros; a service has the sum of its destinations."""
        nothing = DestinationStatistics()
        found = {}
        for key, entry in self._asked(keys):
            rows = tuple((one, self._statistics.get((key, one), nothing)) for one in entry.destinations)
            every = [[getattr(row.counters, each.name) for _, row in rows] for each in fields(Counters)]
            found[key] = ServiceStatistics(Counters(*map(sum, every)), rows)
        return found

    def apply(self, steps: Sequence[IpvsStep]) -> list[StepError]:
        """Carry out all steps in order and return those that failed; the others took effect."""
        failed = []
        for step in steps:
            self.applied.append(step)
            try:
                _pack(step)
            except UNPACKABLE as error:
                failed.append(StepError(step, EINVAL, errors.unfit(step, error)))
                continue
            errno = self._failures.pop(0) if self._failures else self._carry_out(step)
            if errno:
                failed.append(StepError(step, errno, errors.meaning(step, errno)))
        self._last_weights.applied(steps, failed)
        if not self.keeps_entries:
            self._end_entries(steps)
        return failed

    def open(self, flow: Flow, state: str = "ESTABLISHED") -> None:
        """Have an entry of a flow on the member that mh picks for it; none where it is turned away."""
        found = self._table[ServiceKey(family_of(flow.vip), flow.protocol, flow.vip, flow.port)]
        table = maglev_table(ServiceState(found.service, tuple(found.destinations.values())))
        picked = table.pick(flow.client, flow.client_port)
        if picked is not None:
            lives = {"FIN_WAIT": self._timeouts.tcp_fin}.get(state, self._timeouts.tcp)
            self.entries[flow] = FlowEntry(flow, picked, state, lives)

    def census(self, survey: Survey) -> Census:
        """Count live flows and strays among ``entries``; ``census_fails`` is the text of a DriverError."""
        if self.census_fails:
            raise DriverError(self.census_fails)
        return census(survey, self.entries.values())

    def _end_entries(self, steps: Sequence[IpvsStep]) -> None:
        """End the connections of destinations that were removed and not added again."""
        for step in steps:
            if isinstance(step, RemoveDestination):
                entry = self._table.get(step.service)
                if entry is None or step.key not in entry.destinations:
                    self._statistics.pop((step.service, step.key), None)

    def timeouts(self) -> ProtocolTimeouts:
        """Return the connection timeouts; at first the kernel's own (ip_vs_proto_tcp.c and _udp.c)."""
        return self._timeouts

    def set_timeouts(self, wanted: ProtocolTimeouts) -> None:
        """Set connection timeouts in seconds; 0 leaves one as it is."""
        self._timeouts = self._timeouts.changed(wanted)

    def close(self) -> None:
        """Note the call in ``closed``; the table stays."""
        self.closed = True

    def fail_next(self, errno: int, count: int = 1) -> None:
        """Refuse the next ``count`` steps with this errno, without effect."""
        self._failures += [errno] * count

    def set_statistics(
        self, service: ServiceKey, destination: DestinationKey, live: DestinationStatistics
    ) -> None:
        """Set what ``statistics`` reports for a destination."""
        self._statistics[service, destination] = live

    def flush(self) -> None:
        """Delete every service, as another program's ``ipvsadm -C`` does."""
        self._table.clear()

    def _asked(self, keys: Collection[ServiceKey] | None) -> list[tuple[ServiceKey, _Entry]]:
        if keys is None:
            return list(self._table.items())
        return [(key, self._table[key]) for key in keys if key in self._table]

    def _carry_out(self, step: IpvsStep) -> int:
        """Do one step; return the errno, 0 for success."""
        if isinstance(step, AddService):
            return self._add_service(step.service)
        entry = self._table.get(service_of(step))
        if entry is None:
            return ESRCH
        match step:
            case EditService(service):
                errno = _refusal(service)
                if not errno:
                    entry.service = _reported(service)
            case RemoveService(key):
                del self._table[key]
                errno = 0
            case AddDestination(key, destination):
                errno = _add(entry, key, destination)
            case EditDestination(key, destination):
                errno = _edit_by_nominal(entry, key, destination)
            case RemoveDestination(_, name):
                errno = 0 if entry.destinations.pop(name, None) else ENOENT
        return errno

    def _add_service(self, service: VirtualService) -> int:
        if service.key in self._table:
            return EEXIST
        errno = _refusal(service)
        if not errno:
            self._table[service.key] = _Entry(_reported(service))
        return errno


def _pack(step: IpvsStep) -> None:
    """Raise the codec's exception for a step that cannot be packed."""
    if isinstance(step, AddDestination | EditDestination):
        encode.destination(step.destination, step.destination.nominal)
        encode.destination(step.destination, step.destination.weight)
    else:
        message(step)


def _refusal(service: VirtualService) -> int:
    """Return the errno of ``ip_vs_add_service`` and ``ip_vs_edit_service`` for these settings; 0 for none."""
    if len(service.scheduler) > SCHEDULER_NAME_MAX:
        return EINVAL
    if service.scheduler not in SCHEDULERS:
        return ENOENT
    if service.key.family is AddressFamily.IPV6 and not 1 <= service.prefix <= 128:
        return EINVAL
    return 0


def _reported(service: VirtualService) -> VirtualService:
    """Return a service as the kernel reports it; no step sets a persistence engine."""
    return replace(service, flags=service.flags & ~ServiceFlag.HASHED, pe_name="")


def _add(entry: _Entry, key: ServiceKey, destination: Destination) -> int:
    """Add at the nominal weight, then edit: both are sent at once, even if the first fails."""
    nominal = replace(destination, weight=destination.nominal)
    errno = _unfit(key, nominal)
    if not errno and destination.key in entry.destinations:
        errno = EEXIST
    if not errno and not _reachable(destination.key.address):
        errno = EINVAL
    if not errno:
        entry.put(nominal, add=True)
    if destination.weight != destination.nominal:
        edited = _edit(entry, key, destination)
        errno = errno or edited
    return errno


def _edit_by_nominal(entry: _Entry, key: ServiceKey, destination: Destination) -> int:
    """Edit; to weight 0 in two steps, the first with the nominal weight, as the real driver does."""
    errno = 0
    if destination.weight == 0 and destination.nominal:
        errno = _edit(entry, key, replace(destination, weight=destination.nominal))
    return errno or _edit(entry, key, destination)


def _edit(entry: _Entry, key: ServiceKey, destination: Destination) -> int:
    errno = _unfit(key, destination)
    if not errno and destination.key not in entry.destinations:
        errno = ENOENT
    if not errno:
        entry.put(destination, add=False)
    return errno


def _unfit(service: ServiceKey, destination: Destination) -> int:
    """Return the errno of ``ip_vs_add_dest`` and ``ip_vs_edit_dest`` for these settings; 0 for none."""
    mixed = family_of(destination.key.address) is not service.family
    if mixed and destination.method is not ForwardMethod.TUNNEL:
        return EINVAL
    if destination.weight < 0 or destination.lower > destination.upper:
        return ERANGE
    portless = destination.tunnel_type is TunnelType.GUE and destination.tunnel_port == 0
    return EINVAL if portless or destination.upper > _INT_MAX else 0


def _reachable(address: IPAddress) -> bool:
    """Say whether the kernel accepts the address as unicast (``ip_vs_new_dest``)."""
    if address.version == 6:
        return not (address.is_multicast or address.is_unspecified or address.is_link_local)
    broadcast = int(address) == 0xFFFFFFFF
    return not (address.is_multicast or int(address) >> 24 == 0 or broadcast)
