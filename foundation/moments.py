"""Template filters that write dates and times in the reader's zone; loaded in every template."""

from datetime import UTC, date, datetime

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """Write a date and time in the reader's zone, with UTC on hover."""
    if value is None:
        return "—"
    local, utc = timezone.localtime(value), value.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        utc.isoformat(timespec="seconds"),
        utc.strftime("%d %b %Y, %H:%M:%S UTC"),
        local.strftime("%d %b %Y, %H:%M"),
    )


@register.filter
def day(value: date | None) -> str:
    """Write a date with a named month, so that day and month cannot be confused."""
    return value.strftime("%d %b %Y") if value else "—"


def span(seconds: float, *, unit: str = "minute") -> str:
    """Write a duration in whole minutes or hours: less than a minute, 1 minute, 5 minutes."""
    number = int(seconds // {"minute": 60, "hour": 3600}[unit])
    if number < 1:
        return "less than an hour" if unit == "hour" else "less than a minute"
    return f"1 {unit}" if number == 1 else f"{number:,} {unit}s"
