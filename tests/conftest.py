"""What every test may ask for; kept free of models, since the sandbox's own run passes here as well."""

from tests.cloud import cloud, cloud_process, cloud_service
from tests.flush import tables_are_emptied_quickly

__all__ = ["cloud", "cloud_process", "cloud_service", "tables_are_emptied_quickly"]
