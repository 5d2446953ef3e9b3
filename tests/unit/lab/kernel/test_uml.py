import os

import pytest

from clusterlb.lab.kernel.uml import claim_processor


@pytest.fixture
def processors(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


def test_each_guest_has_one_of_its_own_and_gives_it_back(processors, tmp_path):
    with claim_processor(tmp_path) as one:
        with claim_processor(tmp_path) as other:
            assert {one, other} == {0, 1}
        with claim_processor(tmp_path) as again:
            assert again == other


def test_where_all_are_taken_one_is_shared(processors, tmp_path):
    with claim_processor(tmp_path), claim_processor(tmp_path), claim_processor(tmp_path) as third:
        assert third in {0, 1}
