"""The desk in a real browser: annotations are edited by keyboard and by dragging, and axe is content."""

from datetime import UTC, datetime
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Dialog, Page, expect

from background.runner import run
from integrations.models import Application, Customer, NotificationRecord, Service, Sync
from integrations.services.sync import READ
from tests.e2e.chromium import NEEDS_CHROMIUM, follow
from tests.integrations.annotating import sent
from tests.people import logged_in, make_person

OURS = (".desk", "[data-sync]")
# Of the whole page, the theme's parts too: where the middle of it begins.
LANDMARKS = {
    "runOnly": ["landmark-one-main", "landmark-no-duplicate-main", "landmark-main-is-top-level"],
    "resultTypes": ["violations"],
}

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    NEEDS_CHROMIUM,
]


def _expect_labels(group: Any, *labels: str) -> None:
    inputs = group.locator(".annotation-labels input")
    expect(inputs).to_have_count(len(labels))
    for place, label in enumerate(labels):
        expect(inputs.nth(place)).to_have_value(label)


def _type_group(page: Page, number: int, title: str, *labels: str) -> Any:
    group = page.locator("[data-group]").nth(number)
    group.locator("input[name$=-title]").fill(title)
    group.get_by_role("button", name="Add a label to this group").click()
    for place, label in enumerate(labels):
        if place:
            page.keyboard.press("Enter")
        page.keyboard.type(label)
    group.locator("input[name$=-linked]").check()
    return group


def _answer_dialogs(page: Page, *, leave: bool) -> list[str]:
    """Answer what the browser asks, and return a list in which the kinds of its questions gather."""
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        if leave:
            dialog.accept()
        else:
            dialog.dismiss()

    page.on("dialog", answer)
    return asked


def _drag(page: Page, group: Any, *, place: int, below: int) -> None:
    items = group.locator(".annotation-labels li")
    begin = items.nth(place).locator(".annotation-handle").bounding_box()
    end = items.nth(below).bounding_box()
    page.mouse.move(begin["x"] + 5, begin["y"] + 5)
    page.mouse.down()
    page.mouse.move(end["x"] + 30, end["y"] + end["height"] - 4, steps=8)
    page.mouse.up()


def test_annotations_are_ordered_by_arrow_keys_and_by_dragging_and_saved(
    page: Page, live_server: Any
) -> None:
    application = Application.objects.get(name="Cardiac")
    page.goto(f"{live_server.url}/admin/integrations/application/{application.pk}/change/")
    _type_group(page, 0, "Side", "Left", "Right")
    page.get_by_role("button", name="Add a group").click()
    views = _type_group(page, 1, "View", "Apical", "Short axis", "Subcostal")
    views.locator(".annotation-labels li").nth(2).locator(".annotation-handle").focus()
    for _ in range(2):
        page.keyboard.press("ArrowUp")
    _expect_labels(views, "Subcostal", "Apical", "Short axis")
    _drag(page, views, place=0, below=2)
    _expect_labels(views, "Apical", "Short axis", "Subcostal")
    views.locator("> .desk-actions > .annotation-handle").first.focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator("[data-preview-area]")).to_contain_text("6 labels from View × Side")
    expect(page.locator("[data-preview-area]")).to_contain_text("Subcostal Right")
    follow(page, page.get_by_role("button", name="Save at Clarius Cloud"))
    expect(page.get_by_text("The annotations were saved at Clarius Cloud.")).to_be_visible()
    application.refresh_from_db()
    assert application.annotations == [
        {"title": "View", "labels": ["Apical", "Short axis", "Subcostal"], "linked": True},
        {"title": "Side", "labels": ["Left", "Right"], "linked": True},
    ]


def test_a_removed_group_can_be_restored_and_leaving_unsaved_changes_warns(
    page: Page, live_server: Any
) -> None:
    application = Application.objects.get(name="Cardiac")
    groups = [{"title": title, "labels": ["A"], "linked": False} for title in ("First", "Second", "Third")]
    Application.objects.filter(pk=application.pk).update(is_customized=True, annotations=groups)
    editor = f"{live_server.url}/admin/integrations/application/{application.pk}/change/"
    page.goto(editor)
    titles = page.locator("input[name$=-title]")
    page.get_by_role("button", name="Remove this group").nth(1).click()
    expect(titles).to_have_count(2)
    expect(page.get_by_role("button", name="Restore “Second”")).to_be_focused()
    page.keyboard.press("Enter")
    expect(titles.nth(1)).to_have_value("Second")
    expect(titles.nth(1)).to_be_focused()
    expect(page.get_by_text("“Second” removed.")).to_have_count(0)
    asked = _answer_dialogs(page, leave=False)
    with page.expect_event("dialog"):
        page.get_by_role("link", name="Import JSON").click()
    expect(titles).to_have_count(3)
    assert asked == ["beforeunload"]
    # Sending the form is no way to lose it.
    follow(page, page.get_by_role("button", name="Show no annotations"))
    expect(page.get_by_role("link", name="Cancel")).to_be_visible()
    follow(page, page.get_by_role("link", name="Cancel"))
    expect(titles).to_have_count(3)
    follow(page, page.get_by_role("link", name="Import JSON"))
    expect(page.get_by_label("JSON file")).to_be_visible()
    assert asked == ["beforeunload"]


def test_unchanged_groups_are_sent_as_they_came_and_no_group_beyond_the_limit_is_added(
    page: Page, live_server: Any
) -> None:
    application = Application.objects.get(name="Cardiac")
    odd = {"title": " Si\nde ", "labels": [" Left ", "Line\nbreak", "\ufeff", "<b>"], "linked": True}
    groups = [odd, *({"title": f"T{number}", "labels": ["A"], "linked": False} for number in range(138))]
    Application.objects.filter(pk=application.pk).update(is_customized=True, annotations=groups)
    page.goto(f"{live_server.url}/admin/integrations/application/{application.pk}/change/")
    page.locator("input[name$=-title]").nth(1).fill("Typed")
    add = page.get_by_role("button", name="Add a group")
    expect(add).to_be_enabled()
    add.click()
    expect(add).to_be_disabled()
    fields = page.evaluate("Object.fromEntries(new FormData(document.querySelector('.annotation-editor')))")
    client = logged_in(make_person("second", is_staff=True, is_superuser=True))
    found = sent(client, application, fields, do="preview").context["groups"]
    assert [group.to_json() for group in found] == [odd, groups[1] | {"title": "Typed"}, *groups[2:]]


def test_a_file_is_chosen_without_an_error_and_leaving_its_groups_unsaved_warns(
    page: Page, live_server: Any
) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    application = Application.objects.get(name="Cardiac")
    page.goto(f"{live_server.url}/admin/integrations/application/{application.pk}/import/")
    content = b'[{"title": "Side", "labels": ["Left"], "linked": false}]'
    file = {"name": "sides.json", "mimeType": "application/json", "buffer": content}
    page.get_by_label("JSON file").set_input_files([file])
    follow(page, page.get_by_role("button", name="Open in the editor"))
    expect(page.locator("input[name$=-title]")).to_have_value("Side")
    assert errors == []
    asked = _answer_dialogs(page, leave=True)
    # Chromium asks only people who have done something on the page.
    page.locator("input[name$=-title]").click()
    follow(page, page.get_by_role("link", name="Import JSON"))
    expect(page.get_by_label("JSON file")).to_be_visible()
    assert asked == ["beforeunload"]


def test_a_service_is_connected_once_and_its_connection_is_tested(
    page: Page, live_server: Any, cloud: Any
) -> None:
    page.goto(f"{live_server.url}/admin/integrations/service/")
    follow(page, page.get_by_role("link", name="Connect a service"))
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").press_sequentially("Härbour Echo")
    expect(page.get_by_label("Slug")).to_have_value("harbour-echo")
    page.get_by_label("Base URL").fill(cloud.url)
    page.get_by_label("API key").fill("aaaaaaaa." + "b" * 32)
    follow(page, page.get_by_role("button", name="Test and connect"))
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved.")
    expect(page.get_by_label("API key")).to_be_focused()
    expect(page.get_by_label("API key")).to_have_value("")
    assert [each["id"] for each in Axe().run(page, context=".desk").response["violations"]] == []
    page.get_by_label("API key").fill(cloud.new_key(name="first"))
    with page.expect_navigation():
        page.get_by_role("button", name="Test and connect").dblclick()
    expect(page.get_by_text("Härbour Echo is connected")).to_be_visible()
    key = Service.objects.get(slug="harbour-echo").api_keys.get()
    expect(page.locator("#findings")).to_contain_text(f"The key {key.prefix}… works.")
    assert [each["id"] for each in Axe().run(page, context=".desk").response["violations"]] == []
    follow(page, page.get_by_role("link", name="Open the settings"))
    expect(page.get_by_role("heading", name="Current and expected")).to_be_visible()


def test_the_panel_shows_a_sync_until_its_end(page: Page, live_server: Any, cloud_service: Service) -> None:
    long_ago = datetime(2020, 3, 4, 5, 6, tzinfo=UTC)
    Sync.objects.update(read_at=long_ago)
    page.goto(f"{live_server.url}/admin/integrations/customer/")
    panel = page.locator("[data-sync]")
    expect(panel).to_contain_text("04 Mar 2020")
    follow(page, page.get_by_role("button", name="Read again from Echo reading"))
    expect(panel).to_contain_text("Waiting for a worker.")
    sync = Sync.objects.get(kind=Sync.Kind.CUSTOMERS)
    # The look of a moment ago must not be the last one.
    with page.expect_event("requestfailed", lambda request: "/customer/panel/" in request.url):
        page.route("**/customer/panel/", lambda route: route.abort(), times=1)
    assert run(READ, pk=sync.pk) is not None
    expect(panel).not_to_contain_text("Waiting for a worker.")
    expect(panel).not_to_contain_text("04 Mar 2020")
    expect(page.get_by_role("button", name="Read again from Echo reading")).to_be_enabled()


def test_the_desks_own_parts_please_axe_and_fit_a_phone(
    page: Page, live_server: Any, cloud_service: Service
) -> None:
    customer = Customer.objects.create(service=cloud_service, token="T" * 43, token_digest="a" * 64)
    application = Application.objects.get(name="Cardiac")
    root = f"{live_server.url}/admin/integrations"
    addresses = [
        f"{root}/customer/",
        f"{root}/customer/{customer.pk}/change/",
        f"{root}/customer/{customer.pk}/do/invite/",
        f"{root}/notificationrecord/",
        f"{root}/application/",
        f"{root}/application/{application.pk}/change/",
        f"{root}/application/{application.pk}/import/",
        f"{root}/application/{application.pk}/remove/",
        f"{root}/service/",
        f"{root}/service/add/",
        *(f"{root}/service/{cloud_service.pk}/{name}/" for name in ("change", "keys", "settings")),
    ]
    assert not NotificationRecord.objects.exists()
    page.set_viewport_size({"width": 390, "height": 844})
    for address in addresses:
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, address
        landmarks = Axe().run(page, options=LANDMARKS).response
        assert [each["id"] for each in landmarks["violations"]] == [], address
        parts = [[part] for part in OURS if page.locator(part).count()]
        if parts:
            answer = Axe().run(page, context={"include": parts}).response
            assert [each["id"] for each in answer["violations"]] == [], address
