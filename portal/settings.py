"""Settings of the portal, from the environment alone; `.env.example` explains every variable."""

import os
from datetime import timedelta
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from portal.database.connections import database_from_url
from portal.environment import Environment
from portal.locations import FILES_DIR, USUAL_VAR_DIR
from portal.logging.setup import logging_config
from portal.pages import admin_colours
from portal.trial import SECRETS, trial_secrets

env = Environment()
if env_file := os.environ.get("ENV_FILE", ""):
    if not os.access(env_file, os.R_OK):
        raise ImproperlyConfigured(f"ENV_FILE names {env_file}, which cannot be read.")
    # Variables of the environment come before those of the file.
    Environment.read_env(env_file)
VAR_DIR = env.folder("VAR_DIR", default=USUAL_VAR_DIR)
DEBUG = env.flag("DEBUG", default=False)

# --- The public address -----------------------------------------------------------------------------
PUBLIC_URL = env.public_url("PUBLIC_URL", default="http://127.0.0.1:8000")
_public = urlsplit(PUBLIC_URL)
_host = _public.hostname or ""
LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "::1"}
IS_HTTPS = _public.scheme == "https"
IS_LOCAL = _host in LOOPBACK_HOSTS or _host.endswith(".localhost")
if not IS_HTTPS and not IS_LOCAL:
    raise ImproperlyConfigured("PUBLIC_URL must begin with https:// unless it is a loopback address.")
if DEBUG and not IS_LOCAL:
    raise ImproperlyConfigured("DEBUG must be off where PUBLIC_URL is not a loopback address.")

ALLOWED_HOSTS = [_host, *(sorted(LOOPBACK_HOSTS) if IS_LOCAL else [])]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
TRUSTED_PROXY_COUNT = env.number("TRUSTED_PROXY_COUNT", default=0, least=0, most=10)
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^webhooks/"]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
# Scripts read the token from the form that they send.
CSRF_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if IS_HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
# Browsers accept a name with this prefix from this very host and by https only, so that neither another host
# of the domain nor a page without TLS can set one of these cookies.
COOKIE_PREFIX = "__Host-" if IS_HTTPS else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}portal_session"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}portal_csrf"
MESSAGE_STORAGE = "portal.pages.messages.Storage"
SESSION_ENGINE = "foundation.sessions"
SESSION_COOKIE_AGE = int(timedelta(hours=12).total_seconds())
CSRF_FAILURE_VIEW = "portal.pages.views.csrf_failure"

# --- Secrets --------------------------------------------------------------------------------------------
# A trial on this machine makes its own; a portal that others can reach needs secrets apart from its data.
if not any(map(os.environ.get, SECRETS)):
    Environment.read_env(trial_secrets(folder=VAR_DIR, is_local=IS_LOCAL), overwrite=True)
SECRET_KEY = env.secret("SECRET_KEY")
TOKEN_LOOKUP_KEY = env.secret("TOKEN_LOOKUP_KEY")
FIELD_ENCRYPTION_KEYS = env.fernet_keys("FIELD_ENCRYPTION_KEYS")

# --- Applications ---------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "portal.apps.AdministrationConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "portal.apps.StaticFilesConfig",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "csp",
    "django_htmx",
    "rest_framework",
    "audit",
    "background",
    "accounts",
    "integrations",
    "exams",
    "portal",
]
MIDDLEWARE = [
    "portal.pages.middleware.RefusedFeatures",
    "django.middleware.security.SecurityMiddleware",
    "portal.pages.middleware.WebhookShortcut",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.pages.middleware.ContentSecurityPolicy",
    "portal.pages.middleware.ReadableRequests",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "portal.pages.middleware.SmallForms",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.ReaderTimezone",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.pages.middleware.PrivatePages",
    "portal.pages.middleware.ReadableSecrets",
    "portal.pages.proof.PasswordAgain",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [FILES_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "builtins": ["foundation.moments"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.pages.context.portal",
                "portal.demo.context.demo",
            ],
        },
    }
]
STATICFILES_DIRS = [FILES_DIR / "static"]
STATIC_URL = "/static/"
STATIC_ROOT = env.folder("STATIC_ROOT", default=VAR_DIR / "static")
# Files are served under names with their hash, so browsers keep them for good. `serve` collects and
# compresses them. Pages are never compressed: their length would tell secrets (docs/decisions/0016).
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "portal.static_files.StaticFiles"},
}
USE_I18N = True
LANGUAGES = [("en", "English")]
LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = "UTC"
# Formats of dates that the administration's theme writes itself, such as in the history of a row.
FORMAT_MODULE_PATH = "portal.pages.formats"

# Set by `manage.py demo` alone: the file with the demo's accounts, which allows "Continue as …".
DEMO_FILE = env.str("PORTAL_DEMO_FILE", default="")
if DEMO_FILE and not IS_LOCAL:
    raise ImproperlyConfigured(
        "PORTAL_DEMO_FILE lets everybody in; it must not be set where PUBLIC_URL is public."
    )
DEMO_SANDBOX_URL = env.str("PORTAL_DEMO_SANDBOX_URL", default="")

# The administration and the features of browsers have theirs in portal/pages/policies.py.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "media-src": [SELF],
        "connect-src": [SELF],
        "font-src": [SELF],
        # The demo's buttons are forms that are sent to the sandbox.
        "form-action": [SELF, *([DEMO_SANDBOX_URL] if DEMO_SANDBOX_URL else [])],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    },
}

# --- Data -----------------------------------------------------------------------------------------------
_database = env.database("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'portal.sqlite3'}")
DATABASES = {"default": database_from_url(_database)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
MEDIA_ROOT = env.folder("MEDIA_ROOT", default=VAR_DIR / "media")
FILE_UPLOAD_TEMP_DIR = None
REPORT_MAX_MB = env.number("REPORT_MAX_MB", default=20, least=1, most=100_000)
CAPTURE_MAX_MB = env.number("CAPTURE_MAX_MB", default=2048, least=1, most=1_000_000)
SUBMISSION_MAX_MB = env.number("SUBMISSION_MAX_MB", default=8192, least=1, most=1_000_000)
MIN_FREE_MB = env.number("MIN_FREE_MB", default=256, least=0, most=100_000_000)
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
# In the database, so that limits hold for all web processes together (docs/decisions/0009).
CACHES = {"default": {"BACKEND": "portal.database.cache.RowCache"}}

# --- People ---------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
SILENCED_SYSTEM_CHECKS = [
    # Unique by a constraint on the lower-cased address, which this check does not see.
    "auth.W004",
    # Other hosts of the portal's domain, and the browsers' preload list, are not the portal's decision.
    "security.W005",
    "security.W021",
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
# Needs no further package, and is harder to guess against than Django's default.
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
# A code is entered in the browser that requested it, which may have a pending connection request.
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = True
# A reset for an unknown address is mailed too: it takes as long as one for an account, and it helps people
# who have several addresses.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_FORMS = {
    "login": "accounts.entrance_forms.LoginForm",
    "signup": "accounts.entrance_forms.SignupForm",
    "reset_password": "accounts.entrance_forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.entrance_forms.ResetPasswordKeyForm",
    "change_password": "accounts.entrance_forms.ChangePasswordForm",
    "set_password": "accounts.entrance_forms.SetPasswordForm",
    "reauthenticate": "accounts.entrance_forms.ReauthenticateForm",
    "confirm_login_code": "accounts.entrance_forms.ConfirmLoginCodeForm",
    "confirm_email_verification_code": "accounts.entrance_forms.ConfirmEmailVerificationCodeForm",
    "confirm_password_reset_code": "accounts.entrance_forms.ConfirmPasswordResetCodeForm",
}
# Passwords, codes and mails are limited by accounts/services/attempts.py. These rates only stop floods: each
# is for a network or for the account that is logged in, so that nobody uses up somebody else's. Log-in has
# none: a hospital that begins its shift is one network.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": None,
    "signup": "60/m/ip",
    "confirm_email": "60/m/ip",
    "reset_password": "60/m/ip",
    "reset_password_from_key": "60/m/ip",
    "reauthenticate": "30/m/user",
    "change_password": "30/m/user",
    "manage_email": "10/m/user",
}
# A mail may wait in a queue, or for a server that delays unknown senders.
_CODE_SECONDS = 15 * 60
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = _CODE_SECONDS
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = _CODE_SECONDS
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = _CODE_SECONDS
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = True
# Says on which devices an account has logged in before. Browsers accept the prefix only with https.
DEVICE_COOKIE_NAME = f"{COOKIE_PREFIX}portal_device"
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
SIGNUP_OPEN = env.flag("SIGNUP_OPEN", default=True)
# Whatever gives somebody access waits for a second administrator.
GRANTS_NEED_TWO = env.flag("GRANTS_NEED_TWO", default=False)

# --- Mail -----------------------------------------------------------------------------------------------
_mail = env.mail("EMAIL_URL", default=f"filemail:///{str(VAR_DIR / 'mail').lstrip('/')}")
if _mail["EMAIL_BACKEND"].endswith("filebased.EmailBackend"):
    _mail["EMAIL_FILE_PATH"] = "/" + _mail["EMAIL_FILE_PATH"].lstrip("/")
globals().update(**_mail)
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.mailbox("DEFAULT_FROM_EMAIL", default="Portal <portal@localhost>")
ALERT_EMAILS = env.mailboxes("ALERT_EMAILS")

# --- Background work -----------------------------------------------------------------------------
CELERY_BROKER_URL = env.broker("CELERY_BROKER_URL", default="memory://")
# 0: processes whose interpreter is stuck are not ended.
STUCK_SECONDS = env.number("STUCK_SECONDS", default=30, least=0, most=3600)
if 0 < STUCK_SECONDS < 5:
    raise ImproperlyConfigured("STUCK_SECONDS must be 0 or at least 5: a busy machine is not stuck.")
WORKER_THREADS = env.number("WORKER_THREADS", default=4, least=1, most=64)
POLL_MINUTES = env.number("POLL_MINUTES", default=15, least=1, most=1440)
FULL_POLL_HOURS = env.number("FULL_POLL_HOURS", default=24, least=1, most=168)
RECORDS_RETENTION_DAYS = env.number("RECORDS_RETENTION_DAYS", default=400, least=14, most=36_500)
# 0: API keys are rotated only by hand.
API_KEY_ROTATION_DAYS = env.number("API_KEY_ROTATION_DAYS", default=0, least=0, most=3650)
EGRESS_ALLOWED_NETWORKS = env.networks("EGRESS_ALLOWED_NETWORKS")

# --- Timing of background work ------------------------------------------------------------------------
# Read at each use and not from the environment: they depend on each other, and only tests change them.
# The rows of a dead worker are free after this time; a living worker renews its lease three times within it.
LEASE_SECONDS = 60.0
# A lost message is sent again after this time.
NUDGE_SECONDS = 60
# The longest first wait of the backoff; later waits grow with the time of trying.
RETRY_BASE_SECONDS = 10.0
# The Cloud is asked at most this often which exams of a customer it lists.
CONFIRM_EVERY_SECONDS = 15.0

# --- Pages ----------------------------------------------------------------------------------------------
# Also read at each use, and changed only by tests.
# Uses of a limited page are counted for this time.
LIMIT_WINDOW_SECONDS = 60
# A customer's token is kept in a session for this time, enough to create an account on the way.
PENDING_TOKEN_SECONDS = 15 * 60

# --- The webhook ----------------------------------------------------------------------------------------
# A notification is checked against secrets that were read at most this long ago. Not from the environment:
# with a longer time, a replaced secret would be accepted after its hour. Only tests shorten it.
WEBHOOK_SECRETS_SECONDS = 5.0
# An unknown secret may be new: they are read again after this time, so that guessing stays cheap.
WEBHOOK_UNKNOWN_SECRET_SECONDS = 0.5

# --- Limits ---------------------------------------------------------------------------------------------
# Read at each use. Not from the environment: nobody has needed other values yet.
# Rows on a page of the worklist and of a clinician's exams; above the limit, counts show "more than".
WORKLIST_PAGE_SIZE = 50
OWN_PAGE_SIZE = 25
WORKLIST_COUNT_LIMIT = 10_000
# The longest that PostgreSQL works on one statement of a list or a search.
SEARCH_SECONDS = 10.0
# Rows in one request of the administration. A confirmation form contains each of them, and Django reads at
# most 1,000 fields.
BULK_LIMIT = 500
# Somebody who knows the secret can invent notifications; they must not fill the disk.
UNCONFIRMED_LIMIT = 50_000
REJECTED_LIMIT = 1000
# How many may exceed that limit before the oldest are removed.
REJECTED_EXCESS = 50
# Rows deleted in one transaction, few enough that no notification waits for it.
PURGE_BATCH = 500
# Calls to the Cloud that are kept for each submission and each report.
CALLS_KEPT = 50
# Old calls are removed after this many: a search after every call would cost more than their rows.
CALLS_CLEAN_EVERY = 100
# Files of each kind that are verified in one night.
VERIFY_SAMPLE = 200
# Backlog exams that are queued at a time: new exams wait only behind these.
BACKLOG_WINDOW = 200
# Stored responses in memory at a time when fields are read again: each may have 5 MiB.
REREAD_CHUNK = 10
# How long the previews of one file may take.
DECODING_SECONDS = 20
# Repeated views of an object by one person within this time are one audit entry.
VIEW_WINDOW_SECONDS = 600

# --- Texts of the pages ---------------------------------------------------------------------------------
INTENDED_USE_NOTICE = env.str(
    "INTENDED_USE_NOTICE", default="For review of images as received. Not for primary diagnosis."
)

REST_FRAMEWORK = {
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
# The administration in the portal's teal; its navigation is portal/pages/navigation.py.
UNFOLD = {
    "SITE_TITLE": "Portal administration",
    "SITE_HEADER": "Administration",
    "SITE_SUBHEADER": "Integrator portal",
    "SITE_URL": "/",
    "SITE_ICON": "portal.pages.navigation.favicon",
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "portal.pages.navigation.favicon"}],
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "6px",
    "COLORS": {"base": admin_colours.BASE, "primary": admin_colours.PRIMARY},
    "STYLES": ["portal.pages.navigation.stylesheet"],
    "SIDEBAR": {"navigation": "portal.pages.navigation.sidebar"},
    "ACCOUNT": {"navigation": "portal.pages.navigation.account_links"},
    "DASHBOARD_CALLBACK": "exams.admin.dashboard.today",
}

LOG_LEVEL = env.choice("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
LOGGING = logging_config(level=LOG_LEVEL)
# After the last variable is read.
MISSPELT_VARIABLES = env.misspelt()
DEFAULT_EXCEPTION_REPORTER_FILTER = "portal.logging.redaction.ReporterFilter"
