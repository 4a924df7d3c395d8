"""The admin: administrators see identifiers and states, and patient content only with its permission."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from accounts.roles import ADMINISTRATORS
from audit.models import Entry
from exams.models import Capture, Exam, Patient, PollRun, Report, Submission
from tests.exams.rows import make_capture, make_customer, make_service, make_submission
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db

CANARY = "Zorica-Canary"
MODELS = (Exam, Submission, Capture, Report, PollRun, Patient)


@pytest.fixture
def submission(db: None) -> Submission:
    """A submission full of patient content, with a capture, a report and a poll run."""
    customer = make_customer(make_service())
    patient = Patient.objects.create(customer=customer, last_name=CANARY)
    values: dict[str, Any] = {"state": "failed", "failure_detail": f"Rejected {CANARY}"}
    made = make_submission(
        customer, patient=patient, last_name=CANARY, raw_data=f'{{"last_name": "{CANARY}"}}', **values
    )
    make_capture(made, failure_reason="The file arrived incomplete.", **values)
    Report.objects.create(
        submission=made,
        name=CANARY,
        file_name=f"{CANARY}.pdf",
        file="f",
        sha256="0" * 64,
        size=1,
        media_type="application/pdf",
        **values,
    )
    PollRun.objects.create(
        service=made.service,
        started_at=timezone.now(),
        is_full=True,
        is_complete=True,
        page_count=1,
        seen_count=1,
        new_count=1,
        known_count=0,
        error_count=0,
        seconds=0.1,
    )
    return made


@pytest.fixture
def administrator(db: None) -> Client:
    return logged_in(make_person("administrator", ADMINISTRATORS, is_staff=True))


@pytest.fixture
def confidant(db: None) -> Client:
    """An administrator who may see patient content."""
    user = make_person("confidant", ADMINISTRATORS, is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_patient_content"))
    return logged_in(user)


def pages(model: Any, row: Any) -> list[str]:
    root = f"/admin/exams/{model._meta.model_name}/"
    return [root, f"{root}{row.pk}/change/", f"{root}{row.pk}/history/", f"{root}?q={row.pk}"]


def texts(browser: Client) -> list[tuple[int, str]]:
    """Return the status and text of every list, page and history of this app's admin."""
    found = []
    for model in MODELS:
        for url in pages(model, model._default_manager.get()):
            answer = browser.get(url)
            found.append((answer.status_code, answer.content.decode()))
    return found


def test_an_administrator_never_reads_patient_content(submission: Submission, administrator: Client) -> None:
    answers = texts(administrator)
    assert not any(CANARY in text for _, text in answers)
    assert {status for status, _ in answers[:-4]} == {200}
    # Patients have no page.
    assert {status for status, _ in answers[-4:]} == {403}


def test_patient_content_is_shown_by_permission_and_recorded(
    submission: Submission, confidant: Client
) -> None:
    answer = confidant.get(f"/admin/exams/submission/{submission.pk}/change/")
    assert CANARY in answer.content.decode()
    assert CANARY in confidant.get(f"/admin/exams/patient/{submission.patient_id}/change/").content.decode()
    for model in (Submission, Capture, Report):
        address = pages(model, model._default_manager.get())[1]
        assert f"Rejected {CANARY}" in confidant.get(address).content.decode()
    seen = set(Entry.objects.values_list("action", "target_id"))
    assert ("patient.viewed", str(submission.patient.uuid)) in seen
    assert ("submission.viewed", str(submission.uuid)) in seen


@pytest.mark.parametrize("model", [Submission, Report, Patient])
def test_refused_requests_and_answers_without_content_are_not_audited_as_views(
    submission: Submission, confidant: Client, model: Any
) -> None:
    root = f"/admin/exams/{model._meta.model_name}/{model._default_manager.get().pk}"
    for page in ("change", "delete"):
        assert confidant.post(f"{root}/{page}/").status_code == 403
    assert confidant.get(f"{root}/history/").status_code == 200
    assert not Entry.objects.filter(action__endswith=".viewed").exists()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_cursor_at_a_missing_row_leads_to_the_first_page(
    submission: Submission, confidant: Client, model: Any
) -> None:
    for key in ("999999", "abc", "-1", "9" * 30, "9" * 5000):
        answer = confidant.get(f"/admin/exams/{model._meta.model_name}/{key}/change/")
        assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")


def test_a_page_of_states_alone_is_not_audited_as_a_view(
    submission: Submission, administrator: Client
) -> None:
    administrator.get(f"/admin/exams/submission/{submission.pk}/change/")
    assert not Entry.objects.filter(action="submission.viewed").exists()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_nothing_is_added_changed_or_deleted_by_hand(
    submission: Submission, confidant: Client, model: Any
) -> None:
    row = model._default_manager.get()
    root = f"/admin/exams/{model._meta.model_name}/"
    before = model._default_manager.values().get()
    assert confidant.get(f"{root}add/").status_code == 403
    assert confidant.post(f"{root}{row.pk}/change/", {"state": "ready"}).status_code == 403
    assert confidant.post(f"{root}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert model._default_manager.values().get() == before


@pytest.mark.parametrize("role", ["anonymous", "reviewer"])
def test_nobody_else_gets_in(submission: Submission, role: str) -> None:
    browser = Client() if role == "anonymous" else logged_in(make_person("reviewer", "Reviewers"))
    assert all(status in {302, 403, 404} for status, _ in texts(browser))


@pytest.fixture
def act(submission: Submission, administrator: Client) -> Callable[..., str]:
    """Confirm an action on every row of a model and return the page that follows."""

    def run(model: Any, action: str) -> str:
        rows = list(model._default_manager.values_list("pk", flat=True))
        data = {"action": action, "_selected_action": rows, "confirmed": "yes"}
        answer = administrator.post(f"/admin/exams/{model._meta.model_name}/", data, follow=True)
        return answer.content.decode()

    return run


Act = Callable[..., str]


def test_a_failed_submission_is_fetched_again(act: Act, submission: Submission) -> None:
    assert "1 of 1 submissions are fetched again" in act(Submission, "retry")
    submission.refresh_from_db()
    assert (submission.state, submission.not_before is not None) == ("received", True)


def test_a_submission_is_stopped_and_resumed(act: Act, submission: Submission) -> None:
    assert "1 of 1 submissions are held" in act(Submission, "stop")
    submission.refresh_from_db()
    assert (submission.state, submission.hold_reason) == ("held", "stopped")
    assert "1 of 1 submissions were resumed" in act(Submission, "resume")
    submission.refresh_from_db()
    assert submission.state == "received"
    assert Entry.objects.get(action="submission.resumed").actor_label == "a…@example.test"


def test_a_report_is_sent_again(act: Act) -> None:
    assert "1 of 1 reports wait to be sent again" in act(Report, "send_again")
    assert Report.objects.get().state == "signed"


def test_an_action_needs_its_own_permission(submission: Submission) -> None:
    user = make_person("onlooker", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_submission"))
    data = {"action": "retry", "_selected_action": [submission.pk], "confirmed": "yes"}
    logged_in(user).post("/admin/exams/submission/", data)
    submission.refresh_from_db()
    assert submission.state == "failed"


@pytest.mark.parametrize(
    "query", ["state__exact=failed", "service__id__exact=1", "hold_reason__exact=stopped"]
)
def test_lists_are_filtered_by_state(submission: Submission, administrator: Client, query: str) -> None:
    assert administrator.get(f"/admin/exams/submission/?{query}").status_code == 200


def test_a_submission_is_found_by_its_identifiers(submission: Submission, administrator: Client) -> None:
    for key in (submission.uuid, submission.request_uuid, submission.exam.exam_uuid):
        page = administrator.get(f"/admin/exams/submission/?q={key}").content.decode()
        assert str(submission.request_uuid) in page
    # Names are not searched, because a search text is part of the URL.
    page = administrator.get(f"/admin/exams/submission/?q={CANARY}").content.decode()
    assert str(submission.request_uuid) not in page
