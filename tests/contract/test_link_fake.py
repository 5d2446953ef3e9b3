from errno import EPERM

import pytest

from clusterlb.model.ospf import Lane
from clusterlb.model.plan import CreateLane
from tests.contract.link_suite import MODES, LinkSuite
from tests.support.fake_links import FakeLinks


@pytest.fixture
def external():
    return None


@pytest.fixture
def links(external):
    return FakeLinks(("e0",), external)


@MODES
class TestFakeLinks(LinkSuite):
    def test_fail_next_fails_one_step(self, links):
        links.fail_next(EPERM)
        steps = [CreateLane(Lane.ACTIVE), CreateLane(Lane.DRAINED)]
        assert [error.errno for error in links.apply(steps)] == [EPERM]
        assert links.read().lanes == {Lane.DRAINED}
        assert links.applied == [CreateLane(Lane.DRAINED)]
