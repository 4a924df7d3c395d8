"""The page of a row links its audit entries; headings, empty lists and refusals are plain English."""

import html
import re
from typing import Any

import pytest
from django.test import Client

from audit.entries import add_entry
from exams.models import Submission
from tests.exams.cast import Stage, make_stage
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def stage(db: None, settings: Any, tmp_path: Any) -> Stage:
    settings.MEDIA_ROOT = tmp_path / "media"
    return make_stage()


@pytest.fixture
def administrator(stage: Stage) -> Client:
    return stage.browser("administrator")


def history_of(page: Any) -> str:
    """Return where the page's own link to the audit log leads, an empty text without one."""
    # A link by patient is in a field of the page.
    found = re.search(r'href="(/admin/audit/entry/\?(?!patient=)[^"]+)"', page.content.decode())
    return html.unescape(found[1]) if found else ""


def address(row: Any) -> str:
    return f"/admin/{row._meta.app_label}/{row._meta.model_name}/{row.pk}/change/"


def test_history_opens_the_audit_entries_of_this_row_alone(stage: Stage, administrator: Client) -> None:
    for row in (stage.service, stage.submission):
        assert not history_of(administrator.get(address(row)))
        add_entry(action="thing.done", target=row)
        add_entry(action="other.done", target=stage.customer)
        listed = administrator.get(history_of(administrator.get(address(row)))).context["cl"].result_list
        assert {each.action for each in listed} == {"thing.done"}


def test_no_link_leads_to_a_page_that_the_reader_may_not_open(stage: Stage) -> None:
    add_entry(action="thing.done", target=stage.submission)
    onlooker = make_person("onlooker", is_staff=True)
    permissions = Submission._meta.apps.get_model("auth", "Permission").objects
    onlooker.user_permissions.set(permissions.filter(codename="view_submission"))
    page = logged_in(onlooker).get(address(stage.submission))
    assert "/admin/audit/" not in page.content.decode() and "/history/" not in page.content.decode()


def test_fields_have_readable_labels(stage: Stage, administrator: Client) -> None:
    for row in (stage.submission, stage.image):
        page = administrator.get(address(row)).content.decode()
        for name in ("Request uuid", "Lease token", "Nudged until", "Not before", "Attempt count", "Uuid"):
            assert name not in page
        assert "Times leased by a worker" in page


def test_an_empty_list_offers_nothing_that_is_not_allowed(stage: Stage, administrator: Client) -> None:
    page = administrator.get("/admin/exams/report/").content.decode()
    assert "Nothing is here yet" in page and "Create a new item" not in page
    assert "Reset filters" not in page
    page = administrator.get("/admin/exams/submission/?state__exact=failed").content.decode()
    assert "Nothing matches" in page and "Reset filters" in page


def test_an_action_without_selected_rows_says_so(stage: Stage, administrator: Client) -> None:
    page = administrator.post("/admin/exams/submission/", {"action": "retry", "index": "0"}, follow=True)
    assert [str(message) for message in page.context["messages"]] == ["Select at least one row."]
