"""A filter in the address of a list tells nothing of a column that no page shows."""

from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from accounts.models import Invitation
from background.models import OutgoingMail
from exams.models import Capture
from tests.exams.cast import Stage, add_report, make_stage

# Of each model: what its administrators must not find out by trying letter after letter.
HIDDEN = {
    "accounts.user": ("password",),
    "accounts.invitation": ("code_digest",),
    "background.outgoingmail": ("recipient", "recipient_digest", "body"),
    "integrations.service": ("webhook_secret", "previous_webhook_secret", "unsettled_webhook_secrets"),
    "integrations.apikey": ("secret",),
    "integrations.customer": ("token",),
    "exams.capture": ("label", "file", "source_key"),
    "exams.report": ("name", "file_name", "file"),
    "exams.submission": (
        "patient",
        "looks_like",
        "split_from",
        "identifier",
        "date_of_birth",
        "date_of_birth_text",
        "gender",
        "first_name",
        "middle_name",
        "last_name",
        "animal_name",
        "animal_type",
        "owner_name",
        "examined_at",
        "mapped",
        "raw_data",
        "download_url",
    ),
}
LOOKUPS = ("", "__startswith", "__contains", "__regex", "__isnull", "__gt")
COLUMNS = [(label, name) for label, names in HIDDEN.items() for name in names]


@pytest.fixture
def stage(db: None, settings: Any, tmp_path: Any) -> Stage:
    settings.MEDIA_ROOT, settings.MIN_FREE_MB = tmp_path / "media", 0
    return make_stage()


def _list(label: str) -> str:
    return reverse(f"admin:{label.replace('.', '_')}_changelist")


def _statuses(browser: Client, label: str, name: str) -> set[int]:
    return {browser.get(_list(label), {name + each: "1"}).status_code for each in LOOKUPS}


@pytest.mark.parametrize(("label", "name"), COLUMNS)
def test_an_administrator_cannot_ask_for_what_is_hidden(stage: Stage, label: str, name: str) -> None:
    assert _statuses(stage.browser("administrator"), label, name) == {400}


def test_a_code_that_was_mailed_stays_in_the_mail(stage: Stage) -> None:
    OutgoingMail.objects.create(recipient="chief@example.test", subject="Your code", body="Code: K7WQ")
    Invitation.objects.create(email="guest@example.test")
    for person in ("administrator", "administrator with content"):
        browser = stage.browser(person)
        assert browser.get(_list("background.outgoingmail"), {"body__contains": "K7"}).status_code == 400


@pytest.mark.parametrize("person", ["administrator", "administrator with content"])
def test_no_list_answers_for_another_table(stage: Stage, person: str) -> None:
    browser = stage.browser(person)
    for label, name in (
        ("exams.capture", "submission__last_name"),
        ("exams.report", "submission__patient__last_name"),
        ("exams.exam", "submissions__last_name"),
        ("integrations.customer", "patients__last_name"),
        ("integrations.link", "user__password"),
    ):
        assert browser.get(_list(label), {f"{name}__startswith": "Z"}).status_code == 400


def test_lists_are_filtered_by_what_they_show(stage: Stage) -> None:
    add_report(stage.submission)
    browser = stage.browser("administrator")
    seen = {
        "exams.submission": {
            "state__exact": "ready",
            "failure_reason__exact": "",
            "given_up_at__isempty": "1",
        },
        "exams.report": {"state__exact": "signed", "waiting": "long"},
        "exams.capture": {"kind__exact": Capture.Kind.IMAGE},
        "integrations.link": {"customer__service__id__exact": stage.service.pk, "state__exact": "confirmed"},
        "integrations.customer": {"status": "confirmed", "service__id__exact": stage.service.pk},
        "audit.entry": {"action": "exam.viewed", "at__gte": "2026-01-01 00:00:00+00:00"},
    }
    for label, query in seen.items():
        assert browser.get(_list(label), query).status_code == 200


def test_every_encrypted_column_is_named_above() -> None:
    secret = {
        (model._meta.label_lower, column.name)
        for model in admin.site._registry
        for column in model._meta.concrete_fields
        if type(column).__name__ == "EncryptedTextField"
    }
    assert secret <= set(COLUMNS)
