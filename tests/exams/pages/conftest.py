"""The stage on which the pages are tried."""

import pytest

from tests.exams.cast import Stage, make_stage


@pytest.fixture
def stage(db: None) -> Stage:
    return make_stage()


@pytest.fixture
def transactional_stage(transactional_db: None) -> Stage:
    return make_stage()
