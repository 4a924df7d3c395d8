"""Administration of services, customers and links: states and identifiers, no secrets."""

from integrations.admin.access import ReviewerAccessAdmin
from integrations.admin.applications import AnnotationSnapshotAdmin, ApplicationAdmin
from integrations.admin.customers import CustomerAdmin
from integrations.admin.links import LinkAdmin
from integrations.admin.services import ApiKeyAdmin, ServiceAdmin

__all__ = [
    "AnnotationSnapshotAdmin",
    "ApiKeyAdmin",
    "ApplicationAdmin",
    "CustomerAdmin",
    "LinkAdmin",
    "ReviewerAccessAdmin",
    "ServiceAdmin",
]
