"""Connect the portal and the sandbox as an administrator would, and again after an address changed."""

from django.conf import settings

from accounts.models import User
from integrations.keyring import key_in_use
from integrations.models import Customer, Link, Service
from integrations.services.linking.links import link_customer
from integrations.services.setup import CannotConnect, Mode, Wishes, connect
from portal.demo.sandbox import Sandbox
from portal.demo.state import DemoFile
from portal.demo.supervisor import DemoProblem

SLUG = "demo"
LINKED = {"Dr. Ada Osei": "Harbour Clinic", "Dr. Mei Tanaka": "Northside Veterinary"}


def connect_service(*, sandbox: Sandbox, demo: DemoFile) -> Service:
    """Register the portal at the sandbox if it is not registered with these addresses; raises DemoProblem."""
    addresses = [settings.PUBLIC_URL, sandbox.url]
    service = Service.objects.filter(slug=SLUG).first()
    if service is not None and service.is_registered and demo.data.get("connected") == addresses:
        return service
    stored = service and key_in_use(service=service)
    try:
        wishes = Wishes(
            slug=SLUG,
            name="Echo reading (demo)",
            base_url=sandbox.url,
            # The sandbox keeps its keys when it moves to another port.
            key=stored.secret if stored else sandbox.new_key(),
            mode=Mode.REGISTER,
            take=Service.Take.ALL,
        )
        setup = connect(wishes=wishes)
    except CannotConnect as error:
        raise DemoProblem(f"The portal could not be connected to the sandbox: {error}") from error
    if setup.registration.problem:
        raise DemoProblem(f"The sandbox did not accept the portal's addresses: {setup.registration.problem}")
    demo.data["connected"] = addresses
    demo.save()
    return setup.service


def link_clinician(*, sandbox: Sandbox, service: Service, clinician: User) -> list[Customer]:
    """Link the clinician to two of the sandbox's customers, each once; a worker confirms the links."""
    tokens = {customer["name"]: customer["token"] for customer in sandbox.customers()}
    links = []
    for name, institution in LINKED.items():
        linking = link_customer(
            service=service,
            token=tokens[name],
            user=clinician,
            label=name,
            institution=institution,
            address=None,
        )
        if linking.link is None:
            raise DemoProblem(f"The customer {name} is linked to another account.")
        links.append(linking.link)
    return [link.customer for link in links]


def is_linked(*, customers: list[Customer]) -> bool:
    """Return whether the Cloud has confirmed all of them."""
    confirmed = Link.objects.filter(customer__in=customers, state=Link.State.CONFIRMED)
    return confirmed.count() == len(customers)
