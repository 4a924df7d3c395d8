"""Make every check, one after the other; no check may end the examination."""

import logging
from collections.abc import Callable, Iterable

from integrations.models import RemoteState, Service
from integrations.services.doctor import cloud, machine
from integrations.services.doctor.findings import Finding, count_failed, failed
from integrations.services.doctor.sealed import check_secrets

logger = logging.getLogger(__name__)

MACHINE: tuple[tuple[str, Callable[[], Finding]], ...] = (
    ("secrets", check_secrets),
    ("services", machine.check_services),
    ("broker", machine.check_broker),
    ("worker", lambda: machine.check_process("worker")),
    ("beat", lambda: machine.check_process("beat")),
    ("media", machine.check_media),
    ("disk", machine.check_disk),
    ("mail", machine.check_mail),
    ("public_url", machine.check_public_url),
)
# Not made before the database is as it should be: they would only say the same once more.
READ_ROWS = {"secrets", "services", "worker", "beat"}


def examine(
    *, services: Iterable[Service], has_machine: bool = True, has_broker: bool = True
) -> list[Finding]:
    """Return the findings about the portal and these services; a page leaves the broker alone."""
    findings = []
    if has_machine:
        findings.append(_guarded("database", machine.check_database))
        has_database = not count_failed(findings)
        findings += [
            _guarded(name, check)
            for name, check in MACHINE
            if (has_broker or name != "broker") and (has_database or name not in READ_ROWS)
        ]
        if not has_database:
            return findings
    for service in services:
        findings += _examine_service(service)
    return findings


def _examine_service(service: Service) -> list[Finding]:
    state: RemoteState | None = None

    def check_key() -> Finding:
        nonlocal state
        finding, state = cloud.check_key(service)
        return finding

    checks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("service", lambda: cloud.check_in_use(service)),
        ("base_url", lambda: cloud.check_base_url(service)),
        ("key", check_key),
        ("settings", lambda: cloud.check_settings(service, state)),
        ("webhook", lambda: cloud.check_webhook(service)),
        ("clock", lambda: cloud.check_clock(service, state)),
        ("poll", lambda: cloud.check_poll(service)),
        ("full_poll", lambda: cloud.check_full_poll(service)),
    )
    return [_guarded(name, check, service=service.slug) for name, check in checks]


def _guarded(name: str, check: Callable[[], Finding], *, service: str = "") -> Finding:
    try:
        return check()
    except Exception as error:
        # The text of a foreign error may quote what must not be shown.
        logger.warning("The check %s broke: %s", name, type(error).__name__)
        return failed(name, f"This could not be checked ({type(error).__name__}).", service=service)
