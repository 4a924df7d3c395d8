"""What every test may ask for; kept free of models, since the sandbox's own run passes here as well."""

from tests.audit.flush import audit_can_be_flushed
from tests.cloud import cloud, cloud_process, cloud_service

__all__ = ["audit_can_be_flushed", "cloud", "cloud_process", "cloud_service"]
