"""Access by role: every URL of the exams is in one table of roles and statuses."""

import pytest
from django.urls import reverse

from exams.models import Report
from exams.urls import urlpatterns
from tests.exams.cast import ROLES, Stage, add_report

# One letter for each role, in the order of ROLES: anonymous, outsider, clinician, other clinician,
# reviewer, reviewer without grant, administrator, administrator with content.
LETTERS = {"l": 302, "-": 404, "x": 403, "o": 200, "r": 302, "d": 204}
# l: redirected to the log-in page, r: done and redirected to the next page, d: done.
TABLE: dict[str, tuple[str, str]] = {
    "worklist": ("get", "lxxxooxo"),
    "worklist_search": ("post", "lxxxrrxr"),
    "exam": ("get", "l-o-o--o"),
    "exam_status": ("get", "l-o-o--o"),
    "exam_claim": ("post", "l---r---"),
    "exam_return": ("post", "l---r---"),
    "exam_take_over": ("post", "l---r---"),
    "exam_check": ("post", "l---r---"),
    "exam_split": ("post", "l---r---"),
    "report_new": ("get", "l---o---"),
    "report": ("get", "l-o-o--o"),
    "report_sign": ("post", "l---r---"),
    "report_discard": ("post", "l---r---"),
    "report_retry": ("post", "l---r---"),
    "report_pages": ("post", "l---r---"),
    "report_resolve": ("post", "l---r---"),
    "report_file": ("get", "l-o-o--o"),
    "report_page": ("get", "l-o-o--o"),
    "capture_file": ("get", "l-o-o--o"),
    "capture_thumbnail": ("get", "l-o-o--o"),
    "capture_preview": ("get", "l-o-o--o"),
    "capture_display": ("get", "l-o-o--o"),
    "capture_seen": ("post", "l---d---"),
    "my": ("get", "looooooo"),
}
# Protected by the secret in its URL, which has its own tests.
WITHOUT_ROLES = {"webhook"}


def address_of(name: str, stage: Stage, report: Report) -> str:
    if name.startswith(("exam", "report_new")):
        return reverse(name, args=[stage.submission.uuid])
    if name == "report_page":
        page = report.pages.create(number=1, file=report.file)
        return reverse(name, args=[report.uuid, page.number])
    if name.startswith("report"):
        return reverse(name, args=[report.uuid])
    if name == "capture_display":
        stage.image.display, stage.image.display_type = stage.image.preview, "image/jpeg"
        stage.image.save()
    return reverse(name, args=[stage.image.uuid]) if name.startswith("capture") else reverse(name)


@pytest.mark.parametrize("name", TABLE)
def test_each_role_gets_what_the_table_says(name: str, stage: Stage) -> None:
    method, letters = TABLE[name]
    address = address_of(name, stage, add_report(stage.submission))
    given = {}
    for role in ROLES:
        response = getattr(stage.browser(role), method)(address, {"arrived": "yes", "holder": "1"})
        given[role] = response.status_code
        is_to_log_in = "/accounts/login/" in response.headers.get("Location", "")
        assert is_to_log_in == (role == "anonymous")
        if response.status_code in (403, 404):
            assert b"Zebrowska" not in response.content
    assert given == {role: LETTERS[letter] for role, letter in zip(ROLES, letters, strict=True)}


def test_every_address_is_in_the_table() -> None:
    named = {pattern.name for pattern in urlpatterns}
    assert named - WITHOUT_ROLES == set(TABLE)


@pytest.mark.parametrize("role", ROLES)
def test_a_draft_is_shown_to_its_author_alone(role: str, stage: Stage) -> None:
    draft = add_report(stage.submission, state=Report.State.DRAFT, author=stage.people["reviewer"])
    browser = stage.browser(role)
    expected = {"reviewer": 200, "anonymous": 302}.get(role, 404)
    assert browser.get(reverse("report", args=[draft.uuid])).status_code == expected
    assert browser.get(reverse("report_file", args=[draft.uuid])).status_code == expected


@pytest.mark.parametrize("role", ["clinician", "reviewer", "administrator with content"])
def test_a_held_submission_is_shown_to_nobody(role: str, stage: Stage) -> None:
    stage.submission.state, stage.submission.hold_reason = "held", "stopped"
    stage.submission.save()
    browser = stage.browser(role)
    assert browser.get(reverse("exam", args=[stage.submission.uuid])).status_code == 404
    assert browser.get(reverse("capture_file", args=[stage.image.uuid])).status_code == 404


def test_after_unlinking_the_clinician_sees_nothing_and_the_next_owner_everything(stage: Stage) -> None:
    stage.customer.links.update(state="unlinked")
    address = reverse("exam", args=[stage.submission.uuid])
    assert stage.browser("clinician").get(address).status_code == 404
    stage.customer.links.create(user=stage.people["outsider"], state="confirmed")
    assert stage.browser("outsider").get(address).status_code == 200


def test_a_pending_link_shows_nothing(stage: Stage) -> None:
    stage.customer.links.update(state="pending")
    address = reverse("exam", args=[stage.submission.uuid])
    assert stage.browser("clinician").get(address).status_code == 404


@pytest.mark.parametrize("name", [name for name, (method, _) in TABLE.items() if method == "post"])
def test_every_change_needs_a_form_token(name: str, stage: Stage) -> None:
    browser = stage.browser("reviewer")
    browser.handler.enforce_csrf_checks = True
    address = address_of(name, stage, add_report(stage.submission))
    assert browser.post(address).status_code == 403
    assert browser.get(address).status_code == 405
