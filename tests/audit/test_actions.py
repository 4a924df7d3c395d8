"""Every action in the audit log has words, in one table without leftovers."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.entries import add_entry
from audit.labels import ACTIONS, action_label
from tests.exams.cast import make_stage

ROOT = Path(__file__).parents[2]
PACKAGES = ("accounts", "audit", "background", "exams", "integrations", "portal")
NAME = re.compile(r"[a-z_]+\.[a-z_]+")
# Names of the same form that mean something else: models, jobs, files, paths in an answer.
OTHERS = {
    "account.emailaddress",
    "annotations.read",
    "audit.entry",
    "audit.view_entry",
    "demo.json",
    "demo.lock",
    "exam.application",
    "exam.institution",
    "exam.started_at",
}
# Actions whose names are put together: of the problems page on rows of a model, and of what links become.
BUILT = {
    "link.ask_again",
    "link.gone",
    "link.rejected",
    "outgoingmail.resend",
    "patient.viewed",
    "report.give_up",
    "report.given_up",
    "report.mark_arrived",
    "report.send_again",
    "report.viewed",
    "service.poll_everything",
    "service.poll_now",
    "service.probe_keys",
    "service.resume",
    "submission.give_up",
    "submission.given_up",
    "submission.resume",
    "submission.retry",
    "submission.stop",
    "sync.read_again",
}


def _written() -> Iterator[str]:
    """Return each text in the code that looks like an action of a known kind."""
    kinds = {name.partition(".")[0] for name in ACTIONS}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            if path.name == "labels.py" or "migrations" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                text = node.value if isinstance(node, ast.Constant) else ""
                if isinstance(text, str) and NAME.fullmatch(text) and text.partition(".")[0] in kinds:
                    yield text


def test_every_action_of_the_code_has_words_and_nothing_else_has() -> None:
    assert set(_written()) - OTHERS | BUILT == set(ACTIONS)


def test_the_words_are_no_codes() -> None:
    for words in ACTIONS.values():
        assert "_" not in words and words[0].islower()


@pytest.mark.django_db
def test_the_log_shows_and_filters_words(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    browser: Client = make_stage().browser("administrator")
    add_entry(action="report.signed")
    add_entry(action="report.sent")
    add_entry(action="from.another_version")
    page = browser.get("/admin/audit/entry/").content.decode()
    assert "signed a report" in page and "report.signed<" not in page
    assert action_label("from.another_version") == "from.another_version"
    found = browser.get("/admin/audit/entry/", {"action": "report.sent"}).context["cl"].result_list
    assert [each.action for each in found] == ["report.sent"]
