"""What may be done with one customer: each deed has a page that explains it, a form and a service."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from accounts.models import User
from integrations.admin.customer_forms import DeedForm, HolderForm, InviteForm, TransferForm
from integrations.models import Customer
from integrations.services import customers

# Customer, the form with what was said, who asks and from where: returns a sentence on what was done.
Work = Callable[[Customer, Any, User, str | None], str]


@dataclass(frozen=True)
class Deed:
    """One thing to do with a customer."""

    title: str
    explanation: str
    button: str
    work: Work
    form: type[DeedForm] = DeedForm
    is_grave: bool = False
    needs_holder: bool = True


def _confirm(customer: Customer, form: DeedForm, user: User, address: str | None) -> str:
    return customers.confirm_again(customer=customer, user=user, address=address)


def _gone(customer: Customer, form: HolderForm, user: User, address: str | None) -> str:
    assert form.link is not None  # noqa: S101 - a valid form has found it
    customers.mark_gone(link=form.link, user=user, address=address)
    return "The link is marked as gone; its account was mailed."


def _transfer(customer: Customer, form: TransferForm, user: User, address: str | None) -> str:
    assert form.recipient and form.link  # noqa: S101 - a valid form has found them
    customers.transfer_customer(
        link=form.link,
        recipient=form.recipient,
        reason=form.cleaned_data["reason"],
        label=form.cleaned_data["label"],
        institution=form.cleaned_data["institution"],
        user=user,
        address=address,
    )
    return "The customer was transferred; both accounts were mailed. Clarius Cloud is asked to confirm it."


def _invite(customer: Customer, form: InviteForm, user: User, address: str | None) -> str:
    email = form.cleaned_data["email"]
    customers.invite_customer(customer=customer, email=email, user=user, address=address)
    return f"{email} was invited. Nothing is connected until they press Connect in Clarius Cloud."


DEEDS: dict[str, Deed] = {
    "confirm": Deed(
        title="Confirm again",
        explanation=(
            "Tells Clarius Cloud once more that a portal account holds this customer. Where the link was "
            "gone, it is made anew for the account that had it."
        ),
        button="Confirm at Clarius Cloud",
        work=_confirm,
    ),
    "gone": Deed(
        title="Mark as gone",
        explanation=(
            "Ends the link here: its account sees nothing of this customer any more, and is told so by mail. "
            "Exams are kept. Clarius Cloud is not told, it has no such call."
        ),
        button="Mark as gone",
        work=_gone,
        form=HolderForm,
        is_grave=True,
    ),
    "transfer": Deed(
        title="Transfer to another account",
        explanation=(
            "The account that holds this customer now sees nothing of it any more, the other one sees all "
            "its exams, the earlier ones too. Both are mailed."
        ),
        button="Transfer",
        work=_transfer,
        form=TransferForm,
        is_grave=True,
    ),
    "invite": Deed(
        title="Invite its owner",
        explanation=(
            "Mails an address to sign up here and to press Connect again in Clarius Cloud. The invitation "
            "alone connects nothing: whoever owns the Clarius Cloud account decides."
        ),
        button="Send the invitation",
        work=_invite,
        form=InviteForm,
        needs_holder=False,
    ),
}
