"""A small stage of rows and people, the same for every test of the pages."""

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import ADMINISTRATORS, REVIEWERS
from exams import storage
from exams.models import Capture, Patient, Report, Submission
from integrations.models import Customer, ReviewerAccess, Service
from tests.exams import pictures
from tests.exams.rows import link, make_capture, make_customer, make_service, make_submission
from tests.people import logged_in, make_person

ANN = {"first_name": "Ann", "last_name": "Zebrowska", "identifier": "MRN-7781"}
PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n"
ROLES = (
    "anonymous",
    "outsider",
    "clinician",
    "other clinician",
    "reviewer",
    "reviewer without grant",
    "administrator",
    "administrator with content",
)


@dataclass
class Stage:
    """One service, one linked customer with a submission of two captures, and an account for each role."""

    service: Service
    customer: Customer
    submission: Submission
    image: Capture
    film: Capture
    people: dict[str, User] = field(default_factory=dict)

    def browser(self, role: str) -> Client:
        """Return a browser that is logged in with that role, or not logged in."""
        return Client() if role == "anonymous" else logged_in(self.people[role])


def make_stage(*, service: Service | None = None, token: str | None = None) -> Stage:
    """Create the stage, with a service and a token of a running Cloud if these are given."""
    service = service or make_service()
    customer = make_customer(service, token=token, is_linked=False)
    Customer.objects.filter(pk=customer.pk).update(label="Dr. Osei", institution="Harbour Clinic")
    customer.refresh_from_db()
    people = _people(service)
    link(customer, user=people["clinician"])
    link(make_customer(service, is_linked=False), user=people["other clinician"])
    submission = add_submission(customer, **ANN)
    return Stage(
        service=service,
        customer=customer,
        submission=submission,
        image=add_image(submission),
        film=add_film(submission),
        people=people,
    )


def add_submission(customer: Customer, **fields: Any) -> Submission:
    """Add a confirmed submission, with its own patient unless one is given."""
    if "patient" not in fields:
        demographics = {name: value for name, value in fields.items() if name in ANN}
        fields["patient"] = Patient.objects.create(customer=customer, **demographics)
        # Searches cover only submissions whose data has been read.
        fields.setdefault("data_read_at", timezone.now())
    return make_submission(customer, **fields)


def add_image(submission: Submission, **fields: Any) -> Capture:
    """Add a stored image with its thumbnail."""
    stored = storage.store_upload([pictures.encoded(pictures.circle(64, 48), "PNG")])
    small = storage.store_upload([pictures.encoded(pictures.circle(32, 24))])
    kind = {"kind": Capture.Kind.IMAGE, "thumbnail": small.path, "preview": small.path, "is_lossy": True}
    return _stored(submission, stored, **(kind | fields))


def add_film(submission: Submission, **fields: Any) -> Capture:
    """Add a stored loop; for pages, bytes that begin like one are enough."""
    body = b"\0\0\0\x18ftypisom\0\0\0\0isommp42" + bytes(range(256)) * 8
    return _stored(submission, storage.store_upload([body]), **({"kind": Capture.Kind.VIDEO} | fields))


def add_file(submission: Submission, body: bytes, **fields: Any) -> Capture:
    """Add a stored capture of these bytes."""
    return _stored(submission, storage.store_upload([body]), **fields)


def add_report(submission: Submission, **fields: Any) -> Report:
    """Add a report, signed unless stated otherwise."""
    stored = storage.store_upload([PDF])
    defaults = {
        "state": Report.State.SIGNED,
        "name": "Echo report",
        "file_name": "echo.pdf",
        "file": stored.path,
        "sha256": stored.sha256,
        "size": stored.size,
        "media_type": stored.media_type,
    }
    if fields.get("state") != Report.State.DRAFT:
        defaults["signed_at"] = timezone.now()
        return Report.objects.create(submission=submission, **(defaults | fields))
    # As it is once its page has been drawn.
    report = Report.objects.create(submission=submission, **(defaults | {"page_count": 1} | fields))
    if report.page_count:
        report.pages.create(number=1, file=report.file)
    return report


def look_at_captures(browser: Client, submission: Submission) -> None:
    """Tell the portal what the viewer tells it when it displays a capture, for each of them."""
    for capture in submission.captures.filter(state=Capture.State.STORED):
        assert browser.post(reverse("capture_seen", args=[capture.uuid])).status_code == 204


def _stored(submission: Submission, stored: storage.StoredFile, **fields: Any) -> Capture:
    capture = make_capture(
        submission,
        state=Capture.State.STORED,
        file=stored.path,
        sha256=stored.sha256,
        size=stored.size,
        media_type=stored.media_type,
        stored_at=timezone.now(),
        **fields,
    )
    count = submission.captures.count()
    Submission.objects.filter(pk=submission.pk).update(capture_count=count, stored_count=count)
    submission.refresh_from_db()
    return capture


def _people(service: Service) -> dict[str, User]:
    people = {
        "outsider": make_person("outsider"),
        "clinician": make_person("clinician"),
        "other clinician": make_person("other-clinician"),
        "reviewer": make_person("reviewer", REVIEWERS, first_name="Rita", last_name="Moreau"),
        "reviewer without grant": make_person("reviewer-without-grant", REVIEWERS),
        "administrator": make_person("administrator", ADMINISTRATORS, is_staff=True),
        "administrator with content": make_person("auditor", ADMINISTRATORS, is_staff=True),
    }
    ReviewerAccess.objects.create(user=people["reviewer"], service=service)
    content = Permission.objects.get(codename="view_patient_content", content_type__app_label="exams")
    people["administrator with content"].user_permissions.add(content)
    return people
