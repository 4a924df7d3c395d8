"""The part about submissions on the page of a service, which belongs to another app."""

from exams.services.health import submission_facts
from integrations.services.sections import register_section

register_section(title="Submissions", section=submission_facts)
