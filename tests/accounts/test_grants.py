"""Whoever gives access is seen by every administrator, and with `GRANTS_NEED_TWO` needs another."""

import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts.models import Grant, Invitation
from audit.models import Entry
from background.models import OutgoingMail
from foundation.checks import find_problems
from integrations.models import Customer, Link, ReviewerAccess, Service
from tests.people import PASSWORD, make_person, proven

pytestmark = pytest.mark.django_db
GRANTS = "/admin/accounts/grant/"
INVITE = "/admin/accounts/invitation/add/"
REVIEWER = {"email": "second@example.test", "is_reviewer": "on"}


@pytest.fixture
def other(db: None) -> Any:
    """Another administrator."""
    return make_person("other", "Administrators", is_staff=True)


@pytest.fixture
def two(settings: Any, administrator: Any, other: Any) -> None:
    settings.GRANTS_NEED_TWO = True


@pytest.fixture
def customer(service: Service) -> Customer:
    """A customer that a clinician holds."""
    made = Customer.objects.create(service=service, token="T" * 43, token_digest="ab" * 32, label="Dr. Osei")
    Link.objects.create(customer=made, user=make_person("clinician"), state=Link.State.CONFIRMED)
    return made


def _change(browser: Client, user: Any, **data: Any) -> str:
    fields = {"email": user.email, "first_name": "", "last_name": "", "is_active": "on"} | data
    return browser.post(f"/admin/accounts/user/{user.pk}/change/", fields, follow=True).content.decode()


def _transfer(browser: Client, customer: Customer, email: str) -> str:
    held_by = str(Link.objects.active().get().uuid)
    data = {"email": email, "reason": "Left the practice", "label": "Dr. Lind", "held_by": held_by}
    address = f"/admin/integrations/customer/{customer.pk}/do/transfer/"
    return browser.post(address, data, follow=True).content.decode()


def _decide(user: Any, action: str = "approve", **filters: Any) -> str:
    rows = list(Grant.objects.filter(**filters).values_list("pk", flat=True))
    data = {"action": action, "_selected_action": rows, "confirmed": "yes"}
    return proven(user).post(GRANTS, data, follow=True).content.decode()


def _mailed(subject: str) -> set[str]:
    return {each.recipient for each in OutgoingMail.objects.filter(subject=subject)}


def _problems() -> list[str]:
    return [each.code for each in find_problems() if each.code.startswith("grants-")]


# --- At once ---------------------------------------------------------------------------------------------


def test_the_way_to_patients_with_two_forms_is_seen_by_every_administrator(
    administrator: Any, other: Any, service: Service, settings: Any
) -> None:
    settings.ALERT_EMAILS = ["alerts@example.test"]
    browser = proven(administrator)
    browser.post(INVITE, REVIEWER)
    reviewer = make_person("second", "Reviewers")
    browser.post("/admin/integrations/revieweraccess/add/", {"user": reviewer.pk, "service": service.pk})
    assert Invitation.objects.get().is_reviewer
    assert ReviewerAccess.objects.get().user == reviewer
    kinds = Grant.objects.filter(state="made", asked_by=administrator).values_list("kind", flat=True)
    assert set(kinds) == {"invitation", "review"}
    everybody = {administrator.email, other.email, "alerts@example.test"}
    assert _mailed("Access was granted") == everybody
    assert OutgoingMail.objects.filter(subject="Access was granted").count() == 2 * len(everybody)
    assert Entry.objects.filter(action="grant.made", actor_id=str(administrator.pk)).count() == 2
    assert _problems() == ["grants-made"]
    page = proven(other).get("/problems/").content.decode()
    assert "most recently the exams of Echo reading to second@example.test" in page
    listed = proven(other).get(f"{GRANTS}?is=lately").content.decode()
    assert "an invitation as reviewer for second@example.test" in listed
    Grant.objects.update(decided_at=timezone.now() - timedelta(days=8))
    assert _problems() == []


def test_without_the_password_nothing_is_granted(administrator: Any) -> None:
    browser = Client()
    browser.force_login(administrator)
    assert "Confirm it’s you" in browser.post(INVITE, REVIEWER).content.decode()
    assert not Invitation.objects.exists() and not Grant.objects.exists()


@pytest.mark.parametrize("column", ["is_active", "is_staff", "is_superuser"])
def test_a_right_that_is_switched_on_is_a_grant_and_one_switched_off_is_none(
    superuser: Any, column: str
) -> None:
    person = make_person("clinician", **{column: False})
    _change(proven(superuser), person, **{column: "on"})
    person.refresh_from_db()
    assert getattr(person, column)
    grant = Grant.objects.get()
    assert (grant.kind, grant.recipient, grant.details["columns"]) == ("account", person, {column: True})
    _change(proven(superuser), person, is_active="", first_name="Ada")
    person.refresh_from_db()
    assert (person.is_active, person.is_staff, person.first_name) == (False, False, "Ada")
    assert Grant.objects.count() == 1


def test_another_address_and_another_password_are_grants(superuser: Any, settings: Any) -> None:
    person = make_person("clinician")
    browser = proven(superuser)
    _change(browser, person, email="mine@example.test")
    new = {"password1": "another-long-pass-phrase", "password2": "another-long-pass-phrase"}
    page = f"/admin/accounts/user/{person.pk}/password/"
    assert browser.post(page, new | {"usable_password": "true"}).status_code == 302
    person.refresh_from_db()
    assert person.email == "mine@example.test" and person.check_password(new["password1"])
    assert {each.kind for each in Grant.objects.all()} == {"account", "password"}
    entry = Entry.objects.get(action="account.password_set")
    assert (entry.actor_id, entry.target_id) == (str(superuser.pk), str(person.uuid))
    settings.GRANTS_NEED_TWO = True
    shown = browser.post(
        page, new | {"password1": "a-third-long-one", "password2": "a-third-long-one"}, follow=True
    )
    assert "People set their own passwords." in shown.content.decode()
    person.refresh_from_db()
    assert person.check_password(new["password1"])


def test_the_permissions_of_a_group_are_granted_one_by_one(superuser: Any) -> None:
    group = Group.objects.create(name="Readers")
    kept, more, less = Permission.objects.filter(
        codename__in=("view_link", "view_patient_content", "view_user")
    )
    group.permissions.set([kept, less])
    address = f"/admin/auth/group/{group.pk}/change/"
    proven(superuser).post(address, {"name": "Readers", "permissions": [kept.pk, more.pk]})
    assert set(group.permissions.all()) == {kept, more}
    for action, permission in (("added", more), ("removed", less)):
        entry = Entry.objects.get(action=f"group.permission_{action}")
        assert entry.target_id == str(group.pk)
        label = f"{permission.content_type.app_label}.{permission.codename}"
        assert entry.identifiers == {"permission": label}
    assert Grant.objects.get().details == {"group": group.pk, "permissions": [more.pk]}
    # A copy of the role with a name of its own is one as well.
    proven(superuser).post("/admin/auth/group/add/", {"name": "Copy", "permissions": [more.pk]})
    assert Grant.objects.count() == 2
    assert Entry.objects.get(action="group.created").identifiers == {"name": "Copy"}


def test_a_transfer_is_announced_without_the_label_of_the_customer(
    administrator: Any, customer: Customer
) -> None:
    make_person("outsider")
    assert "The customer was transferred." in _transfer(
        proven(administrator), customer, "outsider@example.test"
    )
    body = OutgoingMail.objects.to(administrator.email).get(subject="Access was granted").body
    assert "customer ABAB of Echo reading, held by clinician@example.test, to outsider" in body
    assert "Osei" not in body and "Left the practice" not in body


def test_a_superuser_made_by_a_command_is_announced_too(administrator: Any) -> None:
    get_user_model().objects.create_superuser("root@example.test", PASSWORD)
    assert Grant.objects.get().kind == "superuser"
    assert _mailed("Access was granted") == {administrator.email, "root@example.test"}
    assert _problems() == ["grants-made"]


# --- By two ----------------------------------------------------------------------------------------------


def test_an_invitation_of_a_reviewer_waits_for_another_administrator(
    two: None, administrator: Any, other: Any
) -> None:
    shown = proven(administrator).post(INVITE, REVIEWER, follow=True).content.decode()
    assert "This takes effect when a second administrator approves it" in shown
    assert not Invitation.objects.exists()
    assert _mailed("A grant waits for a second administrator") == {administrator.email, other.email}
    assert _problems() == ["grants-waiting"]
    assert "You asked for it yourself." in _decide(administrator)
    assert not Invitation.objects.exists()
    assert "1 of 1 grants were approved." in _decide(other)
    assert Invitation.objects.get().email == "second@example.test"
    approved = Entry.objects.get(action="grant.approved")
    assert approved.actor_id == str(other.pk)
    assert Entry.objects.get(action="invitation.sent").actor_id == str(administrator.pk)
    assert _problems() == ["grants-made"]
    assert "It has been decided already" in _decide(other)
    assert Invitation.objects.count() == 1


def test_every_form_waits_and_takes_effect_once_approved(
    two: None, administrator: Any, other: Any, superuser: Any, service: Service, customer: Customer
) -> None:
    reviewer, outsider = make_person("reviewer", "Reviewers"), make_person("outsider")
    content = Permission.objects.get(codename="view_patient_content")
    group = Group.objects.create(name="Readers")
    browser = proven(superuser)
    browser.post("/admin/integrations/revieweraccess/add/", {"user": reviewer.pk, "service": service.pk})
    _change(
        browser, outsider, is_staff="on", groups=[Group.objects.get(name="Reviewers").pk], first_name="Ada"
    )
    browser.post(f"/admin/auth/group/{group.pk}/change/", {"name": "Readers", "permissions": [content.pk]})
    assert "second administrator" in _transfer(browser, customer, "outsider@example.test")
    outsider.refresh_from_db()
    # What gives no access is saved at once.
    assert (outsider.first_name, outsider.is_staff, outsider.groups.count()) == ("Ada", False, 0)
    assert not ReviewerAccess.objects.exists() and not group.permissions.exists()
    assert Link.objects.active().get().user.email == "clinician@example.test"
    assert Customer.objects.get().label == "Dr. Osei"
    assert "4 of 4 grants were approved." in _decide(other)
    outsider.refresh_from_db()
    assert (outsider.is_staff, outsider.groups.get().name) == (True, "Reviewers")
    assert ReviewerAccess.objects.get().user == reviewer
    assert list(group.permissions.all()) == [content]
    assert Link.objects.active().get().user == outsider
    assert Customer.objects.get().label == "Dr. Lind"


def test_whoever_receives_it_cannot_approve_it(
    two: None, administrator: Any, other: Any, superuser: Any
) -> None:
    other.groups.add(Group.objects.create(name="Other"))
    _change(
        proven(superuser),
        other,
        is_staff="on",
        groups=[*other.groups.values_list("pk", flat=True), _reviewers()],
    )
    assert "It is for your own account." in _decide(other)
    assert not other.groups.filter(name="Reviewers").exists()
    assert "1 of 1" in _decide(administrator)


def test_a_grant_is_declined_or_expires(two: None, administrator: Any, other: Any) -> None:
    browser = proven(administrator)
    browser.post(INVITE, REVIEWER)
    assert "1 of 1 grants were declined." in _decide(other, "decline")
    assert _mailed("A grant was declined") == {administrator.email, other.email}
    assert Entry.objects.get(action="grant.declined").actor_id == str(other.pk)
    browser.post(INVITE, REVIEWER | {"email": "third@example.test"})
    Grant.objects.filter(state="waiting").update(expires_at=timezone.now() - timedelta(minutes=1))
    assert _problems() == []
    assert "or has expired" in _decide(other, state="waiting")
    assert "expired" in browser.get(f"{GRANTS}?is=expired").content.decode()
    assert not Invitation.objects.exists()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda grant: Grant.objects.update(email="evil@example.test"), "has been changed in the database"),
        (lambda grant: Grant.objects.update(details={"columns": {}}), "has been changed in the database"),
        (lambda grant: _update(grant.recipient_id, email="x@example.test"), "another address by now"),
        (lambda grant: _update(grant.asked_by_id, is_active=False), "switched off"),
        (lambda grant: _update(grant.asked_by_id, is_superuser=False), "may no longer do so"),
        (lambda grant: _add_to_role(), "A role in it has changed"),
    ],
)
def test_what_was_asked_for_cannot_change_before_it_is_approved(
    two: None, superuser: Any, other: Any, change: Any, problem: str
) -> None:
    outsider = make_person("outsider")
    group = Group.objects.create(name="Readers")
    group.permissions.add(Permission.objects.get(codename="view_patient_content"))
    _change(proven(superuser), outsider, groups=[group.pk])
    change(Grant.objects.get())
    assert problem in _decide(other)
    assert not outsider.groups.exists()
    assert Grant.objects.get().state == "waiting"


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ({"is_superuser": False}, {"is_superuser": "on"}),
        ({"is_superuser": False}, {"is_staff": "on"}),
        ({"is_superuser": False}, {"email": "mine@example.test"}),
        ({"is_staff": False}, {"is_active": "on"}),
    ],
)
def test_a_right_is_not_given_once_whoever_asked_may_no_longer_ask(
    two: None, superuser: Any, other: Any, columns: dict[str, Any], wanted: dict[str, str]
) -> None:
    outsider = make_person("outsider", is_active="is_active" not in wanted)
    superuser.groups.add(Group.objects.get(name="Administrators"))
    _change(proven(superuser), outsider, **wanted)
    _update(superuser.pk, **columns)
    assert "may no longer" in _decide(other)
    before = (outsider.email, outsider.is_active, False, False)
    outsider.refresh_from_db()
    assert (outsider.email, outsider.is_active, outsider.is_staff, outsider.is_superuser) == before


def test_nothing_is_given_for_somebody_who_is_no_administrator_any_more(
    two: None, administrator: Any, other: Any, service: Service, customer: Customer
) -> None:
    reviewer = make_person("reviewer", "Reviewers")
    make_person("outsider")
    browser = proven(administrator)
    browser.post(INVITE, REVIEWER)
    browser.post("/admin/integrations/revieweraccess/add/", {"user": reviewer.pk, "service": service.pk})
    _transfer(browser, customer, "outsider@example.test")
    administrator.groups.clear()
    assert _decide(other).count("may no longer do so") == Grant.objects.count() == 3
    assert not Invitation.objects.exists() and not ReviewerAccess.objects.exists()
    assert Link.objects.active().get().user.email == "clinician@example.test"


def test_an_address_that_another_account_has_by_now_is_not_given(
    two: None, superuser: Any, other: Any
) -> None:
    outsider = make_person("outsider")
    _change(proven(superuser), outsider, email="mine@example.test")
    make_person("mine")
    assert "Another account has this address by now." in _decide(other)
    outsider.refresh_from_db()
    assert (outsider.email, Grant.objects.get().state) == ("outsider@example.test", "waiting")


def _update(pk: int, **columns: Any) -> None:
    get_user_model().objects.filter(pk=pk).update(**columns)


def _add_to_role() -> None:
    Group.objects.get(name="Readers").permissions.add(Permission.objects.get(codename="view_patient"))


def _reviewers() -> int:
    return Group.objects.get(name="Reviewers").pk


def test_only_administrators_see_and_decide_grants(two: None, administrator: Any) -> None:
    proven(administrator).post(INVITE, REVIEWER)
    bare, reviewer = make_person("bare", is_staff=True), make_person("reviewer", "Reviewers")
    assert proven(bare).get(GRANTS).status_code == 403
    for person in (bare, reviewer):
        _decide(person)
    assert Grant.objects.get().state == "waiting"


# --- The start, and the way out --------------------------------------------------------------------------


def test_it_needs_two_administrators(settings: Any, administrator: Any) -> None:
    call_command("check", databases=["default"])
    settings.GRANTS_NEED_TWO = True
    with pytest.raises(Exception, match="GRANTS_NEED_TWO is on, but 1 of the two administrators"):
        call_command("check", databases=["default"])
    assert _problems() == ["grants-need-two"]
    # Somebody who cannot decide does not count.
    make_person("bare", is_staff=True)
    assert _problems() == ["grants-need-two"]
    make_person("other", "Administrators", is_staff=True)
    call_command("check", databases=["default"])
    assert _problems() == []


def test_a_command_approves_where_nobody_else_is_left(two: None, administrator: Any, other: Any) -> None:
    proven(administrator).post(INVITE, REVIEWER)
    get_user_model().objects.filter(pk=other.pk).update(is_active=False)
    out = StringIO()
    call_command("approve_grant", stdout=out)
    found = re.search(
        r"^(\S+)  an invitation as reviewer for second@example.test", out.getvalue(), re.MULTILINE
    )
    assert found
    call_command("approve_grant", found[1], stdout=out)
    assert Invitation.objects.get().email == "second@example.test"
    entry = Entry.objects.get(action="grant.approved_by_command")
    assert (entry.actor_id, entry.target_id) == ("", found[1])
    assert _mailed("Access was granted") == {administrator.email}
    with pytest.raises(CommandError, match="No grant with this identifier waits"):
        call_command("approve_grant", found[1], stdout=out)
