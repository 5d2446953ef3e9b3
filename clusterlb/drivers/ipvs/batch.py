"""Carry out many steps in few messages, and name each step that failed."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from errno import EINVAL
from functools import partial
from typing import Protocol

from clusterlb.drivers.ipvs import encode, errors
from clusterlb.drivers.ipvs.netlink import MAX_BATCH, BatchResult, NetlinkError
from clusterlb.drivers.ipvs.protocol import Command
from clusterlb.model.ipvs import ServiceKey
from clusterlb.model.plan import (
    AddDestination,
    AddService,
    EditDestination,
    EditService,
    IpvsStep,
    RemoveDestination,
    RemoveService,
    StepError,
)

Message = tuple[int, bytes, bytes]
"""A command and its attributes in two parts: the service's and the destination's."""

# Schedulers that rebuild a table of thousands of slots whenever a destination comes or changes.
TABLE_SCHEDULERS = frozenset({"mh"})
_NO_SCHEDULER = "none"  # the kernel's own name for it (ip_vs_add_service)


class Transport(Protocol):
    """What sends a batch to the kernel."""

    def batch(self, messages: Sequence[Message]) -> BatchResult:
        """Have up to 256 commands carried out in their order."""
        ...


def messages(step: IpvsStep) -> tuple[Message, ...]:
    """Return the commands of one step.

    A destination whose weight is not its nominal one is added at the nominal weight and edited at once: mh
    builds its table from the last weight that was not zero, so the table comes out as on a director that
    saw the member fail (ip_vs_mh.c, ``last_weight``).
    """
    if isinstance(step, AddDestination):
        destination, service = step.destination, encode.service_key(step.service)
        weight, nominal = destination.weight, destination.nominal
        if weight == nominal:
            return ((Command.NEW_DEST, service, encode.destination(destination, weight)),)
        return (
            (Command.NEW_DEST, service, encode.destination(destination, nominal)),
            (Command.SET_DEST, service, encode.destination(destination, weight)),
        )
    return (_message(step),)


def _message(
    step: EditDestination | RemoveDestination | AddService | EditService | RemoveService,
) -> Message:
    match step:
        case EditDestination(key, destination):
            edited = encode.destination(destination, destination.weight)
            return (Command.SET_DEST, encode.service_key(key), edited)
        case RemoveDestination(key, name):
            return (Command.DEL_DEST, encode.service_key(key), encode.destination_key(name))
        case AddService(virtual):
            return (Command.NEW_SERVICE, encode.service(virtual), b"")
        case EditService(virtual):
            return (Command.SET_SERVICE, encode.service(virtual), b"")
        case RemoveService(key):
            return (Command.DEL_SERVICE, encode.service_key(key), b"")


def service_of(step: IpvsStep) -> ServiceKey:
    """Return the service that a step touches."""
    match step:
        case AddService() | EditService():
            return step.service.key
        case RemoveService():
            return step.key
        case _:
            return step.service


@dataclass(slots=True)
class _Group:
    """A service being built without its scheduler: its steps, and the message that binds the scheduler."""

    key: ServiceKey
    steps: list[int]
    bind: Message


@dataclass(slots=True)
class Batch:
    """One ``apply``: messages collected to 256 a send, errors by the index of their step.

    A new service with a table scheduler and the destinations that follow it are built in three moves: the
    service without a scheduler, its destinations, then the scheduler, so that the table is built once and
    not once a destination. The table is the same, a function of the destinations' order and weights alone
    (``ip_vs_mh_init_svc``). Where the last move fails, the service is removed and built the plain way, and
    the kernel's answers to that are what is reported. A crash in between leaves a service with the
    scheduler ``none``, which the next reconciliation edits.
    """

    transport: Transport
    steps: Sequence[IpvsStep]
    load_modules: Callable[[str, str], None]
    plain: bool = False
    errors: dict[int, StepError] = field(default_factory=dict)
    _messages: list[Message] = field(default_factory=list)
    _owners: list[int] = field(default_factory=list)
    _open: _Group | None = None
    _built: dict[ServiceKey, _Group] = field(default_factory=dict)

    def run(self) -> list[StepError]:
        """Carry out all steps in order; return those that failed, in order."""
        for index, step in enumerate(self.steps):
            group = self._open
            if group is not None:
                if isinstance(step, AddDestination) and step.service == group.key:
                    group.steps.append(index)
                    self._add(index, partial(messages, step))
                    continue
                self._close()
            if self._built and service_of(step) in self._built:
                self._flush()
            if isinstance(step, AddService):
                self.load_modules(step.service.scheduler, step.service.pe_name)
                if self._worth_grouping(index, step):
                    self._add(index, partial(self._opening, step))
                    continue
            self._add(index, partial(messages, step))
        self._close()
        self._flush()
        return [self.errors[index] for index in sorted(self.errors)]

    def _worth_grouping(self, index: int, step: AddService) -> bool:
        """Say whether a table would otherwise be built more than once."""
        followers = self.steps[index + 1 : index + 3]
        return (
            not self.plain
            and step.service.scheduler in TABLE_SCHEDULERS
            and len(followers) == 2
            and all(isinstance(one, AddDestination) and one.service == step.service.key for one in followers)
        )

    def _opening(self, step: AddService) -> tuple[Message, ...]:
        virtual = step.service
        bind = (Command.SET_SERVICE, encode.service(virtual), b"")
        create = (Command.NEW_SERVICE, encode.service(virtual, _NO_SCHEDULER), b"")
        self._open = _Group(virtual.key, [], bind)
        return (create,)

    def _close(self) -> None:
        if self._open is not None:
            self._built[self._open.key] = self._open
            self._open = None

    def _add(self, index: int, packed: Callable[[], tuple[Message, ...]]) -> None:
        try:
            new = packed()
        except (struct.error, ValueError, OverflowError) as error:
            step = self.steps[index]
            text = f"cannot {errors.subject(step)}: a value does not fit the kernel's field: {error}"
            self.errors[index] = StepError(step, EINVAL, text)
            return
        if self._open is not None and not self._open.steps:
            self._open.steps.append(index)
        if len(self._messages) + len(new) > MAX_BATCH:
            self._flush()
        self._messages += new
        self._owners += [index] * len(new)

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
