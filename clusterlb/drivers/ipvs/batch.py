"""Carry out many steps in few messages, and attribute each error to its step."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from errno import EINVAL
from typing import Protocol

from clusterlb.drivers.ipvs import encode, errors
from clusterlb.drivers.ipvs.netlink import Message
from clusterlb.drivers.ipvs.protocol import Command
from clusterlb.drivers.netlink.codec import NetlinkError
from clusterlb.drivers.netlink.socket import MAX_BATCH, BatchResult
from clusterlb.model.ipvs import Destination, ServiceKey
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

# Schedulers that rebuild a table of thousands of slots whenever a destination is added or edited.
TABLE_SCHEDULERS = frozenset({"mh"})
_NO_SCHEDULER = "none"  # the kernel's own name for it (ip_vs_add_service)


class Transport(Protocol):
    """Sends a batch to the kernel."""

    def batch(self, messages: Sequence[Message]) -> BatchResult:
        """Have up to 256 commands carried out in their order."""
        ...


UNPACKABLE = (struct.error, ValueError, OverflowError)
"""The exceptions of packing a value that does not fit its field."""

_NEW_DEST = int(Command.NEW_DEST)
_SET_DEST = int(Command.SET_DEST)


def message(
    step: AddService | EditService | RemoveService | EditDestination | RemoveDestination,
) -> Message:
    """Return the one command of a step."""
    match step:
        case AddService(virtual):
            return (Command.NEW_SERVICE, encode.service(virtual), b"")
        case EditService(virtual):
            return (Command.SET_SERVICE, encode.service(virtual), b"")
        case RemoveService(key):
            return (Command.DEL_SERVICE, encode.service_key(key), b"")
        case EditDestination(key, destination):
            edited = encode.destination(destination, destination.weight)
            return (Command.SET_DEST, encode.service_key(key), edited)
        case RemoveDestination(key, name):
            return (Command.DEL_DEST, encode.service_key(key), encode.destination_key(name))


@dataclass(slots=True)
class _Group:
    """A service being built without its scheduler: its steps, and the message that binds the scheduler."""

    key: ServiceKey
    steps: list[int]
    bind: Message


@dataclass(slots=True)
class Batch:
    """One ``apply``: messages collected to 256 a send, errors by the index of their step.

    A new service with a table scheduler is built in three moves: the service without a scheduler, its
    destinations, then the scheduler. So the kernel builds the table once, not once per destination. The table
    is the same, as it depends only on the destinations' order and weights (``ip_vs_mh_init_svc``). If the
    last move fails, the service is removed and built step by step, and the errors of these steps are
    reported. A crash in between leaves a service with the scheduler ``none``, which the next reconciliation
    edits.
    """

    transport: Transport
    steps: Sequence[IpvsStep]
    load_modules: Callable[[str], None]
    plain: bool = False
    errors: dict[int, StepError] = field(default_factory=dict)
    _messages: list[Message] = field(default_factory=list)
    _owners: list[int] = field(default_factory=list)
    _open: _Group | None = None
    _built: dict[ServiceKey, _Group] = field(default_factory=dict)
    _key: ServiceKey | None = None  # the service of the destinations being added, and its attribute
    _service: bytes = b""

    def run(self) -> list[StepError]:
        """Carry out all steps in order; return those that failed, in order."""
        for index, step in enumerate(self.steps):
            try:
                if isinstance(step, AddDestination):
                    self._add_destination(index, step)
                    continue
                self._leave()
                if self._built and service_of(step) in self._built:
                    self._flush()
                if isinstance(step, AddService):
                    self._add_service(index, step)
                elif isinstance(step, EditDestination):
                    self._edit_destination(index, step)
                else:
                    self._append(index, message(step))
            except UNPACKABLE as error:
                self.errors[index] = StepError(step, EINVAL, errors.unfit(step, error))
        self._leave()
        self._flush()
        return [self.errors[index] for index in sorted(self.errors)]

    def _add_destination(self, index: int, step: AddDestination) -> None:
        """Add at the nominal weight, then edit if the weight differs."""
        key, destination = step.service, step.destination
        if key is not self._key:
            self._enter(key)
        if self._open is not None:
            self._open.steps.append(index)
        if destination.weight == destination.nominal:
            only = (_NEW_DEST, self._service, encode.destination(destination, destination.weight))
            self._append(index, only)
            return
        self._by_nominal(index, _NEW_DEST, self._service, destination)

    def _edit_destination(self, index: int, step: EditDestination) -> None:
        """Edit; to weight 0 in two messages, the first with the nominal weight."""
        if step.destination.weight == 0 and step.destination.nominal:
            self._by_nominal(index, _SET_DEST, encode.service_key(step.service), step.destination)
        else:
            self._append(index, message(step))

    def _by_nominal(self, index: int, command: int, service: bytes, destination: Destination) -> None:
        """Set a destination at its nominal weight, then at its own.

        The mh scheduler builds its table from the last weight that was not 0 (ip_vs_mh.c, ``last_weight``).
        So a destination at weight 0 has its nominal weight in the table of every director, even if the
        destination is new, had a share of its weight before, or has a new nominal weight.
        """
        first = (command, service, encode.destination(destination, destination.nominal))
        second = (_SET_DEST, service, encode.destination(destination, destination.weight))
        if len(self._messages) > MAX_BATCH - 2:
            self._flush()  # both in one send, so that the wrong weight is in force only for a moment
        self._append(index, first)
        self._append(index, second)

    def _enter(self, key: ServiceKey) -> None:
        """Begin to add destinations to a service."""
        if self._open is None or self._open.key != key:
            self._leave()
            if key in self._built:
                self._flush()
        self._service = encode.service_key(key)
        self._key = key

    def _leave(self) -> None:
        """End adding destinations to a service; a service being built is ready for its scheduler."""
        self._key = None
        if self._open is not None:
            self._built[self._open.key] = self._open
            self._open = None

    def _add_service(self, index: int, step: AddService) -> None:
        virtual = step.service
        self.load_modules(virtual.scheduler)
        if not self._worth_grouping(index, step):
            self._append(index, message(step))
            return
        bind = (Command.SET_SERVICE, encode.service(virtual), b"")
        self._append(index, (Command.NEW_SERVICE, encode.service(virtual, _NO_SCHEDULER), b""))
        self._open = _Group(virtual.key, [index], bind)

    def _worth_grouping(self, index: int, step: AddService) -> bool:
        """Say whether the kernel would otherwise build the table more than once."""
        if self.plain or step.service.scheduler not in TABLE_SCHEDULERS:
            return False
        followers = self.steps[index + 1 : index + 3]
        return len(followers) == 2 and all(
            isinstance(one, AddDestination) and one.service == step.service.key for one in followers
        )

    def _append(self, index: int, packed: Message) -> None:
        if len(self._messages) == MAX_BATCH:
            self._flush()
        self._messages.append(packed)
        self._owners.append(index)

    def _flush(self) -> None:
        if self._messages:
            result = self.transport.batch(self._messages)
            for position, refusal in result.refusals.items():
                self._fail(self._owners[position], refusal)
            if result.lost:
                for index in self._owners:
                    self._lose(index, result.lost)
            self._messages, self._owners = [], []
        if self._built:
            self._bind_schedulers()

    def _bind_schedulers(self) -> None:
        groups = [group for group in self._built.values() if group.steps[0] not in self.errors]
        self._built = {}
        if not groups:
            return
        result = self.transport.batch([group.bind for group in groups])
        for position, group in enumerate(groups):
            if position in result.refusals:
                self._rebuild(group)
            elif result.lost:
                self._lose(group.steps[0], result.lost)

    def _rebuild(self, group: _Group) -> None:
        self.transport.batch([(Command.DEL_SERVICE, encode.service_key(group.key), b"")])
        again = Batch(
            self.transport, [self.steps[index] for index in group.steps], self.load_modules, plain=True
        )
        again.run()
        for index in group.steps:
            self.errors.pop(index, None)
        for position, error in again.errors.items():
            self.errors[group.steps[position]] = error

    def _fail(self, index: int, refusal: NetlinkError) -> None:
        if index not in self.errors:  # of a step's two messages the first refusal is the cause
            step = self.steps[index]
            text = errors.meaning(step, refusal.errno, refusal.explanation)
            self.errors[index] = StepError(step, refusal.errno, text)

    def _lose(self, index: int, errno: int) -> None:
        step = self.steps[index]
        self.errors.setdefault(index, StepError(step, errno, errors.outcome_unknown(step, errno)))
