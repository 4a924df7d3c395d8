"""Annotations are compared with the Cloud before they are written, and the former ones are kept."""

import io
import json
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from audit.models import Entry
from integrations.models import AnnotationSnapshot, Application, Service, Sync
from integrations.services.sync import read_now
from tests.integrations.annotating import (
    CARDIAC,
    NOTES,
    SIDES,
    VIEWS,
    Elsewhere,
    asked_base,
    page_of,
    read_application,
)
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def elsewhere(cloud: Any) -> Elsewhere:
    return Elsewhere(cloud)


@pytest.fixture
def application(cloud_service: Service) -> Application:
    return read_application(cloud_service)


@pytest.fixture
def client(db: None) -> Client:
    return logged_in(make_person("administrator", "Administrators", is_staff=True))


def _fields(*groups: dict[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {"count": len(groups)}
    for index, group in enumerate(groups):
        prefix = f"g{index}-"
        data |= {f"{prefix}title": group["title"], f"{prefix}labels": "\r\n".join(group["labels"])}
        data |= {f"{prefix}order": group.get("order", index), f"{prefix}extra": group.get("extra", "{}")}
        if group["linked"]:
            data[f"{prefix}linked"] = "1"
    return data


def _save(client: Client, application: Application, *groups: dict[str, Any], **more: Any) -> Any:
    """Save from a page that was just opened, or with the given base."""
    base = more.pop("base", None) or client.get(page_of(application)).context["base"]
    return client.post(page_of(application), {"base": base, "do": "save"} | _fields(*groups) | more)


def test_the_catalogue_is_listed_with_what_is_customized(
    elsewhere: Elsewhere, cloud_service: Service, client: Client
) -> None:
    elsewhere.put(NOTES)
    read_now(service=cloud_service, kind=Sync.Kind.APPLICATIONS)
    assert Application.objects.count() == 8
    assert Application.objects.filter(is_customized=True).get().annotations == [NOTES]
    page = client.get("/admin/integrations/application/").content.decode()
    assert "Cardiac" in page
    assert "8 applications, 1 customized" in page


def test_groups_are_saved_in_their_order_and_the_former_ones_are_kept(
    elsewhere: Elsewhere, application: Application, client: Client
) -> None:
    elsewhere.put(NOTES)
    read_now(service=application.service, kind=Sync.Kind.APPLICATIONS)
    answer = _save(client, application, {**VIEWS, "order": 2}, {**SIDES, "order": 1})
    assert answer.status_code == 302
    assert elsewhere.get() == [SIDES, VIEWS]
    application.refresh_from_db()
    assert (application.is_customized, application.annotations) == (True, [SIDES, VIEWS])
    snapshot = AnnotationSnapshot.objects.get()
    assert (snapshot.is_customized, snapshot.annotations, snapshot.outcome) == (True, [NOTES], "done")
    entry = Entry.objects.get(action="annotations.customized")
    assert (entry.outcome, entry.identifiers["snapshot"]) == ("ok", str(snapshot.uuid))


def test_no_change_of_others_is_overwritten_unseen(
    elsewhere: Elsewhere, application: Application, client: Client
) -> None:
    base = client.get(page_of(application)).context["base"]
    elsewhere.put(NOTES)
    page = _save(client, application, SIDES, base=base)
    assert page.status_code == 200
    text = page.content.decode()
    assert "Someone changed the annotations" in text
    assert "Repeat" in text
    assert "Left" in text
    assert elsewhere.get() == [NOTES]
    assert not AnnotationSnapshot.objects.exists()
    assert Entry.objects.get(action="annotations.customized").outcome == "changed_meanwhile"
    # The change was shown now, so the same form can be sent again.
    assert _save(client, application, SIDES, base=page.context["base"]).status_code == 302
    assert elsewhere.get() == [SIDES]
    assert AnnotationSnapshot.objects.get().annotations == [NOTES]


def test_no_annotations_is_not_the_same_as_no_customization(
    elsewhere: Elsewhere, application: Application, client: Client
) -> None:
    assert _save(client, application, NOTES).status_code == 302
    page = _save(client, application)
    assert "There is no group" in page.content.decode()
    assert elsewhere.get() == [NOTES]
    asked = _save(client, application, NOTES, do="none")
    assert "Repeat" in asked.content.decode()
    assert "Unsaved changes" not in asked.content.decode()
    assert "Unsaved changes" in _save(client, application, SIDES, do="none").content.decode()
    assert elsewhere.get() == [NOTES]
    answer = _save(client, application, do="none", confirmed="yes", base=asked_base(asked))
    assert answer.status_code == 302
    assert elsewhere.get() == []
    assert "The scanner no longer shows annotations for Cardiac." in client.get("/").content.decode()
    assert "customized to show no annotations" in client.get(page_of(application)).content.decode()
    base = asked_base(client.get(page_of(application, "remove")))
    assert client.post(page_of(application, "remove"), {"base": base}).status_code == 302
    assert elsewhere.get() is None
    assert "not customized" in client.get(page_of(application)).content.decode()


def test_a_customization_that_changed_is_not_removed_unseen(
    elsewhere: Elsewhere, application: Application, client: Client
) -> None:
    _save(client, application, NOTES)
    base = asked_base(client.get(page_of(application, "remove")))
    elsewhere.put(SIDES)
    page = client.post(page_of(application, "remove"), {"base": base})
    assert "Someone changed the annotations" in page.content.decode()
    assert elsewhere.get() == [SIDES]


def test_an_earlier_state_is_restored_through_the_editor(
    elsewhere: Elsewhere, application: Application, client: Client
) -> None:
    _save(client, application, NOTES)
    _save(client, application, SIDES, VIEWS)
    first, second = AnnotationSnapshot.objects.order_by("pk")
    page = client.get(page_of(application), {"snapshot": str(second.uuid)})
    assert [draft.title for draft in page.context["drafts"]] == ["Notes"]
    assert elsewhere.get() == [SIDES, VIEWS]
    _save(client, application, NOTES, base=page.context["base"])
    assert elsewhere.get() == [NOTES]
    # Nothing was customized before the first change: removing the customization restores that.
    answer = client.get(page_of(application), {"snapshot": str(first.uuid)})
    assert answer.headers["Location"] == page_of(application, "remove")
    assert client.get(page_of(application), {"snapshot": "nonsense"}).status_code == 404


@pytest.mark.parametrize(
    ("group", "problem"),
    [
        ({"title": "", "labels": ["A"], "linked": False}, "has no title"),
        ({"title": "Side", "labels": [], "linked": False}, "has no label"),
        ({"title": "Side", "labels": ["A", "A"], "linked": False}, "the label “A” twice"),
        ({"title": "Side", "labels": ["A" * 201], "linked": False}, "more than 200 characters"),
        ({"title": "Notes", "labels": ["A"], "linked": False}, "is the title of two groups"),
    ],
)
def test_invalid_groups_are_not_sent(
    cloud: Any, application: Application, client: Client, group: dict[str, Any], problem: str
) -> None:
    page = _save(client, application, NOTES, group)
    assert problem in page.content.decode()
    assert not [call for call in cloud.calls(path="services/applications/") if call["method"] == "PUT"]
    assert [draft.title for draft in page.context["drafts"]] == ["Notes", group["title"]]


def test_the_form_shows_the_refusal_of_the_cloud(
    cloud: Any, elsewhere: Elsewhere, application: Application, client: Client
) -> None:
    base = client.get(page_of(application)).context["base"]
    Application.objects.filter(pk=application.pk).update(remote_uuid=UUID(int=7))
    page = _save(client, application, NOTES, base=base)
    assert "Clarius Cloud does not know this. Nothing was changed." in page.content.decode()
    assert "Repeat" in page.content.decode()
    assert AnnotationSnapshot.objects.get().outcome == "refused"
    assert Entry.objects.get(action="annotations.customized").outcome == "refused"


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 500}, {"kind": "cut"}])
def test_a_cloud_that_cannot_answer_changes_nothing_and_says_so(
    cloud: Any, elsewhere: Elsewhere, application: Application, client: Client, fault: dict[str, Any]
) -> None:
    base = client.get(page_of(application)).context["base"]
    cloud.fault(match="customize", times=20, **fault)
    page = _save(client, application, NOTES, base=base)
    cloud.clear_faults()
    assert page.status_code == 200
    assert page.context["problems"][0].endswith("Nothing was changed.")
    assert elsewhere.get() is None
    application.refresh_from_db()
    assert not application.is_customized


def test_a_change_whose_answer_is_lost_is_read_back(scripted: Any, service: Service, client: Client) -> None:
    application = Application.objects.create(
        service=service, remote_uuid=CARDIAC, name="Cardiac", read_at=service.created_at
    )
    path = f"services/applications/{CARDIAC}/"
    state: dict[str, Any] = {"has_written": True, "is_written": False}

    def read() -> Any:
        if not state["is_written"]:
            return 404, {"detail": "Not found."}
        return 200, {"uuid": str(CARDIAC), "name": "Cardiac", "annotations": [NOTES]}

    def write() -> Any:
        state["is_written"] = state["has_written"]
        return 200, {"unexpected": True}

    scripted.script("GET", path, read)
    scripted.script("PUT", path, write)
    assert _save(client, application, NOTES).status_code == 302
    assert AnnotationSnapshot.objects.get().outcome == "done"
    state |= {"has_written": False, "is_written": False}
    Application.objects.update(is_customized=False, annotations=[])
    page = _save(client, application, NOTES)
    assert page.context["problems"]
    assert AnnotationSnapshot.objects.first().outcome == "refused"  # type: ignore[union-attr]


def test_unknown_fields_survive_editor_export_and_import(
    scripted: Any, service: Service, client: Client
) -> None:
    known = {**SIDES, "colour": {"name": "teal"}}
    application = Application.objects.create(
        service=service,
        remote_uuid=CARDIAC,
        name="Cardiac",
        is_customized=True,
        annotations=[known],
        extra={"revision": 4},
        read_at=service.created_at,
    )
    exported = client.get(page_of(application, "export"))
    assert exported.headers["Content-Disposition"].startswith("attachment")
    content = json.loads(exported.content)
    assert (content["annotations"], content["revision"]) == ([known], 4)
    page = client.post(page_of(application, "import"), {"file": io.BytesIO(exported.content)})
    (draft,) = page.context["drafts"]
    path = f"services/applications/{CARDIAC}/"
    shape = {"uuid": str(CARDIAC), "name": "Cardiac", "revision": 4}
    scripted.script("GET", path, lambda: (200, {**shape, "annotations": [known]}))
    scripted.script("PUT", path, lambda: (200, {**shape, "annotations": [known]}))
    assert _save(client, application, {**SIDES, "extra": draft.extra}).status_code == 302
    assert scripted.bodies[-1] == {"annotations": [known]}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "The file is not JSON."),
        (b'[{"title": NaN}]', "The file is not JSON."),
        (b"[" * 100_000, "The file is not JSON."),
        (b'{"annotations": null}', "was not customized"),
        (
            b'{"annotations": [{"title": "A", "labels": "x", "linked": true}]}',
            "its labels are missing or are not",
        ),
        (b'[{"title": "A", "labels": ["x"], "linked": 1}]', "Group 1 of the file cannot be read: “linked”"),
        (b'[{"labels": ["x"], "linked": true}]', "Group 1 of the file cannot be read: its title"),
        (b'["A"]', "Group 1 of the file cannot be read: it is not an object"),
        (b'{"name": "Cardiac"}', "The file does not contain a list of annotation groups."),
        (b" " * (1024 * 1024 + 1), "larger than 1 MB"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    application: Application, client: Client, content: bytes, problem: str
) -> None:
    page = client.post(page_of(application, "import"), {"file": io.BytesIO(content)})
    assert problem in page.content.decode()
    assert "The Cloud" not in page.content.decode()


def test_the_preview_combines_one_label_of_each_linked_group(
    application: Application, client: Client
) -> None:
    data = _fields(SIDES, NOTES, VIEWS)
    text = client.post(page_of(application, "preview"), data).content.decode()
    for label in ("Left Apical", "Left Short axis", "Right Apical", "Right Short axis"):
        assert f"<li>{label}</li>" in text
    assert "Repeat" not in text
    alone = client.post(page_of(application, "preview"), _fields(NOTES)).content.decode()
    assert "No group is linked" in alone


def test_a_group_is_added_and_removed_without_a_script(application: Application, client: Client) -> None:
    page = _save(client, application, NOTES, do="add")
    assert [draft.title for draft in page.context["drafts"]] == ["Notes", ""]
    page = _save(client, application, NOTES, SIDES, do="preview", **{"g0-remove": "1"})
    assert [draft.title for draft in page.context["drafts"]] == ["Side"]


def test_an_application_that_left_the_catalogue_is_kept_and_marked(scripted: Any, service: Service) -> None:
    listed: list[Any] = [{"uuid": str(CARDIAC), "name": "Cardiac"}]
    customized: list[Any] = []
    scripted.script("GET", "exams/applications/", lambda: (200, listed))
    scripted.script("GET", "services/applications/", lambda: (200, customized))
    read_now(service=service, kind=Sync.Kind.APPLICATIONS)
    listed[:] = [{"uuid": str(UUID(int=1)), "name": "Lung"}]
    read_now(service=service, kind=Sync.Kind.APPLICATIONS)
    assert dict(Application.objects.values_list("name", "is_listed")) == {"Cardiac": False, "Lung": True}
    # A page is read in place of an array, and an empty catalogue is implausible.
    listed.clear()
    sync = read_now(service=service, kind=Sync.Kind.APPLICATIONS)
    assert sync is not None
    assert "listed no application" in sync.problem
    assert Application.objects.get(name="Lung").is_listed


def test_who_may_look_at_annotations_and_who_may_change_them(
    elsewhere: Elsewhere, application: Application
) -> None:
    watcher = make_person("watcher", is_staff=True)
    permissions = Application._meta.apps.get_model("auth", "Permission").objects
    watcher.user_permissions.add(permissions.get(codename="view_application"))
    client = logged_in(watcher)
    page = client.get(page_of(application))
    assert page.status_code == 200
    assert "Save at Clarius Cloud" not in page.content.decode()
    assert client.get(page_of(application, "export")).status_code == 200
    assert _save(client, application, NOTES).status_code == 403
    for name in ("remove", "import", "preview"):
        assert client.post(page_of(application, name), {}).status_code == 403
    assert elsewhere.get() is None
    for stranger in (make_person("bare", is_staff=True), make_person("clinician")):
        for name in ("change", "export", "remove"):
            assert logged_in(stranger).get(page_of(application, name)).status_code in (302, 403)


def test_the_editor_says_that_saving_replaces_a_list_which_the_cloud_does_not_show(
    client: Client, application: Application
) -> None:
    html = client.get(page_of(application)).content.decode()
    assert "shows only a customization, never Clarius's own lists" in html
    assert "Saving here replaces the whole list" in html
