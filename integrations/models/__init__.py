"""Services, their API keys, customers, links and copies of what the Cloud has."""

from integrations.models.annotations import AnnotationSnapshot, Application
from integrations.models.customers import Customer, Link
from integrations.models.keys import ApiKey, KeyRotation
from integrations.models.records import ListedToken, NotificationRecord, Sync
from integrations.models.service import ReviewerAccess, Service
from integrations.models.settings import RemoteState

__all__ = [
    "AnnotationSnapshot",
    "ApiKey",
    "Application",
    "Customer",
    "KeyRotation",
    "Link",
    "ListedToken",
    "NotificationRecord",
    "RemoteState",
    "ReviewerAccess",
    "Service",
    "Sync",
]
