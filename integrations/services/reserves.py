"""Which stored key is used when none is in use, or the one in use cannot be opened."""

from django.db import transaction
from django.utils import timezone

from accounts.services.alerts import alert_administrators
from audit.record import record
from integrations.encryption import CannotDecrypt
from integrations.models import ApiKey, Service


def key_with_secret(*, service: Service) -> tuple[ApiKey, str] | None:
    """Return the key in use with its secret, else a reserve that is in use from now on, or None.

    Whether the Cloud accepts it shows at the next call, as with any key.
    """
    key = ApiKey.objects.filter(service=service, is_in_use=True, revoked_at=None).first()
    secret = _open(key)
    if key is not None and secret:
        return key, secret
    return _fall_back(service)


def _fall_back(service: Service) -> tuple[ApiKey, str] | None:
    with transaction.atomic():
        Service.objects.select_for_update().get(pk=service.pk)
        for key in ApiKey.objects.filter(service=service, revoked_at=None).order_by("-is_in_use", "-pk"):
            secret = _open(key)
            if not secret:
                continue
            if not key.is_in_use:
                _put_into_use(service, key)
            return key, secret
    return None


def _put_into_use(service: Service, key: ApiKey) -> None:
    ApiKey.objects.filter(service=service, is_in_use=True).update(is_in_use=False)
    ApiKey.objects.filter(pk=key.pk).update(is_in_use=True, in_use_since=timezone.now())
    record(action="api_key.switched", target=service, prefix=key.prefix)
    alert_administrators(
        check="api-key",
        subject=f"Another API key of {service.name} is in use now",
        body=f"No key was in use that can be opened; the portal goes on with {key.prefix}….",
    )


def _open(key: ApiKey | None) -> str:
    try:
        return key.secret if key is not None else ""
    except CannotDecrypt:
        return ""
