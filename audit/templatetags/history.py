"""The link to the audit log of a row, which replaces Django's own history."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse

from audit.models import Entry

register = template.Library()


@register.simple_tag(takes_context=True)
def history_url(context: Any, row: Any) -> str:
    """Return the address of the entries about a row, or "" if this reader cannot see any."""
    if not context["request"].user.has_perm("audit.view_entry"):
        return ""
    about = {"target_type": row._meta.label_lower, "target_id": str(getattr(row, "uuid", row.pk))}
    query = urlencode({f"{name}__exact": value for name, value in about.items()})
    has_entries = Entry.objects.filter(**about).exists()
    return f"{reverse('admin:audit_entry_changelist')}?{query}" if has_entries else ""
