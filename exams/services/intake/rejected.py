"""Keep rejected notifications: requests with the right secret whose body is not a notification."""

import re

from django.conf import settings
from django.utils import timezone

from exams.models import RejectedNotification
from integrations.clarius.masking import MASK

# A notification has about 200 bytes; this much of a wrong one shows what its sender meant.
KEPT_BYTES = 2048
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_KEY = re.compile(r"Service-API-Key\s+\S+|\b[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}\b", re.IGNORECASE)
_LINK = re.compile(r"https?:(?:\\?/){2}[^\s\"'<>]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
# Whatever a customer's token looks like, it has this name.
_CUSTOMER = re.compile(
    r"""((?:customer_id|token)["']?\s*[:=]\s*)(?:"(?:[^"\\]|\\.)*+"?|[^\s&,}]+)""", re.DOTALL
)
# Tokens may be as short as this; what is left in the clear is words and UUIDs.
_TOKEN = re.compile(rf"({_UUID})|(?<![\w.~-])[\w.~-]{{20,}}")


def keep_rejected(*, service_id: int, status: int, content_type: str, body: bytes, secret: str) -> None:
    """Keep the first 2 KiB, masked, and of all rows the newest 1,000; raises DatabaseError."""
    row = RejectedNotification.objects.create(
        service_id=service_id,
        received_at=timezone.now(),
        status=status,
        content_type=_readable(content_type)[:100],
        body=mask_rejected(body, secret=secret),
    )
    # Primary keys grow by one, so rows need not be counted, and old ones are deleted many at a time.
    if row.pk % settings.REJECTED_EXCESS == 0:
        RejectedNotification.objects.filter(pk__lte=row.pk - settings.REJECTED_LIMIT).delete()


def mask_rejected(body: bytes, *, secret: str) -> str:
    """Return the beginning of a body without anything that could be a secret."""
    # Masked before it is cut, because half a secret would not be recognised. Keys come before tokens, because
    # their dot would split them.
    text = _readable(body.decode("utf-8", "replace")).replace(secret, MASK)
    text = _CUSTOMER.sub(lambda found: found[1] + MASK, text)
    text = _TOKEN.sub(lambda found: found[1] or MASK, _KEY.sub(MASK, _LINK.sub(MASK, text)))
    return text.encode()[:KEPT_BYTES].decode("utf-8", "ignore")


def _readable(text: str) -> str:
    # PostgreSQL refuses NUL, and nobody can read the other control characters.
    return _CONTROLS.sub("�", text)
