"""Initial rows of every sandbox."""

from uuid import UUID

from sandbox.behaviour import add_customer, customers
from sandbox.models import Application, Service

# The first three are the documents' own examples.
APPLICATIONS = {
    "Abdomen": "9f9531da-84a7-4149-8d59-c4c86c0afaa3",
    "Cardiac": "2e79155f-811c-4d29-9b49-807b20013518",
    "Bladder": "643395dc-6786-4c90-9012-565fd23ae71a",
    "Lung": "0b6a1d0e-5d0c-4c39-8f0e-2f6a4c1d7b10",
    "MSK": "5e3f7c52-90a1-4c1b-a3de-71c9f4b0d821",
    "OB": "c1a7e1b4-2d55-4f5e-9a0b-6f3f7f0f3a32",
    "Small Parts": "7d9a6e2c-8b1f-4a8e-b7a7-4f2d9e5c1b43",
    "Vascular": "e4b8c0d7-1f6a-4d2b-9c3e-8a7b6c5d4e54",
}
CUSTOMERS = (
    ("Dr. Ada Osei", "Harbour Clinic"),
    ("Dr. Jonas Lindqvist", "Harbour Clinic"),
    ("Dr. Mei Tanaka", "Northside Veterinary"),
)


def seed() -> None:
    """Create the service, its applications and some customers if they are missing."""
    Service.get()
    presets = [Application(uuid=UUID(uuid), name=name) for name, uuid in APPLICATIONS.items()]
    Application.objects.bulk_create(presets, ignore_conflicts=True)
    if not customers().exists():
        for name, institution in CUSTOMERS:
            add_customer(name=name, institution=institution)
