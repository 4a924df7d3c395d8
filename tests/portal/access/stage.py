"""One row of every model in the admin, and a browser for each role."""

import copy
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.template.backends.django import Template
from django.test import Client, override_settings
from django.utils import timezone

from accounts.models import Grant, Invitation
from accounts.roles import ADMINISTRATORS
from accounts.services.invitations import invite_reviewer
from audit.entries import add_entry
from background.models import Heartbeat, OutgoingMail
from exams.models import BacklogImport, FieldMap, MaintenanceTask, PollRun, RejectedNotification
from integrations.models import (
    AnnotationSnapshot,
    Application,
    Customer,
    NotificationRecord,
    Service,
    Sync,
)
from integrations.services.settings.remote_state import watch
from integrations.services.sync import read_now
from tests.cloud import Cloud
from tests.exams.cast import Stage, add_report, add_submission, make_stage
from tests.exams.rows import make_customer
from tests.people import PASSWORD, logged_in, make_person

ROLES = (
    "anonymous",
    "outsider",
    "clinician",
    "reviewer",
    "staff without role",
    "onlooker",
    "administrator",
    "administrator with content",
    "superuser",
)
# Sessions and the cache.
KEPT_BY_THE_SITE = {"django_session", "portal_cacherow"}
WRITES = re.compile(
    r'(?:(?P<insert>INSERT (?:OR \w+ )?INTO)|UPDATE|DELETE FROM) "?(?P<table>\w+)', re.IGNORECASE
)


@dataclass
class Answer:
    """The response to a request, and the tables that it wrote."""

    response: Any
    written: set[str]

    @property
    def is_to_log_in(self) -> bool:
        """Whether the browser is sent to the log-in page."""
        place = self.response.headers.get("Location", "")
        return self.response.status_code == 302 and place.startswith(("/admin/login/", "/accounts/login/"))


@dataclass
class Desk:
    """The stage with one row of each model, and a browser of each role."""

    stage: Stage
    service: Service
    application: Application
    unheld: Customer
    backlog_import: BacklogImport
    browsers: dict[str, Client]
    rows: dict[str, Any] = field(default_factory=dict)

    def send(self, role: str, method: str, address: str, data: dict[str, Any] | None = None) -> Answer:
        """Send a request as this role, note the tables that it wrote, and roll back."""
        browser = self.browsers[role]
        cookies = copy.deepcopy(browser.cookies)
        with transaction.atomic(), _watched() as written:
            response = getattr(browser, method)(address, data or {})
            transaction.set_rollback(True)
        browser.cookies = cookies
        return Answer(response=response, written=set(written) - KEPT_BY_THE_SITE)


@contextmanager
def _watched() -> Iterator[list[str]]:
    written: list[str] = []

    def watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        found = WRITES.match(sql)
        # An UPDATE may match no row; the count of an INSERT is not known yet.
        if found and (found["insert"] or context["cursor"].rowcount):
            written.append(found["table"])
        return result

    with connection.execute_wrapper(watch):
        yield written


@contextmanager
def undrawn() -> Iterator[None]:
    """Do not draw pages: drawing takes most of the time and decides nothing."""
    bare = {name: value for name, value in settings.UNFOLD.items() if name != "SIDEBAR"}
    with pytest.MonkeyPatch.context() as patch, override_settings(UNFOLD=bare):
        patch.setattr(Template, "render", lambda *args, **kwargs: "")
        yield


def make_desk(*, cloud: Cloud, service: Service) -> Desk:
    """Set up the stage at the running sandbox."""
    token = cloud.add_customer(is_confirmed=True).token
    stage = make_stage(service=service, token=token)
    stage.people["staff without role"] = make_person("staff", is_staff=True)
    stage.people["onlooker"] = _onlooker()
    stage.people["superuser"] = make_person("superuser", is_staff=True, is_superuser=True)
    read_now(service=service, kind=Sync.Kind.APPLICATIONS)
    backlog_import = BacklogImport.objects.create(service=service, total_count=1)
    desk = Desk(
        stage=stage,
        service=service,
        application=Application.objects.order_by("pk")[0],
        unheld=make_customer(service, is_linked=False),
        backlog_import=backlog_import,
        browsers={role: _browser(stage, role) for role in ROLES},
    )
    # The first view of the page would create it.
    watch(service=service)
    _add_rows(desk)
    desk.rows = {model._meta.label_lower: _newest(model) for model in admin.site._registry}
    desk.rows |= {
        "accounts.user": stage.people["outsider"],
        "integrations.application": desk.application,
        "integrations.customer": stage.customer,
    }
    return desk


def _onlooker() -> Any:
    """Make an account with the view permissions of administrators and no others."""
    user = make_person("onlooker", is_staff=True)
    looks = Permission.objects.filter(group__name=ADMINISTRATORS, codename__startswith="view_")
    user.user_permissions.add(*looks)
    return user


def _browser(stage: Stage, role: str) -> Client:
    if role == "anonymous":
        return Client()
    browser = logged_in(stage.people[role])
    # Some pages ask for the password again, which other tests cover.
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return browser


def _newest(model: Any) -> Any:
    return model._default_manager.order_by("-pk").first()


def _add_rows(desk: Desk) -> None:
    now, service, people = timezone.now(), desk.service, desk.stage.people
    add_entry(action="exam.viewed", target=desk.stage.submission)
    Heartbeat.objects.create(name="worker", host="here", pid=1, seen_at=now)
    OutgoingMail.objects.create(recipient="a@example.test", subject="Hello", body="Code", state="failed")
    Invitation.objects.create(email="guest@example.test")
    Group.objects.create(name="Guests")
    with override_settings(GRANTS_NEED_TWO=True):
        asked = invite_reviewer(email="second@example.test", user=make_person("asker"), address=None)
    Grant.objects.filter(pk=asked.pk).update(decided_at=now)
    EmailAddress.objects.create(user=people["outsider"], email="second@example.test")
    AnnotationSnapshot.objects.create(application=desk.application, is_customized=False, taken_at=now)
    # One for an unknown submission, and the newest for a known one.
    for named in (uuid.uuid4(), desk.stage.submission.request_uuid):
        NotificationRecord.objects.create(
            service=service,
            fingerprint=uuid.uuid4().hex,
            logged_at=now,
            sent_at=now,
            outcome="failed",
            url="https://portal.example.com/",
            method="POST",
            request_uuid=named,
            read_at=now,
        )
    FieldMap.objects.create(service=service)
    RejectedNotification.objects.create(service=service, received_at=now, status=400, body="rubbish")
    MaintenanceTask.objects.get_or_create(name=MaintenanceTask.Name.COLLECT_FILES)
    counts = dict.fromkeys(("page_count", "seen_count", "new_count", "known_count", "error_count"), 1)
    PollRun.objects.create(
        service=service, started_at=now, is_full=True, is_complete=True, seconds=0.1, **counts
    )
    add_report(desk.stage.submission)
    add_submission(desk.stage.customer, state="held", hold_reason="before_start", raw_data="{}")
