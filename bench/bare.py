"""A bare Django view that answers 204, without middleware or with that of a new project."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.csrf import csrf_exempt

# As `django-admin startproject` writes them.
PROJECT = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
settings.configure(
    SECRET_KEY="not-a-secret",
    INSTALLED_APPS=[f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions", "messages")],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=PROJECT if os.environ.get("BARE_PROJECT") else [],
)


@csrf_exempt
def answer(request: HttpRequest) -> HttpResponse:
    """Read the body, as every webhook has to, and answer."""
    assert isinstance(request.body, bytes)
    return HttpResponse(status=204)


urlpatterns: list[URLPattern] = [path("", answer)]
application = get_wsgi_application()
