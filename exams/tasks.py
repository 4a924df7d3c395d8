"""The jobs of this app; each is declared beside its work."""

from background.runner import register
from exams.services.fetch import job
from exams.services.field_map import rereading
from exams.services.holds import backlog
from exams.services.intake import polling
from exams.services.maintenance import tasks
from exams.services.media import previews
from exams.services.reports import delivery, pages

register(
    job.FETCH,
    previews.PREVIEW,
    delivery.DELIVER,
    pages.RENDER_PAGES,
    polling.POLL,
    backlog.IMPORT,
    rereading.READ_AGAIN,
    tasks.MAINTAIN,
)
