"""Helpers that read the exam page."""

import re
from typing import Any

from django.urls import reverse

from exams.models import Submission
from tests.exams.cast import Stage


def page(stage: Stage, *, role: str = "reviewer", submission: Submission | None = None) -> str:
    address = reverse("exam", args=[(submission or stage.submission).uuid])
    response = stage.browser(role).get(address)
    assert response.status_code == 200
    return response.content.decode()


def status(stage: Stage, seen: str = "") -> Any:
    address = reverse("exam_status", args=[stage.submission.uuid])
    return stage.browser("reviewer").get(address, {"seen": seen}, headers={"HX-Request": "true"})


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())
