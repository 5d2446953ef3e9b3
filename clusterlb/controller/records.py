"""Write down what a plan makes ours; say what can go on while that is impossible."""

from __future__ import annotations

from clusterlb.controller.ledger import Ledger, LedgerError
from clusterlb.controller.store.index import Index
from clusterlb.controller.store.store import Store
from clusterlb.core.plan.separate import separate
from clusterlb.model.plan import (
    AddService,
    Announce,
    ConfigureFrr,
    EditDestination,
    Plan,
    ReadBack,
    SetSysctl,
    SetTimeouts,
    Step,
    StepError,
    Withdraw,
)

# steps on what is recorded already, or says by itself whose it is
NEEDS_NO_ENTRY = (EditDestination, ReadBack, Announce, Withdraw)


class Records:
    """Keeps the ledger ahead of the plans for ``store``."""

    def __init__(self, store: Store, ledger: Ledger) -> None:
        self._store = store
        self._ledger = ledger
        self._recorded: Index | None = None
        self._on_disk: set[object] = {*ledger.services, *ledger.sysctls}

    def part(self, plan: Plan) -> tuple[Plan, list[StepError]]:
        """Record a plan, and return what of it can be carried out: all, or what needs no entry; and why."""
        try:
            self._record(plan)
        except LedgerError as error:
            lacking = [step for step in plan if self._needs_entry(step)]
            going, _ = separate(plan, lacking, self._store.vips_of)
            return going, [StepError(step, 0, str(error)) for step in lacking[:1]]
        return plan, []

    def _record(self, plan: Plan) -> None:
        if self._recorded is self._store.index and all(isinstance(step, NEEDS_NO_ENTRY) for step in plan):
            return  # the ledger has it all: a member's change must not cost a look at every service
        actual = self._store.actual
        self._ledger.own_services(self._store.owned())
        for step in plan:
            if isinstance(step, SetSysctl):
                # all of them: some change with others
                self._ledger.own_sysctls({**actual.sysctls, **actual.limits})
            elif isinstance(step, SetTimeouts):
                self._ledger.own_timeouts(actual.timeouts)
            elif isinstance(step, ConfigureFrr):
                self._ledger.own_lines(actual.frr or (), step.add, step.remove)
        self._ledger.save()
        self._recorded = self._store.index
        self._on_disk = {*self._ledger.services, *self._ledger.sysctls}

    def _needs_entry(self, step: Step) -> bool:
        """Say whether a step would make something ours that the ledger on the disk does not name."""
        match step:
            case AddService(service):
                return service.key not in self._on_disk
            case SetSysctl(name):
                return name not in self._on_disk
            case SetTimeouts() | ConfigureFrr():
                return True
            case _:
                return False  # its name says whose it is, or it changes what is recorded already
