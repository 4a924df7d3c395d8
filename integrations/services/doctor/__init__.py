"""What is wrong, in plain words: one finding for each thing that has to work."""

from integrations.services.doctor.examine import examine
from integrations.services.doctor.findings import Finding, Level

__all__ = ["Finding", "Level", "examine"]
