"""Of two people who save annotations at once, one is refused, and nothing is overwritten unseen."""

import threading
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from integrations.models import AnnotationSnapshot, Application, Service
from tests.integrations.annotating import (
    APPLICATION_PATH,
    CARDIAC,
    NOTES,
    opened,
    page_of,
    scripted_application,
    sent,
)
from tests.people import logged_in, make_person

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(db: None) -> Client:
    return logged_in(make_person("administrator", "Administrators", is_staff=True))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("during", ["GET", "PUT"])
@pytest.mark.parametrize("second", ["save", "remove"])
def test_of_two_people_who_save_at_once_the_second_is_refused_and_nothing_is_lost(
    scripted: Any, service: Service, client: Client, during: str, second: str
) -> None:
    there: list[Any] = [NOTES]
    answers: list[Any] = []
    application = scripted_application(scripted, service, there)
    other = logged_in(make_person("second", "Administrators", is_staff=True))
    theirs = opened(other, application) | {"g0-labels": "Theirs"}

    def save_as_well() -> None:
        path = page_of(application, "remove" if second == "remove" else "change")
        answers.append(other.post(path, {"do": "save"} | theirs))
        connections.close_all()

    def answer(method: str) -> Any:
        if method == during and not answers:
            thread = threading.Thread(target=save_as_well)
            thread.start()
            thread.join()
        if method == "PUT":
            there[:] = scripted.bodies[-1]["annotations"]
        return 200, {"uuid": str(CARDIAC), "name": "Cardiac", "annotations": list(there)}

    for method in ("GET", "PUT"):
        scripted.script(method, APPLICATION_PATH, lambda method=method: answer(method))
    mine = opened(client, application) | {"g0-labels": "Mine"}
    assert sent(client, application, mine).status_code == 302
    assert "Someone else is saving the annotations" in answers[0].content.decode()
    assert [group["labels"] for group in there] == [["Mine"]]
    # Then the second person sees the first one's groups and replaces them on purpose.
    page = sent(other, application, theirs)
    assert "Someone changed the annotations" in page.content.decode()
    assert sent(other, application, theirs | {"base": page.context["base"]}).status_code == 302
    kept = [snapshot.annotations[0]["labels"] for snapshot in AnnotationSnapshot.objects.order_by("pk")]
    assert kept == [["Repeat"], ["Mine"]]
    busy = Entry.objects.get(outcome="busy")
    assert busy.action == ("annotations.removed" if second == "remove" else "annotations.customized")


def test_a_save_whose_process_died_blocks_others_only_for_a_while(
    scripted: Any, service: Service, client: Client
) -> None:
    application = scripted_application(scripted, service, [NOTES])
    fields = opened(client, application)
    Application.objects.update(saving_until="2026-03-04T05:06:07Z")
    assert sent(client, application, fields).status_code == 302
    assert Application.objects.get().saving_until <= timezone.now()
    scripted.script("GET", APPLICATION_PATH, lambda: (500, {}))
    assert sent(client, application, fields).status_code == 200
    assert Application.objects.get().saving_until <= timezone.now()


@pytest.mark.django_db(transaction=True)
def test_a_save_whose_lock_expired_writes_nothing(scripted: Any, service: Service, client: Client) -> None:
    application = scripted_application(scripted, service, [NOTES])
    fields = opened(client, application)

    def overtaken() -> Any:
        # As if this process had slept here while another one began.
        Application.objects.update(saving_until="2126-03-04T05:06:07Z")
        connections.close_all()
        return 200, {"uuid": str(CARDIAC), "name": "Cardiac", "annotations": [NOTES]}

    scripted.script("GET", APPLICATION_PATH, overtaken)
    page = sent(client, application, fields | {"g0-labels": "Mine"})
    assert "Someone else is saving the annotations" in page.content.decode()
    assert scripted.bodies == []
    assert not AnnotationSnapshot.objects.exists()
    assert Application.objects.get().saving_until is not None
