"""Administrators see states and identifiers, never a secret; their actions go through services."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from integrations.models import ApiKey, Customer, Link, ReviewerAccess, Service
from integrations.services.linking.links import link_customer
from tests.people import logged_in, make_person, proven

pytestmark = pytest.mark.django_db
MODELS = ["service", "apikey", "customer", "link", "revieweraccess"]


@pytest.fixture
def link(service: Service, clinician: Any, token: str) -> Link:
    made = link_customer(service=service, token=token, user=clinician, label="Dr. Osei", address=None).link
    assert made is not None
    return made


@pytest.fixture
def access(service: Service) -> ReviewerAccess:
    return ReviewerAccess.objects.create(user=make_person("granted", "Reviewers"), service=service)


@pytest.fixture
def rows(link: Link, access: ReviewerAccess, service: Service) -> dict[str, int]:
    key, customer = ApiKey.objects.get(), Customer.objects.get()
    return {
        "service": service.pk,
        "apikey": key.pk,
        "customer": customer.pk,
        "link": link.pk,
        "revieweraccess": access.pk,
    }


@pytest.fixture
def administrator(db: None) -> Any:
    return make_person("administrator", "Administrators", is_staff=True)


@pytest.fixture
def client(administrator: Any) -> Client:
    return proven(administrator)


def _act(client: Client, model: str, action: str, *rows: int, **answer: str) -> Any:
    data = {"action": action, "_selected_action": rows} | answer
    return client.post(f"/admin/integrations/{model}/", data, follow=True)


@pytest.mark.parametrize("model", MODELS)
def test_who_may_open_the_admin_pages_of_integrations(
    rows: dict[str, int], client: Client, model: str
) -> None:
    for page in (f"/admin/integrations/{model}/", f"/admin/integrations/{model}/{rows[model]}/change/"):
        assert Client().get(page).status_code == 302
        for name, groups in ((f"c{len(page)}", ()), (f"r{len(page)}", ("Reviewers",))):
            assert logged_in(make_person(name, *groups)).get(page).status_code == 302
        assert logged_in(make_person(f"bare{len(page)}", is_staff=True)).get(page).status_code == 403
        assert client.get(page).status_code == 200


@pytest.mark.parametrize("model", MODELS)
def test_no_page_holds_a_secret(
    rows: dict[str, int], client: Client, service: Service, token: str, model: str
) -> None:
    secrets = [
        service.webhook_secret,
        ApiKey.objects.get().secret,
        ApiKey.objects.get().secret[9:],
        token,
        token[:12],
    ]
    pages = [
        client.get(f"/admin/integrations/{model}/"),
        client.get(f"/admin/integrations/{model}/", {"q": "e"}),
        client.get(f"/admin/integrations/{model}/{rows[model]}/change/"),
    ]
    for page in pages:
        assert page.status_code == 200
        assert not [secret for secret in secrets if secret in page.content.decode()]


@pytest.mark.parametrize("model", MODELS)
def test_a_secret_that_cannot_be_decrypted_breaks_no_page(
    rows: dict[str, int], administrator: Any, settings: Any, model: str
) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="]
    # Sessions are encrypted too, so the administrator logs in again.
    client = logged_in(administrator)
    assert client.get(f"/admin/integrations/{model}/").status_code == 200
    assert client.get(f"/admin/integrations/{model}/{rows[model]}/change/").status_code == 200


@pytest.mark.parametrize("model", ["service", "apikey", "customer", "link"])
def test_rows_with_a_state_or_a_secret_are_neither_added_nor_deleted(
    rows: dict[str, int], model: str
) -> None:
    client = proven(make_person("superuser", is_staff=True, is_superuser=True))
    # A service is connected on a page of its own, which calls the Cloud.
    if model != "service":
        assert client.get(f"/admin/integrations/{model}/add/").status_code == 403
    assert (
        client.post(f"/admin/integrations/{model}/{rows[model]}/delete/", {"post": "yes"}).status_code == 403
    )
    if model != "customer":
        assert client.post(f"/admin/integrations/{model}/{rows[model]}/change/", {}).status_code == 403


def test_a_customer_is_renamed_without_touching_what_changed_meanwhile(client: Client, link: Link) -> None:
    customer = Customer.objects.get()
    asked = timezone.now()
    page = f"/admin/integrations/customer/{customer.pk}/change/"
    Customer.objects.update(asked_at=asked)
    assert client.post(page, {"label": "Dr. Ada Osei", "institution": "Harbour"}).status_code == 302
    customer.refresh_from_db()
    assert (customer.label, customer.institution, customer.asked_at) == ("Dr. Ada Osei", "Harbour", asked)
    assert Entry.objects.filter(action="customer.renamed").count() == 1


def test_links_are_found_by_account_and_filtered_by_state(client: Client, link: Link) -> None:
    page = "/admin/integrations/link/"
    assert str(link.uuid).encode() in client.get(page, {"q": "clinician@"}).content
    assert str(link.uuid).encode() not in client.get(page, {"q": "nobody@"}).content
    assert str(link.uuid).encode() in client.get(page, {"state__exact": "pending"}).content
    assert str(link.uuid).encode() not in client.get(page, {"state__exact": "gone"}).content


def test_links_are_checked_again_and_suspended_by_actions(
    client: Client, link: Link, administrator: Any
) -> None:
    Link.objects.update(not_before=None)
    _act(client, "link", "ask_again", link.pk)
    assert Link.objects.get().not_before is not None
    client.post(
        "/admin/integrations/link/", {"action": "suspend", "confirmed": "yes", "_selected_action": link.pk}
    )
    ended = Link.objects.get()
    assert (ended.state, ended.reason) == (Link.State.UNLINKED, Link.Reason.SUSPENDED)
    assert Entry.objects.get(action="link.suspended").actor_id == str(administrator.pk)


@pytest.mark.parametrize(
    ("action", "audited"),
    [
        ("poll_now", "service.poll_wanted"),
        ("poll_everything", "service.full_poll_wanted"),
        ("probe_keys", "service.probe_wanted"),
    ],
)
def test_a_service_is_polled_and_its_keys_are_tested_by_actions(
    client: Client, service: Service, action: str, audited: str
) -> None:
    Service.objects.update(circuit_opened_at=timezone.now(), circuit_probe_at=timezone.now())
    _act(client, "service", action, service.pk)
    changed = Service.objects.get()
    assert changed.not_before is not None
    assert (changed.full_poll_due_at is not None) == (action == "poll_everything")
    assert (changed.circuit_probe_at == changed.created_at) == (action == "probe_keys")
    assert Entry.objects.filter(action=audited).count() == 1


def test_a_service_is_paused_and_resumed(client: Client, service: Service) -> None:
    _act(client, "service", "pause", service.pk, confirmed="yes")
    assert not Service.objects.get().is_active
    _act(client, "service", "resume", service.pk)
    assert Service.objects.get().is_active
    assert Service.objects.get().full_poll_due_at is not None


def test_revealing_the_webhook_is_audited_and_leaves_no_trace_in_the_browser(
    client: Client, service: Service
) -> None:
    page = _act(client, "service", "reveal_webhook", service.pk)
    assert service.webhook_secret in page.content.decode()
    assert Entry.objects.filter(action="service.webhook_revealed").count() == 1
    assert service.webhook_secret not in str(client.cookies)


@pytest.mark.parametrize(
    ("model", "action"), [("service", "pause"), ("service", "reveal_webhook"), ("link", "suspend")]
)
def test_actions_need_their_permission(
    rows: dict[str, int], model: str, action: str, service: Service
) -> None:
    watcher = make_person("watcher", is_staff=True)
    watcher.user_permissions.add(*[p for p in _permissions() if p.codename in ("view_service", "view_link")])
    page = _act(logged_in(watcher), model, action, rows[model])
    assert service.webhook_secret not in page.content.decode()
    assert Service.objects.get().is_active
    assert Link.objects.get().state == Link.State.PENDING


def _permissions() -> Any:
    return Link._meta.apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="integrations"
    )


def test_access_to_a_service_is_granted_to_reviewers_one_by_one_and_removed(
    client: Client, service: Service
) -> None:
    reviewer = make_person("reviewer", "Reviewers")
    add = "/admin/integrations/revieweraccess/add/"
    assert client.post(add, {"user": reviewer.pk, "service": service.pk}).status_code == 302
    access = ReviewerAccess.objects.get()
    assert (access.user, access.service) == (reviewer, service)
    assert Entry.objects.get(action="access.granted").target_id == str(reviewer.uuid)
    _act(client, "revieweraccess", "delete_selected", access.pk)
    client.post(f"/admin/integrations/revieweraccess/{access.pk}/delete/", {"post": "yes"})
    assert not ReviewerAccess.objects.exists()
    assert Entry.objects.filter(action="access.removed").count() == 1


def test_nobody_grants_a_service_to_themselves_or_to_someone_who_is_not_a_reviewer(
    client: Client, service: Service, administrator: Any, clinician: Any
) -> None:
    administrator.groups.add(*clinician.groups.model.objects.filter(name="Reviewers"))
    for user in (administrator, clinician):
        page = client.post(
            "/admin/integrations/revieweraccess/add/", {"user": user.pk, "service": service.pk}
        )
        assert page.status_code == 200
    assert not ReviewerAccess.objects.exists()
