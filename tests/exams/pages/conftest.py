"""Fixtures for tests of the pages."""

import pytest

from tests.exams.cast import Stage, make_stage


@pytest.fixture
def stage(db: None) -> Stage:
    return make_stage()


@pytest.fixture
def transactional_stage(transactional_db: None) -> Stage:
    return make_stage()
