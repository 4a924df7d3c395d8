"""Administration of services, customers and links: states and identifiers, no secrets."""

from integrations.admin.access import ReviewerAccessAdmin
from integrations.admin.customers import CustomerAdmin
from integrations.admin.links import LinkAdmin
from integrations.admin.services import ApiKeyAdmin, ServiceAdmin

__all__ = ["ApiKeyAdmin", "CustomerAdmin", "LinkAdmin", "ReviewerAccessAdmin", "ServiceAdmin"]
