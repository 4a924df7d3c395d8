"""Whatever is killed and whenever, every exam is stored once and complete, and no log has a secret."""

import os
import secrets

import pytest

from tests.chaos.run import Plan, run
from tests.chaos.servers import missing

pytestmark = pytest.mark.timeout(600)
# A new one for each run; a failure prints it.
SEED = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(10**6))


def _require_clean(plan: Plan) -> None:
    print(f"Seed {plan.seed}")
    outcome = run(plan)
    assert outcome.problems == [], f"{outcome}\n\nHistory:\n" + "\n".join(outcome.history)
    assert outcome.figures["captures"] > 0
    assert sum(outcome.figures["struck"].values()) >= plan.kills


@pytest.mark.e2e
def test_nothing_is_lost_on_the_embedded_defaults() -> None:
    _require_clean(Plan(seed=SEED, submissions=14, kills=6))


@pytest.mark.e2e
@pytest.mark.postgres
@pytest.mark.broker
@pytest.mark.skipif(
    not os.environ.get("DATABASE_URL", "").startswith("postgres")
    or not os.environ.get("CELERY_BROKER_URL", "").startswith("amqp"),
    reason="runs with PostgreSQL (DATABASE_URL) and RabbitMQ (CELERY_BROKER_URL)",
)
@pytest.mark.skipif(bool(missing()), reason=missing() or "this machine can start servers of its own")
def test_nothing_is_lost_when_database_and_broker_die_as_well() -> None:
    _require_clean(Plan(seed=SEED, submissions=20, kills=10, has_servers=True))
