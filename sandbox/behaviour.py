"""The rules of the sandbox Cloud, called by pages, control plane, commands and the API."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast
from urllib.parse import quote

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from sandbox import notifier
from sandbox.models import Capture, Customer, Report, Service, ServiceKey, Submission, file_facts, new_token
from sandbox.seed.exams import get_exam


def service_settings() -> Service:
    """Return the service with its settings."""
    return Service.get()


def customers() -> QuerySet[Customer]:
    """Return every customer, oldest first."""
    return Customer.objects.all()


def add_customer(
    *, name: str, institution: str = "", token: str | None = None, is_confirmed: bool = False
) -> Customer:
    """Add a user of the service."""
    return Customer.objects.create(
        name=name,
        institution=institution,
        token=token or new_token(),
        confirmed_at=timezone.now() if is_confirmed else None,
    )


def confirm_customer(*, token: str) -> bool:
    """Record that the service confirmed this token; False if no subscribed customer has it."""
    found = Customer.objects.filter(token=token, is_subscribed=True)
    if not found.exists():
        return False
    found.filter(confirmed_at=None).update(confirmed_at=timezone.now())
    return True


def connect_url(customer: Customer) -> str | None:
    """Return the address that the Connect button opens, or None if the service has not set it."""
    template = Service.get().token_transfer_url
    return template.replace("{token}", quote(customer.token, safe="")) if template else None


def accessible_submissions() -> QuerySet[Submission]:
    """Return what the service may see: submissions of confirmed customers, newest first."""
    return (
        Submission.objects.filter(customer__confirmed_at__isnull=False, customer__is_subscribed=True)
        .select_related("customer")
        .order_by("-submitted_at", "-id")
    )


def create_submission(
    *,
    customer: Customer,
    exam_slug: str | None = None,
    files: Iterable[UploadedFile] | None = None,
    patient: Mapping[str, Any] | None = None,
    exam_uuid: uuid.UUID | None = None,
    notify: bool = True,
    submitted_at: datetime | None = None,
    capture_count: int | None = None,
    extra: Mapping[str, Any] | None = None,
    ready_at: datetime | None = None,
) -> Submission:
    """Submit a seeded exam or uploaded files as a customer; raises KeyError for an unknown exam."""
    exam = get_exam(exam_slug) if exam_slug else None
    with transaction.atomic():
        submission = Submission.objects.create(
            customer=customer,
            exam_uuid=exam_uuid or uuid.uuid4(),
            title=exam.title if exam else "Uploaded files",
            patient=dict(patient if patient is not None else (exam.patient if exam else {})),
            extra=dict(extra or {}),
            submitted_at=submitted_at or timezone.now(),
            ready_at=ready_at,
        )
        if exam:
            count = len(exam.files) if capture_count is None else capture_count
            chosen = [exam.files[n % len(exam.files)] for n in range(count)]
            for position, file in enumerate(chosen):
                name = file.name if position < len(exam.files) else f"{position + 1}-{file.name}"
                _add_capture(submission, position, name, file.path, file.content_type)
        for position, upload in enumerate(files or ()):
            path = store_upload(upload, folder=f"media/{submission.request_uuid}")
            _add_capture(
                submission,
                position,
                upload.name or "file",
                path,
                upload.content_type or "application/octet-stream",
            )
    if notify:
        notifier.notify(submission)
    return submission


def _add_capture(submission: Submission, position: int, name: str, path: str, content_type: str) -> None:
    facts = file_facts(settings.SANDBOX_DIR / path)
    Capture.objects.create(
        submission=submission, position=position, name=name, path=path, content_type=content_type, **facts
    )


def store_upload(upload: UploadedFile, *, folder: str) -> str:
    """Write an upload below the sandbox's folder and return its relative path."""
    relative = f"{folder}/{uuid.uuid4().hex}"
    target = settings.SANDBOX_DIR / relative
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        for chunk in upload.chunks():
            file.write(chunk)
    return relative


def receive_report(*, submission: Submission, name: str, upload: UploadedFile) -> Report:
    """Store a report; every call adds one, as documented."""
    path = store_upload(upload, folder="reports")
    return Report.objects.create(
        submission=submission,
        name=name,
        file_name=upload.name or "report",
        path=path,
        content_type=upload.content_type or "",
        **file_facts(settings.SANDBOX_DIR / path),
    )


def resend(submission: Submission) -> None:
    """Send a submission's notification again, confirmed or not."""
    notifier.notify(submission, is_forced=True)


def create_key(*, name: str) -> tuple[ServiceKey, str]:
    """Create an API key and return it with its text, which is shown once."""
    key, text = ServiceKey.objects.create_key(name=name)
    return cast(ServiceKey, key), text


def revoke_key(*, prefix: str) -> bool:
    """Revoke a key; False if there is no such key."""
    return bool(ServiceKey.objects.filter(prefix=prefix, revoked=False).update(revoked=True))
