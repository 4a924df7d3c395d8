"""Faults on demand, and the calls that the service made."""

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
    ("status", "return a status", "status code (500)"),
    ("status_after", "do the work, then return a status", "status code (500)"),
    ("delay", "answer late", "seconds (1)"),
    ("cut", "cut the connection without doing the work", ""),
    ("cut_after", "do the work, then cut the connection", ""),
    ("truncate", "truncate the body", "fraction (0.5)"),
    ("html", "return a web page", ""),
    ("drip", "send byte by byte", "seconds between bytes (0.5)"),
    ("redirect", "redirect", "address"),
    ("gzip_bomb", "return a gzip bomb", ""),
    ("foreign_next", "point next to another host", "address"),
    ("reorder", "shuffle the list", ""),
    ("grow", "add exams between two pages", "number of exams (1)"),
    ("empty_list", "return an empty list", ""),
    ("no_length", "omit Content-Length, optionally truncate", "fraction (1)"),
    ("foreign_url", "point download_url to another host", "address"),
    ("revoke_key", "revoke the key of the call", ""),
    ("expire_links", "expire all media links, including those in the response", ""),
    ("drop", "lose a notification", ""),
    ("repeat", "send a notification twice", ""),
    ("unknown_customer", "send a notification for an unknown customer", ""),
    ("unconfirmed", "send a notification for a customer who is not connected", ""),
)


@require_http_methods(["GET", "HEAD", "POST"])
def faults(request: HttpRequest) -> HttpResponse:
    """List pending faults and the latest calls, and add a fault."""
    form = FaultForm(request.POST or None, initial={"match": "accessible", "kind": "status", "times": 1})
    if request.method == "POST" and form.is_valid():
        names = ("match", "kind", "times", "options")
        fault = Fault.objects.create(**{name: form.cleaned_data[name] for name in names})
        return done(request, f"Added: {fault}.", "sandbox_faults")
    return show(
        request,
        "faults.html",
        form=form,
        faults=[(each, describe_options(each.options)) for each in Fault.objects.all()],
        kinds=KINDS,
        calls=Call.objects.order_by("-id")[:CALLS_SHOWN],
    )


def describe_options(options: Mapping[str, Any]) -> list[str]:
    """Return the options of a fault, one text for each."""
    headers = options.get("headers")
    parts = {name: value for name, value in options.items() if name != "headers"}
    return [f"{name} {value}" for name, value in (parts | (headers or {})).items()]


@require_POST
def clear(request: HttpRequest) -> HttpResponse:
    """Delete every fault."""
    Fault.objects.all().delete()
    return done(request, "All faults were cleared.", "sandbox_faults")


@require_POST
def expire(request: HttpRequest) -> HttpResponse:
    """Expire every media link issued so far."""
    links.expire_links()
    return done(request, "All media links issued so far have expired.", "sandbox_faults")
