"""The least that Django can do: a view that answers 204."""

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

settings.configure(SECRET_KEY="not-a-secret", ALLOWED_HOSTS=["127.0.0.1"], ROOT_URLCONF=__name__)


def answer(request: HttpRequest) -> HttpResponse:
    """Read the body, since whoever takes a notification has to, and answer."""
    assert isinstance(request.body, bytes)
    return HttpResponse(status=204)


urlpatterns: list[URLPattern] = [path("", answer)]
application = get_wsgi_application()
