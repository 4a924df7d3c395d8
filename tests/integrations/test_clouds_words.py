"""The Cloud's own text may carry patient data or secrets, so it is stored and mailed nowhere."""

from collections.abc import Callable
from typing import Any

import pytest

from background.models import OutgoingMail
from background.runner import run
from foundation.checks import find_problems
from integrations.clarius.errors import from_status
from integrations.models import KeyRotation, Link, RemoteState, Service, Sync
from integrations.services.hourly_reading import LOOK
from integrations.services.keys.rotation import ROTATE, start_rotation
from integrations.services.linking.confirmation import CONFIRM
from integrations.services.linking.links import link_customer
from integrations.services.settings.remote_state import watch
from integrations.services.sync import READ, find_sync

pytestmark = pytest.mark.django_db
CANARY = "Canary, Zorica (MRN-7781)"
ANSWER = (400, {"name": [f"{CANARY} exists."], "Zorica Canary": ["No."]})
OURS = "Clarius Cloud refused the request (400: name)."


def _rotate(scripted: Any, service: Service, token: str, user: Any) -> str:
    scripted.script("GET", "services/api-keys/", lambda: ANSWER)
    run(ROTATE, pk=start_rotation(service=service, cause="person").pk)
    return KeyRotation.objects.get().problem


def _sync(scripted: Any, service: Service, token: str, user: Any) -> str:
    scripted.script("GET", "exams/applications/", lambda: ANSWER)
    run(READ, pk=find_sync(service=service, kind=Sync.Kind.APPLICATIONS).pk)
    return Sync.objects.get().problem


def _look(scripted: Any, service: Service, token: str, user: Any) -> str:
    scripted.script("GET", "services/settings/", lambda: ANSWER)
    run(LOOK, pk=watch(service=service).pk)
    return RemoteState.objects.get().problem


def _confirm(scripted: Any, service: Service, token: str, user: Any) -> str:
    scripted.script("POST", "services/customer-confirmations/", lambda: ANSWER)
    link = link_customer(service=service, token=token, user=user, address=None).link
    assert link is not None
    run(CONFIRM, pk=link.pk)
    return Link.objects.get().detail


@pytest.mark.parametrize("work", [_rotate, _sync, _look, _confirm])
def test_a_refusal_is_stored_in_our_words_with_its_status(
    scripted: Any, service: Service, token: str, clinician: Any, work: Callable[..., str], settings: Any
) -> None:
    settings.ALERT_EMAILS = ["alerts@example.test"]
    stored = work(scripted, service, token, clinician)
    assert OURS in stored
    mailed = "\n".join(each.body for each in OutgoingMail.objects.all())
    shown = "\n".join(each.text for each in find_problems())
    for word in ("Canary", "Zorica", "MRN"):
        assert word not in stored + mailed + shown


@pytest.mark.parametrize("status", [400, 401, 404, 429, 302, 503])
def test_no_message_repeats_the_clouds_text(status: int) -> None:
    assert "Canary" not in str(from_status(status, detail=f'{{"detail": "{CANARY}", "{CANARY}": ["x"]}}'))
