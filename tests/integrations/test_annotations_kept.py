"""Untouched annotations are kept exactly, in every group and character, or nothing is saved."""

import io
import json
from typing import Any

import pytest
from django.test import Client

from audit.models import Entry
from integrations.models import AnnotationSnapshot, Application, Service
from tests.integrations.annotating import (
    APPLICATION_PATH,
    NOTES,
    SIDES,
    Elsewhere,
    asked_base,
    opened,
    page_of,
    read_application,
    scripted_application,
    sent,
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


def _groups(count: int, **about: Any) -> list[dict[str, Any]]:
    return [{"title": f"T{number}", "labels": ["a", "b"], "linked": False} | about for number in range(count)]


def _imported(client: Client, application: Application, content: bytes) -> Any:
    return client.post(page_of(application, "import"), {"file": io.BytesIO(content)})


@pytest.mark.parametrize("linked", [False, True])
def test_every_group_that_was_not_removed_is_saved(
    elsewhere: Elsewhere, application: Application, client: Client, linked: bool
) -> None:
    groups = _groups(140, linked=linked)
    elsewhere.put(*groups)
    read_application(application.service)
    fields = opened(client, application)
    fields |= {f"g{place}-remove": "1" for place in range(20)}
    assert sent(client, application, fields).status_code == 302
    assert elsewhere.get() == groups[20:]


@pytest.mark.parametrize("groups", [_groups(141), _groups(100, note="x" * 20_000)])
def test_annotations_that_a_form_cannot_hold_are_not_offered_for_change(
    scripted: Any, service: Service, client: Client, groups: list[dict[str, Any]]
) -> None:
    application = scripted_application(scripted, service, groups)
    assert opened(client, application) == {}
    page = client.get(page_of(application)).content.decode()
    assert "more annotations than this page can show" in page
    assert "Save at Clarius Cloud" not in page
    content = json.loads(client.get(page_of(application, "export")).content)
    assert content["annotations"] == groups
    content["annotations"] = groups[:2]
    page = _imported(client, application, json.dumps(content).encode())
    assert [draft.title for draft in page.context["drafts"]] == ["T0", "T1"]
    fields = {"base": page.context["base"]}
    for place, draft in enumerate(page.context["drafts"]):
        fields |= {f"g{place}-{name}": getattr(draft, name) for name in ("title", "labels", "extra", "odd")}
    assert sent(client, application, fields).status_code == 302
    assert scripted.bodies == [{"annotations": groups[:2]}]


def test_no_group_is_added_that_could_not_be_sent(application: Application, client: Client) -> None:
    fields = {"base": opened(client, application)["base"]}
    fields |= {f"g{place}-title": f"T{place}" for place in range(140)}
    page = sent(client, application, fields, do="add")
    assert page.context["problems"] == ["A page holds at most 140 groups."]
    assert len(page.context["drafts"]) == 140
    page = sent(client, application, fields | {"g140-title": "T140"})
    assert "There are 141 groups; at most 140 can be saved from here." in page.content.decode()


ODD = [
    [" Left ", "Left", "Right"],
    ["Line\nbreak", "Line\r\nbreak", "Line⏎break", "Line break"],
    ["Line\rbreak", "a\u2028b", "\ttab", "no-break\xa0", "\ufeff", "<b>&amp;"],
]


@pytest.mark.parametrize("labels", ODD)
def test_untouched_labels_keep_every_character(
    scripted: Any, service: Service, client: Client, labels: list[str]
) -> None:
    odd = {"title": " Si\nde ", "labels": labels, "linked": True, "future": {"n": [1.5, None]}}
    application = scripted_application(scripted, service, [odd, NOTES])
    fields = opened(client, application)
    # Sent to the server and back, as for the preview without a script.
    assert sent(client, application, fields, do="preview").context["groups"][0].labels == tuple(labels)
    assert sent(client, application, fields | {"g1-labels": " Repeat  \r\nAgain"}).status_code == 302
    assert scripted.bodies == [{"annotations": [odd, NOTES | {"labels": ["Repeat", "Again"]}]}]


@pytest.mark.parametrize(
    ("group", "problem"),
    [
        ({"title": "Side", "labels": ["", "Left"], "linked": True}, "“Side” has an empty label."),
        ({"title": "Side", "labels": ["  ", "Left"], "linked": True}, "“Side” has an empty label."),
        ({"title": " ", "labels": ["Left"], "linked": True}, "Group 1 has no title."),
        ({"title": "", "labels": [], "linked": True}, "Group 1 has no title."),
    ],
)
def test_empty_labels_at_the_cloud_are_reported_and_not_dropped(
    scripted: Any, service: Service, client: Client, group: dict[str, Any], problem: str
) -> None:
    application = scripted_application(scripted, service, [group, NOTES])
    fields = opened(client, application)
    page = sent(client, application, fields)
    assert problem in page.context["problems"]
    # A person removed it on purpose.
    assert sent(client, application, fields | {"g0-remove": "1"}).status_code == 302
    assert scripted.bodies == [{"annotations": [NOTES]}]


def _deep(levels: int) -> Any:
    value: Any = "the innermost"
    for _ in range(levels):
        value = {"in": value}
    return value


@pytest.mark.parametrize(
    "group",
    [
        SIDES | {"future": _deep(60)},
        SIDES | {"labels": ["Left\x00", "Right"]},
        SIDES | {"title": "Si\x00de"},
        SIDES | {"future": "\x00"},
        SIDES | {"future": "\ud800"},
    ],
)
def test_annotations_that_cannot_be_stored_exactly_are_not_overwritten(
    scripted: Any, service: Service, client: Client, group: dict[str, Any]
) -> None:
    application = scripted_application(scripted, service, [group])
    page = sent(client, application, opened(client, application))
    assert "that the portal cannot store exactly" in page.content.decode()
    base = asked_base(client.get(page_of(application, "remove")))
    page = client.post(page_of(application, "remove"), {"base": base})
    assert "that the portal cannot store exactly" in page.content.decode()
    assert {method for method, path in scripted.calls if path == APPLICATION_PATH} == {"GET"}
    assert set(Entry.objects.filter(action__startswith="annotations.").values_list("outcome", flat=True)) == {
        "refused"
    }
    assert not AnnotationSnapshot.objects.exists()


def test_numbers_that_databases_write_differently_are_the_same(
    scripted: Any, service: Service, client: Client
) -> None:
    group = SIDES | {"future": [1e20, 1.0, -0.0, 1.5, 10**30]}
    application = scripted_application(scripted, service, [group])
    assert sent(client, application, opened(client, application)).status_code == 302
    assert scripted.bodies == [{"annotations": [group]}]


def test_deeply_nested_fields_are_stored(scripted: Any, service: Service, client: Client) -> None:
    group = SIDES | {"future": _deep(37)}
    application = scripted_application(scripted, service, [group])
    assert sent(client, application, opened(client, application)).status_code == 302
    assert scripted.bodies == [{"annotations": [group]}]


@pytest.mark.parametrize(
    "extra", ['{"x": 1e400}', '{"x": NaN}', "{", "[]", '{"x": "\\u0000"}', '{"x": "\\ud800"}']
)
def test_a_field_that_cannot_be_sent_exactly_is_refused(
    cloud: Any, application: Application, client: Client, extra: str
) -> None:
    fields = opened(client, application) | {"g0-title": "Side", "g0-labels": "Left", "g0-extra": extra}
    page = sent(client, application, fields)
    assert page.context["problems"] == [
        "“Side” has a field that cannot be stored exactly, so nothing is sent."
    ]
    assert not [call for call in cloud.calls(path="services/applications/") if call["method"] == "PUT"]


@pytest.mark.parametrize(
    ("groups", "problem"),
    [
        (_groups(14_280, linked=True), "There are 14,280 groups; at most 140 can be saved from here."),
        ([0] * 100_001, "There are 100,001 groups; at most 140 can be saved from here."),
        ([SIDES, SIDES], "“Side” is the title of two groups."),
        ([SIDES | {"labels": ["a"] * 200_000}], "“Side” has more than 200 labels."),
        ([SIDES | {"title": "T" * 900_000}], f"“{'T' * 60}…” has a text of more than 200 characters."),
        ([SIDES | {"labels": ["L" * 400_000] * 2}], f"“Side” has the label “{'L' * 60}…” twice."),
        (
            [SIDES | {"future": _deep(60)}],
            "“Side” has a field that cannot be stored exactly, so nothing is sent.",
        ),
        (
            [SIDES | {"labels": ["Left\x00"]}],
            "“Side” has a field that cannot be stored exactly, so nothing is sent.",
        ),
        ([SIDES | {"labels": [1]}], "Group 1 of the file cannot be read"),
    ],
)
def test_a_file_that_could_not_be_saved_is_refused_at_once(
    application: Application, client: Client, groups: list[Any], problem: str
) -> None:
    page = _imported(client, application, json.dumps(groups, separators=(",", ":")).encode())
    assert page.status_code == 200
    assert any(problem in each for each in page.context["problems"])
    assert len(page.content) < 200_000


def test_a_number_too_large_for_a_computer_is_refused_in_a_file(
    application: Application, client: Client
) -> None:
    content = json.dumps([SIDES | {"x": 0}]).replace('"x": 0', '"x": 1e400').encode()
    page = _imported(client, application, content)
    assert page.context["problems"] == [
        "“Side” has a field that cannot be stored exactly, so nothing is sent."
    ]


def test_the_first_of_many_problems_are_listed(application: Application, client: Client) -> None:
    groups = [SIDES | {"labels": [f"{number}" for number in range(150)] * 2}]
    page = _imported(client, application, json.dumps(groups).encode())
    problems = page.context["problems"]
    assert len(problems) == 21
    assert problems[-1] == "There are 131 more problems."


def test_endless_combinations_are_counted_up_to_a_limit(application: Application, client: Client) -> None:
    fields = opened(client, application)
    for place in range(140):
        labels = "\n".join(f"L{number}" for number in range(20))
        fields |= {f"g{place}-title": f"T{place}", f"g{place}-labels": labels, f"g{place}-linked": "1"}
    for answer in (
        client.post(page_of(application, "preview"), fields),
        sent(client, application, fields, do="preview"),
    ):
        assert answer.status_code == 200
        assert "More than 1,000,000,000 labels" in answer.content.decode()
