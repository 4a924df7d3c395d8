"""Every URL and every action of the admin is in one table of role and status."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import pytest
from django.db import connection

from tests.cloud import Cloud
from tests.portal.access import answers
from tests.portal.access.actions import ACTIONS, PAGE_ACTIONS
from tests.portal.access.answers import Answers
from tests.portal.access.forms import form_of, form_of_action, form_of_page_action, prepared
from tests.portal.access.pages import PAGES
from tests.portal.access.routes import (
    address_of,
    addresses_of_nobody,
    find_actions,
    find_page_actions,
    find_pages,
)
from tests.portal.access.stage import ROLES, Answer, Desk, undrawn

STATUSES = {
    200: answers.SHOWN,
    302: answers.SENT_ON,
    400: answers.CORRECTED,
    403: answers.FORBIDDEN,
    404: answers.NOT_FOUND,
    405: answers.WRONG_METHOD,
}
LOOKED = {"audit_entry"}


def outcome_of(answer: Answer) -> str:
    """Return the outcome, with the tables that were written if none should have been."""
    status = answer.response.status_code
    outcome = answers.LOG_IN if answer.is_to_log_in else STATUSES.get(status, str(status))
    if not answer.written:
        return outcome
    if outcome in (answers.SHOWN, answers.SENT_ON):
        is_look = outcome == answers.SHOWN and answer.written == LOOKED
        return answers.SHOWN if is_look else answers.WRITTEN
    return f"{outcome}, but wrote {sorted(answer.written)}"


def asking() -> Sequence[str]:
    """Return the roles to test: all on SQLite, elsewhere only two, since no role depends on the database."""
    return ROLES if connection.vendor == "sqlite" else ("onlooker", "administrator with content")


def compare(table: dict[str, Answers], ask: Callable[[str, str], str]) -> None:
    """Send every request, and fail with each outcome that differs from the table."""
    wrong = [
        f"{name} as {role}: {given} instead of {wanted}"
        for name, row in table.items()
        for role, wanted in row.items()
        if role in asking() and (given := ask(name, role)) != wanted
    ]
    assert not wrong, "\n".join(wrong)


def test_every_url_and_action_is_in_the_table() -> None:
    assert set(find_pages()) == set(PAGES)
    assert find_actions() == set(ACTIONS)
    assert find_page_actions() == set(PAGE_ACTIONS)


def test_the_stage_has_a_row_of_every_model(desk: Desk) -> None:
    assert [label for label, row in desk.rows.items() if row is None] == []


def test_each_role_opens_the_pages_of_the_table(desk: Desk) -> None:
    def ask(name: str, role: str) -> str:
        # Every page is drawn for one role.
        with nullcontext() if role == "administrator with content" else undrawn():
            return outcome_of(desk.send(role, "get", address_of(desk, name)))

    compare({name: get for name, (get, _) in PAGES.items()}, ask)


def test_each_role_sends_the_forms_of_the_table_and_a_refusal_changes_nothing(
    desk: Desk, cloud: Cloud
) -> None:
    def ask(name: str, role: str) -> str:
        with prepared(desk, cloud, name), undrawn():
            return outcome_of(desk.send(role, "post", address_of(desk, name), form_of(desk, cloud, name)))

    compare({name: post for name, (_, post) in PAGES.items()}, ask)


def test_each_role_runs_the_row_actions_of_the_table(desk: Desk, cloud: Cloud) -> None:
    def ask(name: str, role: str) -> str:
        page = address_of(desk, name.partition(".")[0] + "_changelist")
        with prepared(desk, cloud, name), undrawn():
            return outcome_of_action(desk.send(role, "post", page, form_of_action(desk, name)))

    compare(ACTIONS, ask)


def test_each_role_runs_the_page_actions_of_the_table(desk: Desk, cloud: Cloud) -> None:
    def ask(name: str, role: str) -> str:
        page, _, action = name.partition(".")
        with prepared(desk, cloud, name), undrawn():
            form = form_of_page_action(desk, cloud, name)
            return outcome_of_action(desk.send(role, "post", address_of(desk, page, action=action), form))

    compare(PAGE_ACTIONS, ask)


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_row_that_does_not_exist_is_not_found(desk: Desk, method: str) -> None:
    found = {}
    desk.browsers["superuser"].raise_request_exception = False
    with undrawn():
        for address in addresses_of_nobody():
            answer = desk.send("superuser", method, address)
            if answer.response.status_code not in (302, 400, 403, 404, 405) or answer.written:
                found[address[:200]] = outcome_of(answer)
    assert not found


def outcome_of_action(answer: Answer) -> str:
    """Return the outcome of an action: a successful one writes at least an audit entry."""
    status = answer.response.status_code
    if status in (200, 302) and not answer.is_to_log_in:
        return answers.WRITTEN if answer.written else answers.NOTHING
    return outcome_of(answer)
