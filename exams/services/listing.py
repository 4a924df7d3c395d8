"""A page of the Cloud's list against what is stored: one statement to compare it, one to add what is new."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db import connection

from exams.models import Submission
from integrations.clarius import Notification
from integrations.encryption import lookup_digest
from integrations.models import Customer, Service

LONGEST_URL = 8192
NOBODY = uuid.UUID(int=0)


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the list, with the keyed hash of its token and its cleaned address."""

    notification: Notification
    digest: str
    url: str


@dataclass(frozen=True, slots=True)
class Difference:
    """A listed row that is not stored as listed: new (`pk` 0), still a hint (no `owner`), or changed."""

    listed: Listed
    pk: int
    uuid: uuid.UUID
    owner: str | None
    hint_digest: str
    customer: int | None
    is_linked: bool


@dataclass(frozen=True, slots=True)
class NewRow:
    """A listed row to add, and how it begins."""

    listed: Listed
    customer: int | None
    state: str
    hold_reason: str


def read_listed(notifications: Sequence[Notification]) -> dict[uuid.UUID, Listed]:
    """Return the rows of a page by their request; each token is hashed once."""
    digests = {token: lookup_digest(token) for token in {each.customer_id for each in notifications}}
    return {
        each.request_uuid: Listed(
            each, digests[each.customer_id], each.download_url.replace("\x00", "")[:LONGEST_URL]
        )
        for each in notifications
    }


# The parts in which the two databases differ: how a page becomes rows, and how it meets what is stored.
# On PostgreSQL each row looks into the indexes by itself: a planner that has not yet learnt that a table grew
# reads the whole of it for each page.
_PAGE = {
    "postgresql": "json_to_recordset(%s) AS page(key uuid, digest text, url text)",
    "sqlite": (
        "(SELECT json_extract(value, '$.key') AS key, json_extract(value, '$.digest') AS digest, "
        "json_extract(value, '$.url') AS url FROM json_each(%s)) AS page"
    ),
}
_MEETS = {
    "postgresql": "LEFT JOIN LATERAL (SELECT * FROM {table} stored WHERE {condition} LIMIT 1) {name} ON true",
    "sqlite": "LEFT JOIN {table} {name} ON {condition}",
}
_STORED = (
    ("row", "exams_submission", "{it}.service_id = %s AND {it}.request_uuid = page.key"),
    ("owner", "integrations_customer", "{it}.id = row.customer_id"),
    ("known", "integrations_customer", "{it}.service_id = %s AND {it}.token_digest = page.digest"),
)
_COMPARE = """
    SELECT page.key, row.id, row.uuid, owner.token_digest, row.hint_digest, known.id,
        EXISTS (SELECT 1 FROM integrations_link link
                WHERE link.customer_id = known.id AND link.state = 'confirmed')
    FROM {page} {joins}
    WHERE row.id IS NULL OR owner.id IS NULL OR owner.token_digest <> page.digest
        OR row.download_url <> page.url
"""


@lru_cache(maxsize=2)
def _comparison(vendor: str) -> str:
    joins = []
    for name, table, condition in _STORED:
        met = condition.format(it="stored" if vendor == "postgresql" else name)
        joins.append(_MEETS[vendor].format(name=name, table=table, condition=met))
    return _COMPARE.format(page=_PAGE[vendor], joins=" ".join(joins))


def compare_page(*, service: Service, page: Mapping[uuid.UUID, Listed]) -> list[Difference]:
    """Return what is new or differs, by one statement; nothing comes back for what is known."""
    sent = [{"key": key.hex, "digest": each.digest, "url": each.url} for key, each in page.items()]
    with connection.cursor() as cursor:
        cursor.execute(_comparison(connection.vendor), [json.dumps(sent), service.pk, service.pk])
        found = cursor.fetchall()
    return [
        Difference(page[_uuid(key)], pk or 0, _uuid(own or NOBODY), owner, hint or "", known, bool(linked))
        for key, pk, own, owner, hint, known, linked in found
    ]


def _uuid(value: Any) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(value)


def tell_growth() -> None:
    """Let PostgreSQL count its rows anew, which no other database needs; not inside a transaction.

    A VACUUM that saw a table empty makes it check foreign keys by reading the whole table until then.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE integrations_customer, exams_exam, exams_submission")


def add_rows(*, service: Service, rows: Sequence[NewRow], now: datetime) -> int:
    """Add submissions with their customers and exams by one statement, and return how many were added.

    For PostgreSQL. A row that somebody adds at the same moment is left out, as is one whose customer is.
    """
    tokens = {
        each.listed.digest: each.listed.notification.customer_id for each in rows if each.customer is None
    }
    made_customers, values = _made_customers(service, tokens)
    template = Submission(service=service, received_at=now, polled_at=now)
    columns, picked, constants = _picked(template)
    statement = _ADD.format(made_customers=made_customers, columns=columns, picked=picked)
    sent = [
        {
            "key": each.listed.notification.request_uuid.hex,
            "exam": each.listed.notification.exam_uuid.hex,
            "customer": each.customer,
            "digest": each.listed.digest,
            "url": each.listed.url,
            "submitted_at": each.listed.notification.submitted_at.isoformat(),
            "state": each.state,
            "hold": each.hold_reason,
        }
        for each in rows
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(sent), *values, now, *constants])
        return int(cursor.rowcount)


# No wait for the disk after each page: the walk's own record at its end is durable and takes all pages
# before it along; after a crash without it the next walk goes through the whole list.
_ADD = """
    WITH page AS MATERIALIZED (
        SELECT page.* FROM json_to_recordset(%s) AS page(key uuid, exam uuid, customer bigint, digest text,
            url text, submitted_at timestamptz, state text, hold text),
            (SELECT set_config('synchronous_commit', 'off', true)) AS unhurried
    ), made_customer AS (
        {made_customers}
    ), owned AS MATERIALIZED (
        SELECT page.*, COALESCE(page.customer, made_customer.id) AS owner
        FROM page LEFT JOIN made_customer ON made_customer.token_digest = page.digest
    ), wanted AS (
        SELECT DISTINCT owner, exam FROM owned WHERE owner IS NOT NULL
    ), found_exam AS MATERIALIZED (
        SELECT found.* FROM wanted CROSS JOIN LATERAL (
            SELECT id, customer_id, exam_uuid FROM exams_exam stored
            WHERE stored.customer_id = wanted.owner AND stored.exam_uuid = wanted.exam LIMIT 1) found
    ), made_exam AS (
        INSERT INTO exams_exam (uuid, customer_id, exam_uuid, created_at)
        SELECT gen_random_uuid(), owner, exam, %s FROM wanted
        WHERE NOT EXISTS (SELECT 1 FROM found_exam
            WHERE found_exam.customer_id = wanted.owner AND found_exam.exam_uuid = wanted.exam)
        ORDER BY owner, exam
        ON CONFLICT (customer_id, exam_uuid) DO NOTHING
        RETURNING id, customer_id, exam_uuid
    ), its_exam AS (
        SELECT * FROM found_exam UNION ALL SELECT * FROM made_exam
    )
    INSERT INTO exams_submission ({columns})
    SELECT {picked} FROM owned
    JOIN its_exam ON its_exam.customer_id = owned.owner AND its_exam.exam_uuid = owned.exam
    ORDER BY owned.key
    ON CONFLICT (service_id, request_uuid) DO NOTHING
"""
_PICKED = {
    "uuid": "gen_random_uuid()",
    "request_uuid": "owned.key",
    "customer_id": "owned.owner",
    "exam_id": "its_exam.id",
    "download_url": "owned.url",
    "submitted_at": "owned.submitted_at",
    "state": "owned.state",
    "hold_reason": "owned.hold",
}


def _picked(template: Submission) -> tuple[str, str, list[Any]]:
    """Return the columns, what each is filled from, and the values of those that are constant."""
    names: list[str] = []
    sources: list[str] = []
    constants: list[Any] = []
    for field in Submission._meta.concrete_fields:
        if field.primary_key:
            continue
        names.append(str(field.column))
        if field.column == "not_before":
            # Due is what is not held.
            sources.append("CASE owned.hold WHEN '' THEN %s::timestamptz END")
            constants.append(template.received_at)
        elif field.column in _PICKED:
            sources.append(_PICKED[field.column])
        else:
            sources.append(f"%s::{field.db_type(connection)}")
            constants.append(field.get_db_prep_save(getattr(template, field.attname), connection))
    return ", ".join(names), ", ".join(sources), constants


def _made_customers(service: Service, tokens: Mapping[str, str]) -> tuple[str, list[Any]]:
    """Return a statement that adds customers by their digests, and its values."""
    if not tokens:
        return "SELECT NULL::bigint AS id, NULL::text AS token_digest WHERE false", []
    fields = [field for field in Customer._meta.concrete_fields if not field.primary_key]
    values: list[Any] = []
    # In one order everywhere, so that two pages never wait for each other.
    for digest, token in sorted(tokens.items()):
        made = Customer(service=service, token=token, token_digest=digest)
        values += [field.get_db_prep_save(field.pre_save(made, True), connection) for field in fields]
    marks = "(" + ", ".join(f"%s::{field.db_type(connection)}" for field in fields) + ")"
    names = ", ".join(str(field.column) for field in fields)
    return (
        f"INSERT INTO integrations_customer ({names}) VALUES {', '.join([marks] * len(tokens))} "  # noqa: S608
        "ON CONFLICT (service_id, token_digest) DO NOTHING RETURNING id, token_digest"
    ), values
