"""The audit log of one row; Django's own list of changes is empty in this portal."""

from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse

from audit.models import Entry

register = template.Library()


@register.simple_tag(takes_context=True)
def history_url(context: Any, row: Any) -> str:
    """Return where this reader finds the entries about a row; an empty text where there are none."""
    if not context["request"].user.has_perm("audit.view_entry"):
        return ""
    about = {"target_type": row._meta.label_lower, "target_id": str(getattr(row, "uuid", row.pk))}
    query = urlencode({f"{name}__exact": value for name, value in about.items()})
    is_known = Entry.objects.filter(**about).exists()
    return f"{reverse('admin:audit_entry_changelist')}?{query}" if is_known else ""
