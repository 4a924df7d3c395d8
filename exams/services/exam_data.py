"""Read the Cloud's data about an exam: the patient's fields, and the links of its captures.

Every field of the patient is optional, may have any type, and is kept whole as text.
"""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from typing import Any
from urllib.parse import urlsplit

from exams.models import Demographics
from integrations.clarius import DownloadData

# Begins the key of a listed capture without a link.
NO_LINK = "no-link"
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})([T ].*)?")
TEXT_FIELDS = tuple(
    field.name for field in Demographics._meta.get_fields() if not field.name.startswith("date_of_birth")
)
ALL_FIELDS = (*TEXT_FIELDS, "date_of_birth", "date_of_birth_text")


def read_patient(patient: Mapping[str, Any]) -> dict[str, Any]:
    """Return a value for every field of Demographics; what cannot be parsed is kept as text, or empty."""
    values: dict[str, Any] = {name: as_text(patient.get(name)) for name in TEXT_FIELDS}
    born = as_text(patient.get("date_of_birth"))
    match = _DATE.fullmatch(born)
    try:
        values["date_of_birth"] = date.fromisoformat(match[1]) if match else None
    except ValueError:
        values["date_of_birth"] = None
    values["date_of_birth_text"] = "" if values["date_of_birth"] else born
    return values


def as_text(value: Any, limit: int | None = None) -> str:
    """Return a string or number as one line that any database accepts; anything else as an empty string."""
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return ""
    # PostgreSQL refuses NUL and half of a surrogate pair.
    whole = str(value).encode("utf-8", "replace").decode()
    readable = "".join(" " if unicodedata.category(sign) in {"Cc", "Zl", "Zp"} else sign for sign in whole)
    return " ".join(readable.split())[:limit]


def capture_links(data: DownloadData) -> dict[str, str]:
    """Return each link by a key that outlives its signature: the hash of its path, with a counter.

    An item without a link has the empty link and a key that begins with `NO_LINK`.
    """
    seen: Counter[str] = Counter()
    links: dict[str, str] = {}
    for each in data.captures or ():
        url = each.given or each.url
        path = url.partition("?")[0]
        if "://" in url:
            # A link that cannot be fetched must not prevent the others from being fetched.
            with suppress(ValueError):
                path = urlsplit(url.replace("\\", "/")).path
        name = hashlib.sha256(path.encode("utf-8", "replace")).hexdigest() if each.url else NO_LINK
        seen[name] += 1
        links[f"{name}:{seen[name]}"] = each.url
    return links
