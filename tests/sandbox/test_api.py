"""The API's statuses and bodies, as the provider's probable libraries give them."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from sandbox import behaviour
from sandbox.models import Application, Customer, Report, Service, ServiceKey, Submission

API = "/api/public/v0"
NO_KEY = {"detail": "Authentication credentials were not provided."}
Submit = Callable[..., Submission]


def get(api: Client, path: str, **query: Any) -> Any:
    answer = api.get(f"{API}/{path}", query)
    assert answer.status_code == 200, answer.content
    return answer.json()


# --- Keys ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Api-Key {key}",
        "Token {key}",
        "Service-API-Key",
        "Service-API-Key ",
        "Service-API-Key {prefix}",
        "Service-API-Key {key} ",
        "Service-API-Key  {key}",
        "Service-API-Key {prefix}.wrong",
        "Service-API-Key {key}\u00e9",
    ],
)
def test_every_wrong_key_gets_the_same_answer(key: str, header: str | None) -> None:
    shown = None if header is None else header.format(key=key, prefix=key.partition(".")[0])
    answer = Client(headers={} if shown is None else {"Authorization": shown}).get(
        f"{API}/services/settings/"
    )
    assert (answer.status_code, answer.json()) == (403, NO_KEY)


def test_a_revoked_key_is_refused_like_a_wrong_one(api: Client, key: str) -> None:
    behaviour.revoke_key(prefix=key.partition(".")[0])
    assert api.get(f"{API}/services/settings/").status_code == 403


def test_the_keyword_may_be_written_in_any_case(key: str) -> None:
    caller = Client(headers={"Authorization": f"service-api-key {key}"})
    assert caller.get(f"{API}/services/settings/").status_code == 200


def test_a_key_is_shown_once_and_has_the_documented_shape(api: Client) -> None:
    answer = api.post(f"{API}/services/api-keys/", {"name": "second"}, content_type="application/json")
    assert answer.status_code == 201
    created = answer.json()
    prefix, _, secret = created["key"].partition(".")
    assert (len(prefix), len(secret), created["prefix"]) == (8, 32, prefix)
    listed = get(api, "services/api-keys/")
    assert {frozenset(each) for each in listed} == {frozenset({"prefix", "name", "created"})}
    assert created["key"] not in api.get(f"{API}/services/api-keys/").content.decode()


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": None}, {"name": "x" * 51}])
def test_a_key_needs_a_name_of_up_to_fifty_characters(api: Client, body: dict[str, Any]) -> None:
    answer = api.post(f"{API}/services/api-keys/", body, content_type="application/json")
    assert answer.status_code == 400
    assert list(answer.json()) == ["name"]


def test_the_key_in_use_cannot_be_revoked_but_another_can_once(api: Client, key: str) -> None:
    own = api.delete(f"{API}/services/api-keys/{key.partition('.')[0]}/")
    assert own.status_code == 400
    other, _ = behaviour.create_key(name="other")
    assert api.delete(f"{API}/services/api-keys/{other.prefix}/").status_code == 204
    assert api.delete(f"{API}/services/api-keys/{other.prefix}/").status_code == 404
    assert ServiceKey.objects.get(prefix=other.prefix).revoked


# --- The poll --------------------------------------------------------------------------------------------


@pytest.fixture
def five(submit: Submit) -> list[Submission]:
    return [submit(notify=False) for _ in range(5)]


def test_submissions_of_confirmed_customers_come_newest_first(
    api: Client, five: list[Submission], submit: Submit, jonas: Customer
) -> None:
    submit(customer=jonas, notify=False)
    page = get(api, "exams/accessible/")
    assert page["count"] == 5
    assert [row["request_uuid"] for row in page["results"]] == [str(each.request_uuid) for each in five[::-1]]
    assert set(page["results"][0]) == {
        "request_uuid",
        "exam_uuid",
        "customer_id",
        "download_url",
        "submitted_at",
    }
    assert "/exams/download-requests/" in page["results"][0]["download_url"]


@pytest.mark.parametrize("limit", ["0", "-1", "abc", "", "1e3"])
def test_an_invalid_limit_means_the_default(api: Client, five: list[Submission], limit: str) -> None:
    assert len(get(api, "exams/accessible/", limit=limit)["results"]) == 5


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"limit": "2"}, [4, 3]),
        ({"limit": " 2 "}, [4, 3]),
        ({"limit": "2", "offset": "2"}, [2, 1]),
        ({"limit": "2", "offset": "-3"}, [4, 3]),
        ({"limit": "2", "offset": "abc"}, [4, 3]),
        ({"offset": "5"}, []),
        ({"offset": "999"}, []),
        ({"offset": "1" + "0" * 20}, []),
        ({"limit": "1" + "0" * 20}, [4, 3, 2, 1, 0]),
    ],
)
def test_the_edges_of_paging(
    api: Client, five: list[Submission], query: dict[str, str], shown: list[int]
) -> None:
    page = get(api, "exams/accessible/", **query)
    assert page["count"] == 5
    assert [row["request_uuid"] for row in page["results"]] == [str(five[n].request_uuid) for n in shown]


def test_a_limit_that_is_too_large_is_lowered_also_in_next(api: Client, ada: Customer) -> None:
    Submission.objects.bulk_create(Submission(customer=ada) for _ in range(1001))
    page = get(api, "exams/accessible/", limit="5000")
    assert len(page["results"]) == 1000
    assert "limit=1000&offset=1000" in page["next"]
    assert page["previous"] is None


def test_the_customer_filter_is_exact_and_a_blank_one_is_none(
    api: Client, five: list[Submission], ada: Customer, submit: Submit
) -> None:
    other = behaviour.add_customer(name="Other", is_confirmed=True)
    submit(customer=other, notify=False)
    assert get(api, "exams/accessible/", customer_id=ada.token)["count"] == 5
    assert get(api, "exams/accessible/", customer_id="")["count"] == 6
    assert get(api, "exams/accessible/", customer_id="nobody")["count"] == 0
    assert get(api, "exams/accessible/", customer_id="\x00")["count"] == 6


# --- Data and media --------------------------------------------------------------------------------------


def test_data_is_served_under_both_addresses_with_links_of_another_origin(
    api: Client, media: Callable[..., Any], submit: Submit
) -> None:
    submission = submit(exam_slug="cardiac-loop", notify=False)
    path = f"download-requests/{submission.request_uuid}/data/"
    first, second = get(api, path), get(api, f"exams/{path}")
    assert first["patient"] == second["patient"] == submission.patient
    assert len(first["captures"]) == 5
    one, two = first["captures"][0]["url"], second["captures"][0]["url"]
    assert one != two
    assert one.split("?")[0] == two.split("?")[0]
    answer = media(one.removeprefix("http://127.0.0.1:8002"))
    assert answer.status_code == 200
    assert answer["Content-Type"] == "video/mp4"
    assert int(answer["Content-Length"]) == len(b"".join(answer.streaming_content))


def test_links_that_are_wrong_expired_or_come_with_a_key_are_refused_as_storage_does(
    api: Client, media: Callable[..., Any], submit: Submit
) -> None:
    submission = submit(notify=False)
    url = get(api, f"download-requests/{submission.request_uuid}/data/")["captures"][0]["url"]
    path = url.removeprefix("http://127.0.0.1:8002")
    assert media(path, headers={"Authorization": "Service-API-Key a.b"}).status_code == 400
    for broken in (path[:-4] + "0000", path.split("?")[0], path.replace("expires=", "expires=9")):
        assert media(broken).status_code == 403
    assert api.post("/sandbox/control/links/expire/", content_type="application/json").status_code == 204
    assert b"AccessDenied" in media(path).content
    assert media("/api/public/v0/services/settings/").status_code == 404


def test_data_of_a_customer_who_was_unsubscribed_or_never_existed_is_not_found(
    api: Client, ada: Customer, submit: Submit
) -> None:
    submission = submit(notify=False)
    Customer.objects.filter(pk=ada.pk).update(is_subscribed=False)
    assert api.get(f"{API}/download-requests/{submission.request_uuid}/data/").status_code == 404
    assert api.get(f"{API}/download-requests/{uuid.uuid4()}/data/").status_code == 404
    assert api.get(f"{API}/download-requests/not-a-uuid/data/").status_code == 404


def test_data_that_is_not_ready_is_refused_with_the_reason(api: Client, ada: Customer) -> None:
    made = api.post(
        "/sandbox/control/submissions/",
        {"customer": ada.token, "exam": "vessel-doppler", "ready_after": 60, "notify": False},
        content_type="application/json",
    ).json()
    assert api.get(f"{API}/download-requests/{made['request_uuid']}/data/").status_code == 400


# --- Customers -------------------------------------------------------------------------------------------


def test_a_token_is_confirmed_twice_and_an_unknown_one_is_not_found(api: Client, jonas: Customer) -> None:
    for _ in range(2):
        answer = api.post(
            f"{API}/services/customer-confirmations/", {"token": jonas.token}, content_type="application/json"
        )
        assert answer.status_code == 200
    assert get(api, "services/confirmed-tokens/")["results"] == [jonas.token]
    unknown = api.post(
        f"{API}/services/customer-confirmations/", {"token": "nobody"}, content_type="application/json"
    )
    assert unknown.status_code == 404
    missing = api.post(f"{API}/services/customer-confirmations/", {}, content_type="application/json")
    assert (missing.status_code, missing.json()) == (400, {"token": ["This field is required."]})


# --- Reports ---------------------------------------------------------------------------------------------


def test_reports_are_added_and_the_earlier_call_replaces(api: Client, submit: Submit) -> None:
    submission = submit(notify=False)
    root = f"{API}/services/requests/{submission.request_uuid}"
    for name in ("Echo", "Echo v2"):
        file = SimpleUploadedFile("../../r.pdf", b"%PDF-1", "application/pdf")
        assert api.post(f"{root}/reports/", {"name": name, "file": file}).status_code == 201
    assert list(Report.objects.order_by("id").values_list("name", "file_name")) == [
        ("Echo", "r.pdf"),
        ("Echo v2", "r.pdf"),
    ]
    for body in (b"a", b"b"):
        content = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="r.pdf"\r\n\r\n'
            + body
            + b"\r\n--x--"
        )
        answer = api.put(f"{root}/report/", content, content_type="multipart/form-data; boundary=x")
        assert answer.status_code == 200
    assert Report.objects.filter(name="").count() == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "x"}, {"file": ["No file was submitted."]}),
        ({"name": "x", "file": ("r.pdf", b"")}, {"file": ["The submitted file is empty."]}),
        ({"file": ("r.pdf", b"x")}, {"name": ["This field is required."]}),
        (
            {"name": "x", "file": "text"},
            {"file": ["The submitted data was not a file. Check the encoding type on the form."]},
        ),
    ],
)
def test_the_faulty_fields_of_a_report_are_named(
    api: Client, submit: Submit, form: dict[str, Any], said: dict[str, Any]
) -> None:
    root = f"{API}/services/requests/{submit(notify=False).request_uuid}/reports/"
    sent = {k: SimpleUploadedFile(*v) if isinstance(v, tuple) else v for k, v in form.items()}
    answer = api.post(root, sent)
    assert (answer.status_code, answer.json()) == (400, said)
    assert not Report.objects.exists()


def test_a_report_is_a_form_and_belongs_to_a_submission(api: Client, submit: Submit) -> None:
    root = f"{API}/services/requests/{submit(notify=False).request_uuid}/reports/"
    assert api.post(root, {"name": "x"}, content_type="application/json").status_code == 415
    file = SimpleUploadedFile("x" * 101 + ".pdf", b"x")
    assert api.post(root, {"name": "x", "file": file}).status_code == 400
    nowhere = f"{API}/services/requests/{uuid.uuid4()}/reports/"
    assert api.post(nowhere, {"name": "x", "file": SimpleUploadedFile("r.pdf", b"x")}).status_code == 404


def test_a_report_beyond_the_limit_gets_a_page_of_the_web_server(
    api: Client, submit: Submit, settings: Any
) -> None:
    settings.REPORT_MAX_BYTES = 1000
    root = f"{API}/services/requests/{submit(notify=False).request_uuid}/reports/"
    answer = api.post(root, {"name": "x", "file": SimpleUploadedFile("r.pdf", b"x" * 1001)})
    assert (answer.status_code, answer["Content-Type"]) == (413, "text/html")
    assert not Report.objects.exists()


# --- Settings --------------------------------------------------------------------------------------------


def patch(api: Client, body: Any) -> Any:
    return api.patch(f"{API}/services/settings/", body, content_type="application/json")


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/{token}/",
        "https://example.com/?token={token}",
        "https://example.com/#{token}",
        "http://127.0.0.1:8000/connect/a/?token={token}",
        "",
    ],
)
def test_the_token_may_be_anywhere_but_in_the_host(api: Client, url: str) -> None:
    answer = patch(api, {"token_transfer_url": url})
    assert answer.status_code == 200
    assert get(api, "services/settings/")["token_transfer_url"] == url


@pytest.mark.parametrize(
    "body",
    [
        {"token_transfer_url": "https://example.com/"},
        {"token_transfer_url": "https://{token}.example.com/"},
        {"token_transfer_url": None},
        {"notification_url": None},
        {"notification_url": "nonsense"},
        {"notification_url": "http://portal:8000/x"},
        {"notification_url": "ftp://example.com:x/"},
        {"notification_url": 7.5},
    ],
)
def test_settings_that_are_refused_name_the_field_and_change_nothing(
    api: Client, service: Service, body: dict[str, Any]
) -> None:
    before = get(api, "services/settings/")
    answer = patch(api, body)
    assert answer.status_code == 400
    assert list(answer.json()) == list(body)
    assert get(api, "services/settings/") == before


def test_only_what_is_sent_is_changed(api: Client, service: Service) -> None:
    answer = patch(api, {"notification_url": "", "something_else": 1})
    assert answer.json() == {"notification_url": "", "token_transfer_url": service.token_transfer_url}


# --- Applications ----------------------------------------------------------------------------------------


@pytest.fixture
def cardiac(db: None) -> Application:
    return Application.objects.create(name="Cardiac")


def test_an_application_is_customized_read_and_set_back(api: Client, cardiac: Application) -> None:
    path = f"{API}/services/applications/{cardiac.uuid}/"
    assert api.get(path).status_code == 404
    groups = [{"title": "View", "labels": ["A4C", "PLAX"], "linked": True}]
    put = api.put(path, {"annotations": groups}, content_type="application/json")
    expected = {"uuid": str(cardiac.uuid), "name": "Cardiac", "annotations": groups}
    assert (put.status_code, put.json()) == (200, expected)
    assert get(api, "services/applications/") == [expected]
    assert get(api, "exams/applications/") == [{"uuid": str(cardiac.uuid), "name": "Cardiac"}]
    empty = api.put(path, {"annotations": []}, content_type="application/json")
    assert empty.json()["annotations"] == []
    assert api.delete(path).status_code == 204
    assert api.delete(path).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"annotations": None},
        {"annotations": [{}]},
        {"annotations": [{"title": "x", "labels": "A", "linked": True}]},
        {"annotations": [{"title": "x", "labels": ["A"], "linked": "maybe"}]},
        {"annotations": [{"title": "", "labels": ["A"], "linked": False}]},
    ],
)
def test_annotations_are_validated(api: Client, cardiac: Application, body: dict[str, Any]) -> None:
    path = f"{API}/services/applications/{cardiac.uuid}/"
    assert api.put(path, body, content_type="application/json").status_code == 400


# --- What every call has in common -----------------------------------------------------------------------


def test_methods_bodies_and_slashes(api: Client) -> None:
    assert api.post(f"{API}/exams/accessible/").status_code == 405
    broken = api.patch(f"{API}/services/settings/", "{", content_type="application/json")
    assert broken.status_code == 400
    assert broken.json()["detail"].startswith("JSON parse error")
    assert api.patch(f"{API}/services/settings/", "a=b", content_type="text/plain").status_code == 415
    assert api.get(f"{API}/services/settings").status_code == 301
    assert api.get(f"{API}/services/unknown/").status_code == 404
