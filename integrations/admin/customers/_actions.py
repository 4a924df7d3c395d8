"""Actions on one customer: each has a page with an explanation, a form and a service."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.models import Grant
from integrations.admin.customers._forms import ActionForm, HolderForm, InviteForm, TransferForm
from integrations.models import Customer
from integrations.services.customers import changes

# Takes the customer, the valid form and the actor; returns the message of success.
Work = Callable[[Customer, Any, dict[str, Any]], str]


@dataclass(frozen=True)
class CustomerAction:
    """An action on a customer."""

    title: str
    explanation: str
    button: str
    work: Work
    form: type[ActionForm] = ActionForm
    is_grave: bool = False
    needs_holder: bool = True


def _gone(customer: Customer, form: HolderForm, actor: dict[str, Any]) -> str:
    assert form.link is not None  # noqa: S101 - a valid form has found the link
    changes.mark_gone(link=form.link, **actor)
    return "The link is marked as gone. Its account will be notified by mail."


def _transfer(customer: Customer, form: TransferForm, actor: dict[str, Any]) -> str:
    assert form.recipient and form.link  # noqa: S101 - a valid form has found both
    grant = changes.transfer_customer(
        link=form.link,
        recipient=form.recipient,
        reason=form.cleaned_data["reason"],
        label=form.cleaned_data["label"],
        institution=form.cleaned_data["institution"],
        **actor,
    )
    if grant.state == Grant.State.WAITING:
        return f"This takes effect when a second administrator approves it: {grant.what}."
    return "The customer was transferred. Both accounts will be notified, and Clarius Cloud has to confirm."


def _invite(customer: Customer, form: InviteForm, actor: dict[str, Any]) -> str:
    email = form.cleaned_data["email"]
    changes.invite_customer(customer=customer, email=email, **actor)
    return f"{email} was invited. Nothing is connected until they press Connect in Clarius Cloud."


ACTIONS: dict[str, CustomerAction] = {
    "confirm": CustomerAction(
        title="Confirm again",
        explanation=(
            "Confirms to Clarius Cloud that a portal account holds this customer. If the link was marked as "
            "gone, it is restored for its former account."
        ),
        button="Confirm at Clarius Cloud",
        work=lambda customer, form, actor: changes.confirm_again(customer=customer, **actor),
    ),
    "gone": CustomerAction(
        title="Mark as gone",
        explanation=(
            "Ends the link: its account loses access to this customer and is notified by mail. Exams are "
            "kept. Clarius Cloud is not notified; it has no call for this."
        ),
        button="Mark as gone",
        work=_gone,
        form=HolderForm,
        is_grave=True,
    ),
    "transfer": CustomerAction(
        title="Transfer to another account",
        explanation=(
            "The current account loses access to this customer. The new account sees all its exams, past "
            "ones too. Both accounts are notified by mail."
        ),
        button="Transfer",
        work=_transfer,
        form=TransferForm,
        is_grave=True,
    ),
    "invite": CustomerAction(
        title="Invite its owner",
        explanation=(
            "Sends a mail with the request to sign up here and to press Connect in Clarius Cloud. The "
            "invitation itself connects nothing; the owner of the Clarius Cloud account decides."
        ),
        button="Send invitation",
        work=_invite,
        form=InviteForm,
        needs_holder=False,
    ),
}
