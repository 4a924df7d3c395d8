"""The demo's first exams, one of each kind, sent by the sandbox and fetched by the worker."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import User
from background.due import schedule
from exams.models import Report, Submission
from exams.services.reports.drafts import create_draft, sign_report
from integrations.models import Service, Sync
from portal.demo.paper import draw_report
from portal.demo.sandbox import Sandbox
from portal.demo.state import DemoFile

STATES = Submission.State
CARVER = {"identifier": "HC-20931", "date_of_birth": "1958-11-02", "gender": "female", "last_name": "Carver"}


@dataclass(frozen=True)
class Scene:
    """One submission of the story."""

    name: str
    customer: str
    exam: str
    patient: dict[str, str] = field(default_factory=dict)
    days_ago: float = 0.0
    # Scenes of one group are submissions of the same exam.
    group: str = ""


SCENES = (
    Scene("prior", "Dr. Ada Osei", "cardiac", CARVER | {"first_name": "Ruth"}, days_ago=41),
    Scene(
        "wang",
        "Dr. Ada Osei",
        "lymph",
        {"identifier": "HC-31177", "date_of_birth": "1970-03-04", "gender": "male", "last_name": "王伟"},
        days_ago=1.2,
    ),
    Scene(
        "animal",
        "Dr. Mei Tanaka",
        "canine",
        {
            "identifier": "NV-0042",
            "animal_name": "Biscuit",
            "animal_type": "Dog, beagle",
            "owner_name": "Okafor",
            "date_of_birth": "2019-06-15",
        },
        days_ago=0.6,
    ),
    Scene(
        "misspelt",
        "Dr. Ada Osei",
        "pelvis",
        {"identifier": "HC-40412", "date_of_birth": "1991-07-23", "first_name": "Jonh", "last_name": "Amari"},
        days_ago=0.3,
        group="corrected",
    ),
    Scene(
        "corrected",
        "Dr. Ada Osei",
        "pelvis",
        {"identifier": "HC-40412", "date_of_birth": "1991-07-23", "first_name": "John", "last_name": "Amari"},
        days_ago=0.28,
        group="corrected",
    ),
    Scene("today", "Dr. Ada Osei", "cardiac", CARVER | {"first_name": "Ruth"}, days_ago=0.1),
    Scene("held", "Dr. Samuel Reyes", "echo", {"identifier": "RM-118", "last_name": "Petit"}, days_ago=0.05),
)
FAILED = Scene("failed", "Dr. Ada Osei", "obstetric", {"identifier": "HC-50880"}, days_ago=0.02)


class Story:
    """Plays the scenes that were not played yet."""

    def __init__(self, *, sandbox: Sandbox, demo: DemoFile, wait_for: Callable[..., None]) -> None:
        self._sandbox = sandbox
        self._demo = demo
        self._wait_for = wait_for

    def play(self, *, reviewer: User) -> None:
        """Submit every exam and wait until all are fetched; raises DemoProblem and SandboxProblem."""
        self._once("stranger", self._add_stranger)
        requests = self._demo.data.setdefault("requests", {})
        for scene in SCENES:
            self._once(scene.name, partial(self._submit, scene))
        # The notification or this poll finds them, whichever is first.
        schedule(Service.objects.filter(is_sandbox=True))
        expected = [requests[scene.name] for scene in SCENES if scene.name != "held"]
        self._wait_for(
            lambda: _count(expected, STATES.READY) == len(expected), what="Fetching the exams", seconds=120
        )
        self._once("failed", self._fail)
        self._once("report", partial(self._report, reviewer))
        # Customers, applications and notification records were read before any of this happened.
        self._once("lists", self._make_syncs_due)

    def _once(self, step: str, work: Callable[[], None]) -> None:
        if not self._demo.is_done(step):
            work()
            self._demo.set_done(step)

    def _add_stranger(self) -> None:
        self._sandbox.add_customer(name="Dr. Samuel Reyes", institution="Riverside Medical")

    def _submit(self, scene: Scene) -> None:
        requests = self._demo.data["requests"]
        tokens = {customer["name"]: customer["token"] for customer in self._sandbox.customers()}
        fields: dict[str, Any] = {
            "customer": tokens[scene.customer],
            "exam": _slug(self._sandbox.exams(), scene.exam),
            "submitted_at": (datetime.now(UTC) - timedelta(days=scene.days_ago)).isoformat(),
        }
        if scene.patient:
            fields["patient"] = scene.patient
        exams = self._demo.data.setdefault("exams", {})
        if scene.group in exams:
            fields["exam_uuid"] = exams[scene.group]
        answer = self._sandbox.submit(**fields)
        requests[scene.name] = answer["request_uuid"]
        if scene.group:
            exams[scene.group] = answer["exam_uuid"]

    def _fail(self) -> None:
        # A web page instead of an image, as from a proxy or an expired session.
        self._sandbox.fault(match="media", kind="html", times=1)
        try:
            self._submit(FAILED)
            request = self._demo.data["requests"][FAILED.name]
            self._wait_for(
                lambda: _count([request], STATES.FAILED), what="The exam that fails on purpose", seconds=60
            )
        finally:
            self._sandbox.clear_faults()

    def _make_syncs_due(self) -> None:
        schedule(Sync.objects.filter(service__is_sandbox=True))

    def _report(self, reviewer: User) -> None:
        submission = Submission.objects.get(request_uuid=self._demo.data["requests"]["prior"])
        upload = SimpleUploadedFile("echo-report.pdf", draw_report(), content_type="application/pdf")
        report = create_draft(
            submission=submission, author=reviewer, name="Echo report", upload=upload, address=None
        )
        sign_report(report=report, user=reviewer, address=None, by_program=True)
        delivered = Report.objects.filter(pk=report.pk, state=Report.State.DELIVERED)
        self._wait_for(delivered.exists, what="Delivering the report", seconds=60)


def _count(requests: list[str], state: str) -> int:
    return Submission.objects.filter(request_uuid__in=requests, state=state).count()


def _slug(exams: list[dict[str, Any]], wanted: str) -> str:
    """Return the exam whose slug contains `wanted`, else the first one."""
    return next((exam["slug"] for exam in exams if wanted in exam["slug"]), exams[0]["slug"])
