"""Exams that are submitted by hand: who sees them, with which patient, and who is notified."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from sandbox.models import Customer, Service, Submission

Submit = Callable[..., Submission]
Captured = Any


def post(client: Client, url: str, customer: Customer, **fields: Any) -> Any:
    return client.post(url, {"customer": customer.pk, **fields}, follow=True)


def test_the_form_offers_the_exams_own_patient(ada: Customer, exams: Any, client: Client) -> None:
    page = client.get("/submit/canine-cardiac/").content.decode()
    for value in exams["canine-cardiac"].patient.values():
        assert f'value="{value}"' in page


def test_an_exam_is_sent_with_the_patient_of_the_form(ada: Customer, exams: Any, client: Client) -> None:
    fields = {"last_name": "  Ångström ", "identifier": "", "gender": "F"}
    response = post(client, "/submit/lymph-node/", ada, notify="on", **fields)
    submission = Submission.objects.get()
    assert response.redirect_chain == [(f"/exams/{submission.request_uuid}/", 302)]
    assert submission.patient == {"last_name": "Ångström", "gender": "F"}
    assert submission.customer == ada
    assert submission.title == exams["lymph-node"].title
    names = [each.name for each in exams["lymph-node"].files]
    assert [each.name for each in submission.captures.all()] == names


@pytest.mark.parametrize(
    ("notify", "sent", "words"),
    [("on", 1, "is being notified"), ("", 0, "finds it with its next poll")],
)
def test_the_service_is_notified_when_the_box_is_ticked(
    notify: str,
    sent: int,
    words: str,
    ada: Customer,
    service: Service,
    client: Client,
    django_capture_on_commit_callbacks: Captured,
) -> None:
    fields = {"notify": notify} if notify else {}
    with django_capture_on_commit_callbacks() as calls:
        response = post(client, "/submit/", ada, **fields)
    assert len(calls) == sent
    assert words in response.content.decode()


def test_a_customer_who_is_not_connected_is_not_notified(
    jonas: Customer, service: Service, client: Client, django_capture_on_commit_callbacks: Captured
) -> None:
    with django_capture_on_commit_callbacks() as calls:
        page = post(client, "/submit/", jonas, notify="on").content.decode()
    assert calls == []
    assert "cannot see the exam until the customer is connected" in page
    assert Submission.objects.get().customer == jonas


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"notification_url": ""}, "No notification was sent because"), ({"notify_mode": "drop"}, "was lost")],
)
def test_the_page_shows_why_nothing_was_sent(
    changes: dict[str, str], words: str, ada: Customer, service: Service, client: Client
) -> None:
    Service.objects.update(**changes)
    assert words in post(client, "/submit/", ada, notify="on").content.decode()


def test_the_customer_of_the_previous_page_is_preselected(
    ada: Customer, jonas: Customer, client: Client
) -> None:
    page = client.get("/submit/", {"customer": jonas.pk}).content.decode()
    assert f'<option value="{jonas.pk}" selected>' in page
    assert f"/submit/pelvis/?customer={jonas.pk}" in page
    strange = client.get("/submit/", {"customer": '"><script>'}).content.decode()
    assert "<script" not in strange and f'<option value="{ada.pk}" selected>' in strange


def test_a_form_without_a_customer_sends_nothing(ada: Customer, client: Client) -> None:
    response = client.post("/submit/", {"customer": "999", "notify": "on"})
    assert response.status_code == 200
    assert not Submission.objects.exists()


# --- Uploaded files --------------------------------------------------------------------------------


def test_uploaded_files_become_captures_in_their_order(ada: Customer, client: Client) -> None:
    files = [
        SimpleUploadedFile("b.png", b"one", "image/png"),
        SimpleUploadedFile("a.html", b"<script>alert(1)</script>", "text/html"),
    ]
    response = post(client, "/submit/files/", ada, files=files, identifier="X-1")
    submission = Submission.objects.get()
    assert [each.name for each in submission.captures.all()] == ["b.png", "a.html"]
    assert [each.size for each in submission.captures.all()] == [3, 25]
    assert submission.patient == {"identifier": "X-1"}
    assert "a.html" in response.content.decode()


def test_an_uploaded_html_page_is_never_displayed(ada: Customer, client: Client) -> None:
    post(client, "/submit/files/", ada, files=[SimpleUploadedFile("a.svg", b"<svg/>", "image/svg+xml")])
    capture = Submission.objects.get().captures.get()
    response = client.get(f"/exams/captures/{capture.uuid}/")
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")


def test_an_upload_without_files_sends_nothing(ada: Customer, client: Client) -> None:
    assert "Choose at least one file." in post(client, "/submit/files/", ada).content.decode()
    assert not Submission.objects.exists()


# --- The same exam again -------------------------------------------------------------------------------


def facts(submission: Submission) -> list[tuple[str, str, str]]:
    return list(submission.captures.values_list("name", "sha256", "content_type"))


def test_an_exam_can_be_submitted_again_with_a_corrected_name(
    submit: Submit, ada: Customer, client: Client
) -> None:
    patient = {"last_name": "Wrong", "first_name": "Ann", "ward": {"bed": 7}}
    earlier = submit(exam_slug="pelvis", patient=patient, capture_count=2)
    url = f"/exams/{earlier.request_uuid}/again/"
    assert 'value="Wrong"' in client.get(url).content.decode()
    post(client, url, ada, last_name="Right", first_name="Ann")
    later = Submission.objects.exclude(pk=earlier.pk).get()
    assert later.exam_uuid == earlier.exam_uuid
    assert later.request_uuid != earlier.request_uuid
    assert later.patient == {"last_name": "Right", "first_name": "Ann", "ward": {"bed": 7}}
    assert facts(later) == facts(earlier)
    assert len(facts(later)) == 2
    page = client.get(f"/exams/{later.request_uuid}/").content.decode()
    assert "Other submissions of this exam" in page and f"/exams/{earlier.request_uuid}/" in page


def test_uploaded_files_can_be_submitted_again_unchanged(ada: Customer, client: Client) -> None:
    post(client, "/submit/files/", ada, files=[SimpleUploadedFile("b.png", b"one", "image/png")])
    earlier = Submission.objects.get()
    post(client, f"/exams/{earlier.request_uuid}/again/", ada)
    later = Submission.objects.exclude(pk=earlier.pk).get()
    assert facts(later) == facts(earlier) != []
    assert later.exam_uuid == earlier.exam_uuid


def test_an_exam_without_captures_can_be_submitted_again(
    submit: Submit, ada: Customer, client: Client
) -> None:
    earlier = submit(capture_count=0)
    post(client, f"/exams/{earlier.request_uuid}/again/", ada)
    later = Submission.objects.exclude(pk=earlier.pk).get()
    assert facts(later) == []
