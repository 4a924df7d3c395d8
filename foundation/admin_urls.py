"""URLs of lists in the admin."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import Model
from django.urls import reverse


def list_url(model: type[Model], **lookups: Any) -> str:
    """Return the URL of the model's list, filtered by the lookups."""
    page = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return f"{page}?{urlencode({name: _text(value) for name, value in lookups.items()})}"


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
