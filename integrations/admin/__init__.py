"""Administration of services, customers and links: states and identifiers, no secrets."""

from integrations.admin.annotations.applications import AnnotationSnapshotAdmin, ApplicationAdmin
from integrations.admin.customers.customers import CustomerAdmin
from integrations.admin.linking.access import ReviewerAccessAdmin
from integrations.admin.linking.links import LinkAdmin
from integrations.admin.settings.services import ApiKeyAdmin, ServiceAdmin

__all__ = [
    "AnnotationSnapshotAdmin",
    "ApiKeyAdmin",
    "ApplicationAdmin",
    "CustomerAdmin",
    "LinkAdmin",
    "ReviewerAccessAdmin",
    "ServiceAdmin",
]
