"""Run inside a portal: fill it with submissions, and time the pages that reviewers open."""

import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import django

django.setup()

from django.contrib.auth.models import Group  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from accounts.models import User  # noqa: E402
from exams.models import Submission  # noqa: E402
from exams.services.review.worklist import Filters, Page, list_submissions  # noqa: E402
from integrations.models import Customer, ReviewerAccess, Service  # noqa: E402

CUSTOMERS = 2000
PATIENTS = 300_000
ROUNDS = 5

EXAMS = """
    INSERT INTO exams_exam (uuid, customer_id, exam_uuid, created_at)
    SELECT gen_random_uuid(), %s + number %% %s, gen_random_uuid(), now()
    FROM generate_series(0, %s) AS number
"""
# Each patient has three exams; one submission in fifty failed.
VARIED = {
    "uuid": "gen_random_uuid()",
    "request_uuid": "gen_random_uuid()",
    "exam_id": "exam.id",
    "customer_id": "exam.customer_id",
    "submitted_at": "now() - exam.id * interval '90 seconds'",
    "state": "CASE WHEN exam.id % 50 = 0 THEN 'failed' ELSE 'ready' END",
    "last_name": (
        "(ARRAY['Meier', 'Okafor', 'Lindqvist', 'Osei', 'Tanaka', 'Novak', 'Haddad', 'Silva', 'Kowalski',"
        " 'Petrov'])[1 + person % 10] || substr(md5(person::text), 1, 4)"
    ),
    "first_name": "(ARRAY['Ada', 'Jonas', 'Mei', 'Omar', 'Lena', 'Ravi', 'Sofia'])[1 + person % 7]",
    "identifier": "'MRN-' || person",
}
# As exams.models.derived puts it together.
SEARCHED = " || ' ' || ".join(VARIED[name] for name in ("last_name", "first_name", "identifier"))
VARIED["search_text"] = f"lower({SEARCHED})"


def fill(*, service: Service, count: int) -> None:
    """Give the service `count` submissions, each of another exam."""
    Customer.objects.bulk_create(
        Customer(service=service, token=f"bench-{number:037d}", token_digest=f"{number:064d}")
        for number in range(CUSTOMERS)
    )
    first = Customer.objects.order_by("pk").values_list("pk", flat=True)[0]
    now = timezone.now()
    same = Submission(service=service, received_at=now, polled_at=now, ready_at=now, data_read_at=now)
    fields = [field for field in Submission._meta.concrete_fields if not field.primary_key]
    constant = [field for field in fields if field.column not in VARIED]
    values = [field.get_db_prep_save(getattr(same, field.attname), connection) for field in constant]
    names = [str(field.column) for field in constant] + list(VARIED)
    given = [f"%s::{field.db_type(connection)}" for field in constant]
    varied = [text.replace("%", "%%") for text in VARIED.values()]
    with connection.cursor() as cursor:
        cursor.execute(EXAMS, [first, CUSTOMERS, count - 1])
        cursor.execute(
            f"INSERT INTO exams_submission ({', '.join(names)}) SELECT {', '.join(given + varied)} "
            "FROM (SELECT *, id %% %s AS person FROM exams_exam) AS exam",
            [*values, PATIENTS],
        )
        cursor.execute("VACUUM ANALYZE")


def best_ms(call: Callable[[], Any]) -> float:
    """Return the shortest of a few runs, in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    return min(times) * 1000


def pages(user: User) -> dict[str, Callable[[], Page]]:
    """Return the pages by their names."""
    today = timezone.now().date()
    middle = Submission.objects.newest_first()[Submission.objects.count() // 2]
    customer = Customer.objects.order_by("pk")[CUSTOMERS // 2].uuid
    filters = {
        "newest": Filters(),
        "failed": Filters(state="failed"),
        "one customer": Filters(customer=customer),
        "without a report": Filters(report="none"),
        "one month": Filters(since=today - timedelta(days=400), until=today - timedelta(days=370)),
        "a common name": Filters(words="meier"),
        "a name and a first name": Filters(words="lindqvist ada"),
        "one patient": Filters(words=middle.last_name),
        "one identifier": Filters(words=middle.identifier),
        "nobody": Filters(words="nobody at all"),
    }
    shown = {name: _list_with(user, narrow) for name, narrow in filters.items()}
    return shown | {
        "in the middle": lambda: list_submissions(user=user, filters=Filters(), after=middle.uuid)
    }


def _list_with(user: User, filters: Filters) -> Callable[[], Page]:
    return lambda: list_submissions(user=user, filters=filters)


def _by_keys(keys: list[int]) -> Callable[[], list[Submission]]:
    return lambda: list(Submission.objects.filter(pk__in=keys).select_related("customer", "service"))


def main() -> None:
    """Fill, measure and write the result."""
    count, result = int(sys.argv[1]), Path(sys.argv[2])
    service = Service.objects.create(slug="echo", name="Echo", base_url="http://127.0.0.1:9", is_sandbox=True)
    user = User.objects.create_user("reviewer@example.test")
    user.groups.add(Group.objects.get(name="Reviewers"))
    ReviewerAccess.objects.create(user=user, service=service)
    fill(service=service, count=count)
    any_keys = list(Submission.objects.newest_first().values_list("pk", flat=True)[:50])
    found = {}
    for name, page in pages(user).items():
        rows = page().rows
        keys = [row.submission.pk for row in rows] or any_keys
        found[name] = {"rows": len(rows), "ours": best_ms(page), "limit": best_ms(_by_keys(keys))}
    result.write_text(json.dumps(found))


if __name__ == "__main__":
    main()
