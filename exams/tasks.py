"""The jobs of this app; each is declared beside its work."""

from background.runner import register
from exams.services import chores, delivery, fetch, polling, previews, releases, report_pages, rereading

register(
    fetch.FETCH,
    previews.PREVIEW,
    delivery.DELIVER,
    report_pages.RENDER_PAGES,
    polling.POLL,
    releases.RELEASE,
    rereading.READ_AGAIN,
    chores.MAINTAIN,
)
