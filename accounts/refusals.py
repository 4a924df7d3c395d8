"""What a person reads who made too many attempts: a message in the form, or a page, with the time to wait."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.services.attempts import TooManyAttempts


@contextmanager
def refuse(problem: str, advice: str = "") -> Iterator[None]:
    """Turn TooManyAttempts into a ValidationError that names the problem and the time to wait."""
    try:
        yield
    except TooManyAttempts as error:
        raise ValidationError(f"{problem} Try again in {error.wait}.{advice}", code="too_many") from error


def refused_page(request: HttpRequest, error: TooManyAttempts) -> HttpResponse:
    """Return the page for an attempt without a form that could show a message."""
    response = render(request, "429.html", {"wait": error.wait}, status=429)
    response["Retry-After"] = str(error.seconds)
    return response
