"""The fake keeps the contract, and fails when told to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from errno import ENOMEM

import pytest

from clusterlb.core.census import Census, Survey
from clusterlb.model.ipvs import DestinationStatistics
from clusterlb.model.plan import IpvsStep
from tests.contract.ipvs_suite import DNS, FLOWS, MARK6, STATES, WEB, IpvsContract, added
from tests.support.fake_ipvs import FakeIpvs


class TestFakeIpvs(IpvsContract):
    @pytest.fixture
    def ipvs(self) -> FakeIpvs:
        return FakeIpvs()

    @pytest.fixture
    def table(self) -> Callable[[Sequence[IpvsStep]], object]:
        def last_weights(steps: Sequence[IpvsStep]) -> object:
            fake = FakeIpvs()
            assert fake.apply(steps) == []
            return list(fake.last_weights(DNS).items())

        return last_weights

    @pytest.fixture
    def counted(self) -> Callable[[Sequence[IpvsStep], Survey], Census]:
        def counted(steps: Sequence[IpvsStep], survey: Survey) -> Census:
            fake = FakeIpvs()
            assert fake.apply(steps) == []
            for flow in FLOWS:
                fake.open(flow)
            return fake.census(survey)

        return counted


def test_starts_with_a_table() -> None:
    table = {state.service.key: state for state in STATES}
    assert FakeIpvs(table).read() == table


def test_fails_when_told_to() -> None:
    fake = FakeIpvs()
    fake.fail_next(ENOMEM)
    steps = added(STATES[4])
    errors = fake.apply([steps[0], *steps])
    assert [(one.step, one.errno) for one in errors] == [(steps[0], ENOMEM)]
    assert "memory" in errors[0].message
    assert fake.read() == {MARK6: STATES[4]}
    assert fake.applied == [steps[0], *steps]


def test_reports_the_statistics_it_was_given() -> None:
    fake = FakeIpvs({WEB: STATES[0]})
    live = DestinationStatistics(active=3, inactive=4, persistent=5)
    first = STATES[0].destinations[0].key
    fake.set_statistics(WEB, first, live)
    assert dict(fake.statistics()[WEB].destinations)[first] == live


def test_flush_and_close() -> None:
    fake = FakeIpvs({WEB: STATES[0]})
    fake.close()
    assert fake.closed
    assert WEB in fake.read()
    fake.flush()
    assert fake.read() == {}
