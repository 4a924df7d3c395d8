"""The log shows accounts and objects by their labels, with links to their pages."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.roles import ADMINISTRATORS
from audit.entries import add_entry
from tests.exams.cast import Stage, add_report, make_stage
from tests.exams.rows import make_customer, make_submission
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db
LOG = "/admin/audit/entry/"


@pytest.fixture
def stage(db: None, settings: Any, tmp_path: Any) -> Stage:
    settings.MEDIA_ROOT = tmp_path / "media"
    return make_stage()


@pytest.fixture
def reader(stage: Stage) -> Client:
    return stage.browser("administrator")


def page(browser: Client, **query: str) -> str:
    return str(browser.get(LOG, query).content.decode())


def test_an_entry_shows_the_account_and_links_to_the_object(stage: Stage, reader: Client) -> None:
    report = add_report(stage.submission)
    rita = stage.people["reviewer"]
    link = stage.customer.links.get()
    for target in (stage.service, stage.customer, stage.submission, report, link):
        add_entry(action="thing.done", actor=rita, target=target)
    add_entry(action="thing.happened")
    add_entry(action="account.log_in_failed", outcome="refused")
    text = page(reader)
    short = str(stage.submission.request_uuid)[:8]
    for row, words in (
        (stage.service, "service Echo reading"),
        (stage.customer, "customer Dr. Osei"),
        (stage.submission, f"submission {short} of Dr. Osei"),
        (link, "link of Dr. Osei and clinician@example.test"),
        (report, f"report of submission {short} of Dr. Osei"),
    ):
        address = f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"
        assert f'href="{address}">{words}</a>' in text
    assert "Rita Moreau (reviewer@example.test)" in text
    assert "the portal itself" in text
    assert "somebody who is not logged in" in text
    assert "integrations.service<" not in text


def test_the_page_of_an_entry_shows_the_same(stage: Stage, reader: Client) -> None:
    entry = add_entry(action="thing.done", actor=stage.people["reviewer"], target=stage.service)
    text = reader.get(f"{LOG}{entry.pk}/change/").content.decode()
    assert "Rita Moreau (reviewer@example.test)" in text and "service Echo reading</a>" in text


def test_a_deleted_object_is_shown_by_type_and_identifier(stage: Stage, reader: Client) -> None:
    other = make_person("gone")
    add_entry(action="thing.done", actor=other, target=make_submission(make_customer(stage.service)))
    stage.submission.__class__.objects.exclude(pk=stage.submission.pk).delete()
    other.emailaddress_set.all().delete()
    other.delete()
    text = page(reader)
    assert "g…@example.test" in text and "submission " in text


def test_a_reader_without_permission_sees_neither_accounts_nor_objects(stage: Stage) -> None:
    add_entry(action="thing.done", actor=stage.people["reviewer"], target=stage.customer)
    auditor = make_person("only-the-log", is_staff=True)
    auditor.user_permissions.set(Permission.objects.filter(codename="view_entry"))
    text = page(logged_in(auditor))
    assert "r…@example.test" in text and f"customer {str(stage.customer.uuid)[:8]}" in text
    assert "reviewer@example.test" not in text and "Dr. Osei" not in text
    found = logged_in(auditor).get(LOG, {"q": "reviewer@"}).context["cl"].result_list
    assert [each for each in found if each.action == "thing.done"] == []


def test_a_full_page_needs_as_many_queries_as_a_short_one(stage: Stage, reader: Client) -> None:
    def cost() -> int:
        with CaptureQueriesContext(connection) as seen:
            page(reader)
        return len(seen)

    add_entry(action="thing.done", actor=stage.people["reviewer"], target=stage.submission)
    cost()
    before = cost()
    for number in range(6):
        person = make_person(f"person{number}", ADMINISTRATORS)
        add_entry(action="thing.done", actor=person, target=make_submission(make_customer(stage.service)))
    assert cost() == before


def test_the_log_can_be_searched_by_address_and_filtered_by_type(stage: Stage, reader: Client) -> None:
    add_entry(action="done.by_rita", actor=stage.people["reviewer"], target=stage.service)
    add_entry(action="done.by_ann", actor=stage.people["clinician"], target=stage.customer)

    def found(**query: str) -> set[str]:
        listed = reader.get(LOG, query).context["cl"].result_list
        return {each.action for each in listed if each.action.startswith("done.")}

    assert found(q="reviewer@example.test") == {"done.by_rita"}
    assert found(about="integrations.customer") == {"done.by_ann"}
