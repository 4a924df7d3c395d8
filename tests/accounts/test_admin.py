"""Administrators manage accounts, and grant no rights that they do not have."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.utils import timezone

from accounts.models import Invitation
from audit.models import Entry
from background.models import OutgoingMail
from foundation.moments import day
from tests.people import PASSWORD, logged_in, make_person, proven

pytestmark = pytest.mark.django_db
USERS = "/admin/accounts/user/"


def _change(client: Client, user: Any, **data: Any) -> Any:
    fields = {
        "email": user.email,
        "first_name": "",
        "last_name": "",
        "timezone": "",
        "is_active": "on",
    } | data
    return client.post(f"{USERS}{user.pk}/change/", fields)


def test_the_admin_uses_the_log_in_page_of_the_portal(client: Client) -> None:
    assert client.get("/admin/")["Location"].startswith("/admin/login/?next=/admin/")
    assert client.get("/admin/login/?next=/admin/")["Location"] == "/accounts/login/?next=%2Fadmin%2F"
    assert client.post("/admin/login/", {"username": "a", "password": "b"}).status_code == 302
    assert logged_in(make_person("clinician")).get("/admin/login/").status_code == 403


@pytest.mark.parametrize(
    "page", ["", "accounts/user/", "auth/group/", "account/emailaddress/", "accounts/invitation/"]
)
def test_who_may_open_the_admin_pages_of_accounts(administrator: Any, superuser: Any, page: str) -> None:
    address = f"/admin/{page}"
    assert Client().get(address).status_code == 302
    for name, groups in (("clinician", ()), ("reviewer", ("Reviewers",))):
        assert logged_in(make_person(name, *groups)).get(address).status_code == 302
    bare = logged_in(make_person("bare", is_staff=True))
    assert bare.get(address).status_code == (200 if page == "" else 403)
    expected = 403 if page == "account/emailaddress/" else 200
    assert logged_in(administrator).get(address).status_code == expected
    assert logged_in(superuser).get(address).status_code == 200


def test_administrators_have_no_permission_that_shows_patient_content(administrator: Any) -> None:
    assert administrator.has_perm("integrations.view_link")
    assert administrator.has_perm("audit.view_entry")
    for name in ("exams.view_patient_content", "exams.view_patient", "exams.change_submission"):
        assert not administrator.has_perm(name)
    granted = Permission.objects.filter(group__name="Administrators").values_list("codename", flat=True)
    assert not [name for name in granted if "patient" in name]


def test_an_administrator_switches_accounts_off_and_makes_reviewers(administrator: Any) -> None:
    person = make_person("clinician")
    reviewers = Group.objects.get(name="Reviewers")
    answer = _change(proven(administrator), person, is_active="", groups=[reviewers.pk])
    assert answer.status_code == 302
    person.refresh_from_db()
    assert (person.is_active, list(person.groups.all())) == (False, [reviewers])
    noted = Entry.objects.get(action="account.changed")
    assert (noted.actor_id, noted.target_id) == (str(administrator.pk), str(person.uuid))


def test_an_administrator_grants_nobody_more_rights_than_their_own(administrator: Any) -> None:
    person = make_person("clinician")
    stronger = Group.objects.create(name="Content readers")
    stronger.permissions.add(Permission.objects.get(codename="view_patient_content"))
    client = proven(administrator)
    _change(client, person, is_superuser="on", is_staff="on", email="taken.over@example.test")
    person.refresh_from_db()
    assert (person.is_superuser, person.is_staff, person.email) == (False, False, "clinician@example.test")
    for group in (stronger, Group.objects.get(name="Administrators")):
        refused = _change(client, person, groups=[group.pk])
        assert refused.status_code == 200
        assert not person.groups.exists()
    assert client.post(f"{USERS}{person.pk}/password/", {"password1": PASSWORD}).status_code in (302, 403)
    assert client.get(f"{USERS}{person.pk}/password/", follow=True).context.get("form") is None
    assert client.post("/admin/auth/group/add/", {"name": "mine"}).status_code == 403
    assert client.post(f"/admin/auth/group/{stronger.pk}/change/", {"name": "x"}).status_code == 403


def test_an_administrator_keeps_the_groups_of_others_that_they_cannot_grant(administrator: Any) -> None:
    stronger = Group.objects.create(name="Content readers")
    stronger.permissions.add(Permission.objects.get(codename="view_patient_content"))
    person = make_person("clinician", "Content readers")
    reviewers = Group.objects.get(name="Reviewers")
    _change(proven(administrator), person, groups=[reviewers.pk])
    assert set(person.groups.all()) == {stronger, reviewers}


def test_an_administrator_changes_neither_superusers_nor_their_own_rights(
    administrator: Any, superuser: Any
) -> None:
    client = proven(administrator)
    assert _change(client, superuser, is_active="").status_code == 403
    _change(client, administrator, is_active="", groups=[Group.objects.get(name="Reviewers").pk])
    administrator.refresh_from_db()
    assert administrator.is_active
    assert list(administrator.groups.values_list("name", flat=True)) == ["Administrators"]


def test_a_superuser_makes_administrators(superuser: Any) -> None:
    person = make_person("clinician")
    group = Group.objects.get(name="Administrators")
    _change(proven(superuser), person, is_staff="on", groups=[group.pk])
    person.refresh_from_db()
    assert person.is_staff
    assert person.has_perm("integrations.view_link")


def test_nobody_adds_or_deletes_accounts_in_the_admin(superuser: Any) -> None:
    client = proven(superuser)
    assert client.get(f"{USERS}add/").status_code == 403
    person = make_person("clinician")
    assert client.post(f"{USERS}{person.pk}/delete/", {"post": "yes"}).status_code == 403


def test_an_invitation_is_mailed_and_its_code_is_not_shown(administrator: Any) -> None:
    client = proven(administrator)
    client.post("/admin/accounts/invitation/add/", {"email": "New@example.test", "is_reviewer": "on"})
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.invited_by) == ("new@example.test", administrator)
    assert Entry.objects.filter(action="invitation.sent").count() == 1
    (code,) = re.findall(r"/invitations/(\S+)/", OutgoingMail.objects.to("new@example.test").get().body)
    for page in ("", f"{invitation.pk}/change/"):
        shown = client.get(f"/admin/accounts/invitation/{page}").content.decode()
        assert "new@example.test" in shown
        assert code not in shown


def test_after_inviting_the_page_shows_what_happens_and_what_a_reviewer_needs(administrator: Any) -> None:
    client, address = proven(administrator), "/admin/accounts/invitation/add/"
    reviewer = {"email": "reader@example.test", "is_reviewer": "on"}
    said = client.post(address, reviewer, follow=True).content.decode()
    assert (
        f"reader@example.test will receive a link that works until {day(Invitation.objects.get().expires_at)}"
        in said
    )
    assert "grant a service under Reviewer access" in said
    plain = client.post(address, {"email": "plain@example.test", "_addanother": "1"}, follow=True)
    assert plain.redirect_chain[-1][0] == address
    assert "Reviewer access." not in plain.content.decode()


def test_mailing_invitations_again_counts_those_that_still_wait(administrator: Any) -> None:
    client = proven(administrator)
    first = Invitation.objects.create(email="one@example.test")
    spent = Invitation.objects.create(email="two@example.test", accepted_at=timezone.now())
    asked = {"action": "send_again", "_selected_action": [first.pk, spent.pk]}
    said = client.post("/admin/accounts/invitation/", asked, follow=True).content.decode()
    assert "1 of 2 invitations will be mailed again with a new link." in said
    asked["_selected_action"] = [spent.pk]
    said = client.post("/admin/accounts/invitation/", asked, follow=True).content.decode()
    assert "0 of 1 invitations will be mailed again with a new link." in said
    assert "The others have already been accepted." in said


def test_inviting_somebody_who_has_an_account_already_is_refused(administrator: Any) -> None:
    make_person("clinician")
    answer = proven(administrator).post(
        "/admin/accounts/invitation/add/", {"email": "Clinician@example.test"}
    )
    assert b"already has an account" in answer.content
    assert not Invitation.objects.exists()
