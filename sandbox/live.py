"""Forms of a page on another port of this machine; the answer redirects back to it."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from sandbox import behaviour
from sandbox.middleware import is_own_page
from sandbox.models import Submission
from sandbox.seed.exams import available_exams


class SeeOther(HttpResponseRedirect):
    """A redirect that is followed with GET."""

    status_code = 303


@csrf_exempt
@require_POST
def submit(request: HttpRequest) -> HttpResponse:
    """Submit an exam as a confirmed customer, with or without a notification."""
    customers = behaviour.customers().filter(confirmed_at__isnull=False)
    token = request.POST.get("customer")
    customer = customers.filter(token=token).first() if token else customers.first()
    if customer is None:
        return HttpResponseBadRequest("No customer is connected yet. Press Connect in the sandbox first.")
    exams = available_exams()
    chosen = {each.slug: each for each in exams}.get(request.POST.get("exam", ""))
    # A different exam each time, so that the next one is not the same.
    exam = chosen or exams[Submission.objects.count() % len(exams)]
    behaviour.create_submission(
        customer=customer, exam_slug=exam.slug, notify=request.POST.get("notify", "on") == "on"
    )
    return SeeOther(_back(request.POST.get("next", "")))


def _back(url: str) -> str:
    """Return `url` if it is a page of this machine, else the sandbox's first page."""
    parts = urlsplit(url)
    is_here = parts.scheme in {"http", "https"} and "\\" not in url and is_own_page(url)
    return url if is_here else "/"
