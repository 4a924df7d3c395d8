"""Pages that change keys or settings ask for the password unless it was entered recently."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.decorators import reauthentication_required

# The public decorator would store the body of a POST, with a key in it, in the session.
from allauth.account.internal.flows.reauthentication import did_recently_reauthenticate
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

View = Callable[..., HttpResponse]


def proven(view: View) -> View:
    """Require a recent password; a POST without one is dropped with its data."""
    guarded = reauthentication_required(view)

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            if did_recently_reauthenticate(request):
                return view(request, *args, **kwargs)
            messages.warning(request, "Nothing was done. Confirm your password first.")
            return HttpResponseRedirect(request.path)
        return guarded(request, *args, **kwargs)

    return wrapper
