"""Template tags for people, states, ages and file types."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from exams import media_types
from exams.models import Capture, Demographics, Report, Submission
from exams.models.names import short_id, visible, written_name
from foundation.moments import day, moment
from integrations.models import Link

register = template.Library()
register.filter("short_id", short_id)
register.filter("visible", visible)
register.filter("written_name", written_name)

TONES = {
    Submission: {"received": "wait", "held": "warn", "fetching": "wait", "ready": "good", "failed": "bad"},
    Capture: {"pending": "wait", "stored": "good", "failed": "bad"},
    Report: {
        "draft": "neutral",
        "signed": "wait",
        "sending": "wait",
        "delivered": "good",
        "failed": "bad",
        "uncertain": "warn",
    },
    Link: {"pending": "wait", "confirmed": "good", "rejected": "bad", "gone": "bad", "unlinked": "neutral"},
}
MOVING = {"fetching", "sending", "signed"}
LIVE = SafeString(" data-live")
KINDS = {
    media_types.PDF: "PDF document",
    media_types.JPEG: "JPEG image",
    media_types.PNG: "PNG image",
    media_types.MP4: "MP4 video",
}


@register.filter
def age(person: Demographics, at: datetime | None) -> str:
    """Write the age at a moment: days below two months, months below three years, else years."""
    born = person.date_of_birth
    if born is None or at is None:
        return ""
    today = timezone.localtime(at).date()
    days = (today - born).days
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    if days < 0:
        return ""
    if days < 60:
        return _count(days, "day")
    return _count(months, "month") if months < 36 else _count(months // 12, "year")


@register.filter
def submitted(submission: Submission) -> SafeString | str:
    """Write when an exam was submitted; if Clarius Cloud gave no readable time, when it was first listed."""
    written = moment(submission.submitted_at)
    return (
        format_html("time unreadable, first listed {}", written) if submission.is_time_unreadable else written
    )


@register.simple_tag
def subject_name(person: Demographics) -> SafeString | str:
    """Write the patient's name, else the identifier, else “No name given”; mark invisible characters."""
    name: SafeString | str = "No name given"
    if person.display_name:
        name = format_html("<bdi>{}</bdi>", person.display_name)
    elif identifier := visible(person.identifier):
        name = format_html('<bdi>{}</bdi> <span class="muted">(no name given)</span>', identifier)
    return _marked(name, "contains invisible characters" if person.has_invisible else "")


@register.simple_tag
def born(person: Demographics, at: datetime | None = None) -> SafeString | str:
    """Write the birth date with the age, or the Cloud's text if it is not a date; mark implausible ones."""
    doubt = f"implausible: {person.birth_doubt}" if person.birth_doubt else ""
    if person.date_of_birth is None:
        written = visible(person.date_of_birth_text)
        return _marked(format_html("<bdi>{}</bdi>", written), doubt) if written else ""
    years = age(person, at)
    text = day(person.date_of_birth)
    return _marked(format_html("{} <span>({})</span>", text, years) if years and not doubt else text, doubt)


def _marked(text: SafeString | str, mark: str) -> SafeString | str:
    return format_html('{} <span class="badge" data-tone="warn">{}</span>', text, mark) if mark else text


@register.simple_tag
def pill(row: Submission | Capture | Report | Link) -> SafeString:
    """Write a state as a coloured pill with its label."""
    state = str(row.state)
    return format_html(
        '<span class="pill" data-tone="{}"{}>{}</span>',
        TONES[type(row)].get(state, "neutral"),
        LIVE if state in MOVING else "",
        row.get_state_display(),
    )


@register.filter
def file_kind(media_type: str) -> str:
    """Write a file type for readers."""
    return KINDS.get(media_type, "File")


@register.filter
def clock(milliseconds: int | None) -> str:
    """Write a duration such as 0:04."""
    seconds = round((milliseconds or 0) / 1000)
    return f"{seconds // 60}:{seconds % 60:02d}"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
