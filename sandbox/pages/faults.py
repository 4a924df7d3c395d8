"""What goes wrong on demand, and the calls that the service made."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_POST

from sandbox import links
from sandbox.models import Call, Fault
from sandbox.pages.answer import done, show
from sandbox.pages.forms import FaultForm

CALLS_SHOWN = 60
KINDS = (
    ("status", "answers with a status", "status code (500)"),
    ("status_after", "does the work, then answers with a status", "status code (500)"),
    ("delay", "answers late", "seconds (1)"),
    ("cut", "breaks the connection, nothing is done", ""),
    ("cut_after", "does the work, then breaks the connection", ""),
    ("truncate", "sends a part of the body", "fraction (0.5)"),
    ("html", "answers with a web page", ""),
    ("drip", "sends byte by byte", "seconds between (0.5)"),
    ("redirect", "sends the caller elsewhere", "address"),
    ("gzip_bomb", "answers with a body that inflates", ""),
    ("foreign_next", "a page points to another host", "address"),
    ("reorder", "a page comes in another order", ""),
    ("grow", "something arrives between two pages", "how many (1)"),
    ("empty_list", "a page is empty", ""),
    ("no_length", "sends no Content-Length, perhaps a part", "fraction (1)"),
    ("foreign_url", "a download_url points to another host", "address"),
    ("revoke_key", "the key of the call is revoked", ""),
    ("expire_links", "every media link dies, those of the answer too", ""),
    ("drop", "a notification is lost", ""),
    ("repeat", "a notification is sent twice", ""),
    ("unknown_customer", "a notification names a customer that nobody knows", ""),
    ("unconfirmed", "a notification is sent of a customer who is not connected", ""),
)


@require_http_methods(["GET", "HEAD", "POST"])
def faults(request: HttpRequest) -> HttpResponse:
    """List the waiting faults and the latest calls, and take a new fault."""
    form = FaultForm(request.POST or None, initial={"match": "accessible", "kind": "status", "times": 1})
    if request.method == "POST" and form.is_valid():
        names = ("match", "kind", "times", "options")
        fault = Fault.objects.create(**{name: form.cleaned_data[name] for name in names})
        return done(request, f"Waiting: {fault}.", "sandbox_faults")
    return show(
        request,
        "faults.html",
        form=form,
        faults=[(each, options_in_words(each.options)) for each in Fault.objects.all()],
        kinds=KINDS,
        calls=Call.objects.order_by("-id")[:CALLS_SHOWN],
    )


def options_in_words(options: Mapping[str, Any]) -> list[str]:
    """Return what a fault was told beside its kind, one text for each part."""
    headers = options.get("headers")
    parts = {name: value for name, value in options.items() if name != "headers"}
    return [f"{name} {value}" for name, value in (parts | (headers or {})).items()]


@require_POST
def clear(request: HttpRequest) -> HttpResponse:
    """Forget every fault."""
    Fault.objects.all().delete()
    return done(request, "Nothing goes wrong any more.", "sandbox_faults")


@require_POST
def expire(request: HttpRequest) -> HttpResponse:
    """Let every media link die that was handed out so far."""
    links.expire_links()
    return done(request, "Every media link handed out so far is dead.", "sandbox_faults")
