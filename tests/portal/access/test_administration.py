"""Every address and every action of the administration stands in one table of role and status."""

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
    """Return what came of it; more words where something was written that should not have been."""
    status = answer.response.status_code
    outcome = answers.LOG_IN if answer.is_to_log_in else STATUSES.get(status, str(status))
    if not answer.written:
        return outcome
    if outcome in (answers.SHOWN, answers.SENT_ON):
        is_look = outcome == answers.SHOWN and answer.written == LOOKED
        return answers.SHOWN if is_look else answers.WRITTEN
    return f"{outcome}, but wrote {sorted(answer.written)}"


def asking() -> Sequence[str]:
    """Return who asks: everybody; on another database those who get the most, as no role depends on it."""
    return ROLES if connection.vendor == "sqlite" else ("onlooker", "administrator with content")


def compare(table: dict[str, Answers], ask: Callable[[str, str], str]) -> None:
    """Ask everything, and fail with each answer that is not what the table says."""
    wrong = [
        f"{name} as {role}: {given} instead of {wanted}"
        for name, row in table.items()
        for role, wanted in row.items()
        if role in asking() and (given := ask(name, role)) != wanted
    ]
    assert not wrong, "\n".join(wrong)


def test_every_address_and_action_stands_in_the_table() -> None:
    assert set(find_pages()) == set(PAGES)
    assert find_actions() == set(ACTIONS)
    assert find_page_actions() == set(PAGE_ACTIONS)


def test_the_stage_has_a_row_of_every_model(desk: Desk) -> None:
    assert [label for label, row in desk.rows.items() if row is None] == []


def test_each_role_opens_what_the_table_says(desk: Desk) -> None:
    def ask(name: str, role: str) -> str:
        # One role is shown every page as it is.
        with nullcontext() if role == "administrator with content" else undrawn():
            return outcome_of(desk.send(role, "get", address_of(desk, name)))

    compare({name: get for name, (get, _) in PAGES.items()}, ask)


def test_each_role_sends_what_the_table_says_and_a_refusal_changes_nothing(desk: Desk, cloud: Cloud) -> None:
    def ask(name: str, role: str) -> str:
        with prepared(desk, cloud, name), undrawn():
            return outcome_of(desk.send(role, "post", address_of(desk, name), form_of(desk, cloud, name)))

    compare({name: post for name, (_, post) in PAGES.items()}, ask)


def test_each_role_does_to_rows_what_the_table_says(desk: Desk, cloud: Cloud) -> None:
    def ask(name: str, role: str) -> str:
        page = address_of(desk, name.partition(".")[0] + "_changelist")
        with prepared(desk, cloud, name), undrawn():
            return outcome_of_action(desk.send(role, "post", page, form_of_action(desk, name)))

    compare(ACTIONS, ask)


def test_each_role_presses_the_buttons_that_the_table_says(desk: Desk, cloud: Cloud) -> None:
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
    """Return what came of it: what is done is written, in the audit log if nowhere else."""
    status = answer.response.status_code
    if status in (200, 302) and not answer.is_to_log_in:
        return answers.WRITTEN if answer.written else answers.NOTHING
    return outcome_of(answer)
