"""The first page and the navigation: what waits, and only what an administrator may open."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client

from tests.exams.cast import Stage, add_report
from tests.exams.rows import make_submission
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)


def links(browser: Client) -> dict[str, list[str]]:
    """The navigation by group: the links that are shown."""
    groups = browser.get("/admin/").context["sidebar_navigation"]
    shown = {each["title"]: [i["link"] for i in each["items"] if i["has_permission"]] for each in groups}
    return {title: items for title, items in shown.items() if items}


def test_the_navigation_has_six_groups_and_a_way_back(administrator: Client) -> None:
    groups = links(administrator)
    assert list(groups) == ["Today", "Exams", "People", "Clarius Cloud", "Background", "Audit"]
    assert groups["Today"][:2] == ["/", "/admin/"]
    assert "/problems/" in groups["Today"]


def test_every_list_that_an_administrator_may_open_is_in_the_navigation(
    stage: Stage, administrator: Client
) -> None:
    reachable = {link for items in links(administrator).values() for link in items}
    for model in admin.site._registry:
        link = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        assert (administrator.get(link).status_code == 200) == (link in reachable), link


def test_somebody_without_permissions_is_shown_nothing_to_open(stage: Stage) -> None:
    shown = links(logged_in(make_person("onlooker", is_staff=True)))
    assert list(shown) == ["Today"]
    assert not [link for link in shown["Today"] if "/exams/" in link]


def test_patients_are_in_the_navigation_by_permission_alone(administrator: Client, confidant: Client) -> None:
    patients = "/admin/exams/patient/"
    assert patients not in links(administrator)["Exams"]
    assert patients in links(confidant)["Exams"]


def test_the_page_that_is_open_is_marked_once(administrator: Client) -> None:
    for path in ("/admin/", "/admin/exams/submission/", "/admin/exams/submission/backlog/"):
        groups = administrator.get(path).context["sidebar_navigation"]
        assert [item["link"] for each in groups for item in each["items"] if item["active"]] == [path]


def test_the_first_page_shows_what_waits(stage: Stage, administrator: Client) -> None:
    make_submission(stage.customer, state="failed", failure_reason="No room.")
    make_submission(stage.customer, state="held", hold_reason="before_start")
    make_submission(stage.customer, state="fetching")
    add_report(stage.submission, state="uncertain", failure_reason="It may have arrived.")
    answer = administrator.get("/admin/")
    assert answer.context["figures"] == {"waiting": 1, "backlog": 1, "ready": 1}
    page = answer.content.decode()
    assert "No room." in page and "It may have arrived." in page and stage.service.name in page


def test_the_first_page_shows_only_what_may_be_seen(stage: Stage) -> None:
    make_submission(stage.customer, state="failed", failure_reason="No room.")
    user = make_person("onlooker", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_service"))
    page = logged_in(user).get("/admin/").content.decode()
    assert stage.service.name in page and "No room." not in page


@pytest.mark.parametrize("address", ["portal/mark.svg", "portal/admin.css", "integrations/annotations.css"])
def test_what_the_pages_ask_for_is_there(administrator: Client, address: str) -> None:
    assert administrator.get(f"/static/{address}").status_code == 200
