"""Settings of the sandbox, read from SANDBOX_* variables only."""

import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent
# An installed sandbox keeps its data in the folder in which it is started.
_home = BASE_DIR if (BASE_DIR / "manage.py").exists() else Path.cwd()

PORT = int(os.environ.get("SANDBOX_PORT", "8001"))
MEDIA_PORT = int(os.environ.get("SANDBOX_MEDIA_PORT", str(PORT + 1)))
# Loopback by default. In a container network set another address, and name the callers in SANDBOX_ALLOW.
BIND = os.environ.get("SANDBOX_BIND", "127.0.0.1")
# Host names that requests may use and networks that callers may come from, beyond loopback.
ALLOW = [each.strip() for each in os.environ.get("SANDBOX_ALLOW", "").split(",") if each.strip()]
PUBLIC_URL = os.environ.get("SANDBOX_PUBLIC_URL", f"http://127.0.0.1:{PORT}").rstrip("/")
MEDIA_URL_BASE = os.environ.get("SANDBOX_MEDIA_URL", f"http://127.0.0.1:{MEDIA_PORT}").rstrip("/")
SANDBOX_DIR = Path(os.environ.get("SANDBOX_DIR", str(_home / "var" / "sandbox"))).resolve()
# Lifetime of a media link in seconds. The provider documents seven days for its research links.
LINK_SECONDS = int(os.environ.get("SANDBOX_LINK_SECONDS", str(7 * 24 * 3600)))
# The provider does not retry a notification; its documents say that it may do so in future.
NOTIFICATION_RETRIES = int(os.environ.get("SANDBOX_RETRIES", "0"))
REPORT_MAX_BYTES = int(os.environ.get("SANDBOX_REPORT_MAX_MB", "100")) * 1024 * 1024

SANDBOX_DIR.mkdir(parents=True, exist_ok=True)


def _own_secret() -> str:
    path = SANDBOX_DIR / "secret"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()


SECRET_KEY = os.environ.get("SANDBOX_SECRET_KEY") or _own_secret()
DEBUG = False
_hosts = [urlsplit(url).hostname or "" for url in (PUBLIC_URL, MEDIA_URL_BASE)]
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]", *_hosts, *(each for each in ALLOW if "/" not in each)]

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "rest_framework_api_key",
    "drf_spectacular",
    "sandbox",
]
MIDDLEWARE = [
    "sandbox.middleware.LoopbackOnly",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "sandbox.faults.FaultMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "sandbox.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": SANDBOX_DIR / "sandbox.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
MEDIA_ROOT = SANDBOX_DIR / "media"
USE_TZ = True
TIME_ZONE = "UTC"
SESSION_COOKIE_NAME = "sandbox_session"
CSRF_COOKIE_NAME = "sandbox_csrf"
SESSION_COOKIE_SAMESITE = "Lax"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SILENCED_SYSTEM_CHECKS = ["rest_framework.W001"]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["sandbox.authentication.NoAccounts"],
    "DEFAULT_PERMISSION_CLASSES": ["sandbox.authentication.HasServiceKey"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "sandbox.schema.RefusalSchema",
    "EXCEPTION_HANDLER": "rest_framework.views.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Sandbox Clarius Cloud",
    "DESCRIPTION": "The calls that Clarius Cloud offers to a service, as the sandbox answers them.",
    "VERSION": "0",
    # A file is uploaded as bytes and never returned.
    "COMPONENT_SPLIT_REQUEST": True,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("SANDBOX_LOG_LEVEL", "INFO")},
    "loggers": {"django.request": {"level": "ERROR"}, "django.server": {"level": "WARNING"}},
}
