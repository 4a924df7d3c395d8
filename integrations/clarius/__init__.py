"""A client of the Clarius Cloud API for service integrators; it needs neither Django nor Celery.

with ClariusClient(base_url="https://cloud.clarius.com", api_key=key) as client:
    for page in client.exam_pages():
        for notification in page.results:
            data = client.download_data(download_url=notification.download_url)
"""

from integrations.clarius import errors
from integrations.clarius.client import ClariusClient
from integrations.clarius.egress import Policy, check_url, clean_url
from integrations.clarius.keys import Secret, key_problem
from integrations.clarius.media import Downloaded, MediaClient
from integrations.clarius.pages import Page
from integrations.clarius.probe import ProbeResult, probe_url
from integrations.clarius.schemas import (
    AnnotationGroup,
    Application,
    CaptureLink,
    CreatedKey,
    CustomizedApplication,
    DownloadData,
    Notification,
    NotificationRecord,
    RemoteKey,
    RemoteSettings,
)

__all__ = [
    "AnnotationGroup",
    "Application",
    "CaptureLink",
    "ClariusClient",
    "CreatedKey",
    "CustomizedApplication",
    "DownloadData",
    "Downloaded",
    "MediaClient",
    "Notification",
    "NotificationRecord",
    "Page",
    "Policy",
    "ProbeResult",
    "RemoteKey",
    "RemoteSettings",
    "Secret",
    "check_url",
    "clean_url",
    "errors",
    "key_problem",
    "probe_url",
]
