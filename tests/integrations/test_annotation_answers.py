"""The editor shows the Cloud's answer to a change, and the annotations that it has now."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from audit.models import Entry
from integrations.admin.annotations._form import drafts_of
from integrations.models import Application, Service
from integrations.services.annotations.editing import base_of
from integrations.services.annotations.groups import read_groups
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db
CARDIAC = UUID("2e79155f-811c-4d29-9b49-807b20013518")
PATH = f"services/applications/{CARDIAC}/"
NOTES = {"title": "Notes", "labels": ["Repeat"], "linked": False}
SIDES = {"title": "Side", "labels": ["Left", "Right"], "linked": True}
KEY = "aB3dE6gH." + "k" * 32


@pytest.fixture
def client(db: None) -> Client:
    return logged_in(make_person("administrator", "Administrators", is_staff=True))


@pytest.fixture
def application(service: Service) -> Application:
    return Application.objects.create(
        service=service,
        remote_uuid=CARDIAC,
        name="Cardiac",
        is_customized=True,
        annotations=[NOTES],
        read_at=service.created_at,
    )


def _has(scripted: Any, *groups: dict[str, Any]) -> None:
    answer = {"uuid": str(CARDIAC), "name": "Cardiac", "annotations": groups}
    scripted.script("GET", PATH, lambda: (200, answer))


def _send(client: Client, application: Application, do: str) -> Any:
    (draft,) = drafts_of(read_groups([NOTES]))
    group = {"count": 1, "g0-title": draft.title, "g0-labels": draft.labels}
    sent = {"do": do, "base": base_of(application)} | group
    return client.post(f"/admin/integrations/application/{application.pk}/change/", sent)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            {"annotations": ["Too many labels."]},
            "(400: annotations). It answered: “annotations: Too many labels”.",
        ),
        (
            {"annotations": [{"title": ["Too long."]}]},
            "(400: annotations). It answered: “annotations: title: Too long”.",
        ),
        ({"detail": "Not while scanning."}, "(400). It answered: “Not while scanning”."),
        (["No."], "(400). It answered: “No”."),
        ({"detail": "x " * 400}, f"“{'x ' * 149}x”."),
        (b"[" * 900 + b'"Deep."' + b"]" * 900, "refused the request (400)."),
        (b"<h1>Bad request</h1>", "refused the request (400)."),
    ],
)
def test_the_form_shows_the_clouds_text_of_a_refusal(
    scripted: Any, application: Application, client: Client, answer: Any, said: str
) -> None:
    _has(scripted, NOTES)
    scripted.script("PUT", PATH, lambda: (400, answer))
    page = _send(client, application, "save")
    (problem,) = page.context["problems"]
    assert problem.startswith("Clarius Cloud refused the request")
    assert problem.endswith(f"{said} Nothing was changed.")


@pytest.mark.parametrize("secret", [KEY, "https://portal.example.com/webhooks/x", "t" * 43])
def test_no_secret_is_repeated_from_a_refusal(
    scripted: Any, application: Application, client: Client, secret: str
) -> None:
    _has(scripted, NOTES)
    # Escaped as an answer may be, so that the secret is plain only after parsing.
    escaped = "".join(f"\\u{ord(each):04x}" for each in secret)
    scripted.script("PUT", PATH, lambda: (400, f'{{"detail": "Bad {escaped} given."}}'.encode()))
    page = _send(client, application, "save").content.decode()
    assert "“Bad ******** given”. Nothing was changed." in page
    assert secret not in page


def test_the_page_is_read_again_by_a_button_of_its_own(
    scripted: Any, application: Application, client: Client
) -> None:
    page = client.get(f"/admin/integrations/application/{application.pk}/change/").content.decode()
    assert 'value="read"' in page
    assert "customized, 1 group," in page
    _has(scripted, SIDES, NOTES)
    assert _send(client, application, "read").status_code == 302
    application.refresh_from_db()
    assert application.annotations == [SIDES, NOTES]
    # Another client wrote them.
    page = client.get(f"/admin/integrations/application/{application.pk}/change/").content.decode()
    assert "The annotations are up to date." in page
    assert "your own" not in page
    scripted.script("GET", PATH, lambda: (500, {}))
    (problem,) = _send(client, application, "read").context["problems"]
    assert problem.endswith("Nothing was changed.")
    outcomes = Entry.objects.filter(action="annotations.read")
    assert sorted(outcomes.values_list("outcome", flat=True)) == ["failed", "ok"]
