"""Every check is declared once and documented; readiness depends on the few that everything needs."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from foundation import checks
from foundation.checks import Audience, Cost, Finding, Level, find, list_checks
from integrations.models import Service
from tests.exams.cast import Stage
from tests.portal.health.trouble import TROUBLE

pytestmark = pytest.mark.django_db
READY = "/health/ready/"
ROOT = Path(__file__).parents[3]
TABLE = ROOT / "docs/health.md"


def _row(check: checks.Check) -> str:
    single = (Audience.ADMINISTRATORS, Audience.OPERATORS)
    names = [str(each.name).lower() for each in single if each in check.audience]
    cells = (
        f"`{check.code}`",
        check.severity.name.lower(),
        check.sentence,
        check.place,
        check.cost,
        ", ".join(names),
        "yes" if check.decides_readiness else "",
    )
    return f"| {' | '.join(cells)} |"


def test_the_documented_table_is_the_list() -> None:
    written = [line for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    assert written == [_row(each) for each in sorted(list_checks(), key=lambda each: each.code)]


@pytest.mark.parametrize("check", list_checks(), ids=lambda check: check.code)
def test_a_declaration_is_complete(check: checks.Check) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", check.code)
    assert check.sentence.endswith(".") or check.sentence.endswith("manage.py migrate")
    assert check.severity >= Level.NOTE
    # What administrators see has a link, for those who may open it.
    is_shown = Audience.ADMINISTRATORS in check.audience and check.severity >= Level.ACTION
    assert bool(check.link and check.permission) or not is_shown
    assert check.cost != Cost.NETWORK or check.audience == Audience.OPERATORS


def test_every_problem_of_the_page_is_caused_by_a_test() -> None:
    shown = {
        each.code for each in list_checks() if checks.is_for_pages(each) and each.severity >= Level.ACTION
    }
    # The disk has its own tests; the other syncs work like that of the customers.
    assert shown - set(TROUBLE) == {
        "disk-full",
        "disk-nearly-full",
        # So has the number of administrators (tests/accounts/test_grants.py).
        "grants-need-two",
        "records-sync-failed",
        "applications-sync-failed",
    }


def test_alerts_carry_the_code_of_a_check() -> None:
    codes = {
        code
        for place in ("integrations", "exams", "background")
        for path in (ROOT / place).rglob("*.py")
        for code in re.findall(r'alert_administrators\(\s*check="([^"]*)"', path.read_text())
    }
    assert {"api-key-refused", "key-rotation-failed"} <= codes <= {each.code for each in list_checks()}


def test_a_code_is_used_once() -> None:
    with pytest.raises(ValueError, match="database"):
        checks.check(
            code="database", severity=Level.ACTION, sentence="", cost=Cost.INSTANT, audience=Audience.BOTH
        )(list)


def _ready() -> tuple[int, dict[str, Any]]:
    answer = Client().get(READY)
    return answer.status_code, answer.json()


def test_a_portal_without_problems_is_ready(stage: Stage) -> None:
    Service.objects.update(is_active=True)
    assert _ready() == (200, {"status": "ok"})


def test_a_portal_without_a_database_is_not_ready(stage: Stage) -> None:
    def refuse(*args: Any) -> None:
        raise OperationalError

    with connection.execute_wrapper(refuse):
        assert _ready() == (503, {"status": "not ready", "checks": ["database"]})


def test_a_portal_with_missing_migrations_is_not_ready(stage: Stage) -> None:
    MigrationRecorder.Migration.objects.filter(app="portal").delete()
    assert _ready() == (503, {"status": "not ready", "checks": ["migrations"]})


def test_a_portal_that_cannot_decrypt_its_secrets_is_not_ready(stage: Stage, settings: Any) -> None:
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="]
    assert _ready() == (503, {"status": "not ready", "checks": ["secrets"]})
    # The secrets of a paused service do not count.
    Service.objects.update(is_active=False)
    assert _ready()[0] == 200


def test_other_problems_leave_a_portal_ready(stage: Stage) -> None:
    for code in ("worker-silent", "api-key-refused", "exams-failed"):
        TROUBLE[code](stage)
    assert _ready()[0] == 200


def _broken() -> list[Finding]:
    raise RuntimeError("a secret text")


def test_a_check_that_breaks_is_a_finding_of_a_thorough_run(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = {"code": "broken", "severity": Level.URGENT, "sentence": "", "cost": Cost.INSTANT}
    broken = checks.Check(**declared, audience=Audience.BOTH, look=_broken)
    monkeypatch.setitem(checks._checks, "broken", broken)
    (found,) = find(lambda check: check.code == "broken", is_thorough=True)
    assert (found.outcome, found.sentence) == ("failed", "This could not be checked (RuntimeError).")
    with pytest.raises(RuntimeError):
        list(find(lambda check: check.code == "broken"))
