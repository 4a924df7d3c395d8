"""Administrators before a stage, with and without patient content."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.exams.cast import Stage, make_stage


@pytest.fixture
def stage(transactional_db: None, settings: Any, tmp_path: Any) -> Stage:
    """The cast, its submission and the rows that tests add."""
    settings.MEDIA_ROOT, settings.MIN_FREE_MB = tmp_path / "media", 0
    return make_stage()


@pytest.fixture
def administrator(stage: Stage) -> Client:
    return stage.browser("administrator")


@pytest.fixture
def confidant(stage: Stage) -> Client:
    """An administrator who was given patient content as well."""
    return stage.browser("administrator with content")


@pytest.fixture
def ask(administrator: Client) -> Callable[..., Any]:
    """Choose an action on rows and return the page that asks."""

    def run(model: Any, action: str, rows: list[Any], **data: Any) -> Any:
        chosen = {"action": action, "_selected_action": [row.pk for row in rows]}
        return administrator.post(f"/admin/exams/{model._meta.model_name}/", chosen | data, follow=True)

    return run


@pytest.fixture
def do(ask: Callable[..., Any]) -> Callable[..., str]:
    """Choose an action on rows, confirm it, and return the text of what follows."""

    def run(model: Any, action: str, rows: list[Any], **data: Any) -> str:
        return str(ask(model, action, rows, confirmed="yes", **data).content.decode())

    return run
