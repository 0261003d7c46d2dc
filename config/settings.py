"""All settings, from the environment (see docs/operations.md for the list of variables)."""

from datetime import timedelta
from pathlib import Path

import environ
from csp.constants import NONCE, SELF
from django.templatetags.static import static
from django.urls import reverse_lazy
from kombu import Queue

from config.environment import (
    DEVELOPMENT_FERNET_KEY,
    DEVELOPMENT_SECRET,
    ROOT,
    at_least,
    env,
    is_production,
    secret,
    service_url,
)

PRODUCTION = is_production()
BASE_DIR = ROOT
DEBUG = False

SECRET_KEY = secret(
    "VOLLEY_SECRET_KEY",
    DEVELOPMENT_SECRET,
    hint="Make one: python -c 'import secrets; print(secrets.token_urlsafe(50))'",
)
# Read and never written with: what unsubscribe links in mail already sent, and sessions, were made with.
SECRET_KEY_FALLBACKS = env.list("VOLLEY_SECRET_KEY_FALLBACKS", default=[])
ENCRYPTION_KEYS = secret(
    "VOLLEY_ENCRYPTION_KEYS",
    DEVELOPMENT_FERNET_KEY,
    hint="Make one: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())'",
).split(",")

STATE_DIR = Path(env.str("VOLLEY_STATE_DIR", str(ROOT / "var")))
BASE_URL = env.str("VOLLEY_BASE_URL", f"http://127.0.0.1:{env.int('VOLLEY_PORT', 8000)}").rstrip("/")
# HTTP providers on loopback and private networks; link-local and metadata addresses are refused always.
ALLOW_PRIVATE_PROVIDERS = env.bool("VOLLEY_ALLOW_PRIVATE_PROVIDERS", default=not PRODUCTION)
ALLOWED_HOSTS = env.list("VOLLEY_ALLOWED_HOSTS", default=[] if PRODUCTION else ["*"])
CSRF_TRUSTED_ORIGINS = env.list("VOLLEY_CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "config.admin_apps.VolleyUnfoldConfig",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "axes",
    "csp",
    "django_filters",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "config",
    "common",
    "workspaces",
    "audiences",
    "templates_registry",
    "providers",
    "campaigns",
    "executions",
]

MIDDLEWARE = [
    "config.health.ProbeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "common.middleware.RequestIdMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "config" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

_DATABASE = environ.Env.db_url_config(service_url("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/volley"))
DATABASES = {
    "default": {
        **_DATABASE,
        # A database whose host vanished without a word is noticed while what a worker has in flight is still its own
        # (executions.delivery.leases), and not after the kernel's two hours.
        "OPTIONS": {
            "connect_timeout": 5,
            "keepalives_idle": 4,
            "keepalives_interval": 2,
            "keepalives_count": 2,
            "tcp_user_timeout": 6_000,
            **_DATABASE.get("OPTIONS", {}),
        },
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        # PgBouncer in transaction mode must work: no server-side cursors across transactions.
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = service_url("REDIS_URL", "redis://127.0.0.1:6379/0")
REDIS_SOCKET_TIMEOUT = 2.0

AUTH_USER_MODEL = "workspaces.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
FORMAT_MODULE_PATH = ["config.formats"]

STATIC_URL = "/static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = not PRODUCTION
MEDIA_ROOT = STATE_DIR / "media"
MAX_BODY_BYTES = 16 * 1024 * 1024
UPLOAD_MAX_BYTES = env.int("VOLLEY_UPLOAD_MAX_BYTES", 8 * 1024**3)
UPLOAD_RETENTION_DAYS = at_least("VOLLEY_UPLOAD_RETENTION_DAYS", 30, least=1)
EVENT_RETENTION_DAYS = at_least("VOLLEY_EVENT_RETENTION_DAYS", 400, least=1)
BUSINESS_EVENTS_PER_HOUR = at_least("VOLLEY_BUSINESS_EVENTS_PER_HOUR", 500, least=1, most=30_000)
INGEST_RATE = at_least("VOLLEY_INGEST_RATE", 10_000, least=1)
INGEST_AT_ONCE = at_least("VOLLEY_INGEST_AT_ONCE", 4, least=1)
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES
FILE_UPLOAD_HANDLERS = ["audiences.receiving.Receiver"]
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "SAMEORIGIN"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BASE_URL.startswith("https://")
if env.bool("VOLLEY_BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        # Unfold's Alpine build evaluates its attribute expressions.
        "script-src": [SELF, NONCE, "'unsafe-eval'", "'unsafe-inline'"],
        "style-src": [SELF, "'unsafe-inline'"],
        "img-src": [SELF, "data:"],
        "font-src": [SELF, "data:"],
        "frame-src": [SELF],
        "frame-ancestors": [SELF],
        "form-action": [SELF],
        "base-uri": [SELF],
        "object-src": ["'none'"],
    }
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["workspaces.authentication.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["workspaces.permissions.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["common.rendering.ORJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["common.parsing.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "common.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Volley",
    "DESCRIPTION": "Create campaigns, execute them, and read what happened to every recipient.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "PATH_CONVERTER_OVERRIDES": {"id": {"type": "integer", "format": "int64"}},
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "PREPROCESSING_HOOKS": ["common.schema.without_slashed"],
    # Without the hook that names enums: words are listed where they are used, and no two can clash.
    "POSTPROCESSING_HOOKS": ["common.schema.with_problems"],
    "ENUM_NAME_OVERRIDES": {
        "AddressState": "audiences.models.AddressState",
        "CampaignState": "campaigns.models.CampaignState",
        "ExecutionState": "executions.api.serializers.STATES",
        "ListState": "audiences.serializers.LIST_STATES",
        "UploadFormat": "audiences.upload_serializers.UPLOAD_FORMATS",
        "UploadState": "audiences.models.UploadState",
    },
    "SWAGGER_UI_SETTINGS": {"deepLinking": True, "persistAuthorization": True, "validatorUrl": None},
}

# Seconds before the second attempt, the third, …: eight attempts over a day.
RETRY_DELAYS = env.list("VOLLEY_RETRY_DELAYS", cast=int, default=[60, 300, 900, 3600, 7200, 21600, 43200])

CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False
CELERY_TASK_DEFAULT_QUEUE = "volley"
# Taken in this order: the sweep never stands in line behind the lanes that it looks after, nor transactional messages
# behind bulk. A worker takes from all of them.
CELERY_TASK_QUEUES = [Queue("volley.sweep"), Queue("volley.transactional"), Queue("volley")]
CELERY_TASK_ROUTES = {name: {"queue": "volley.sweep"} for name in ("executions.sweep", "executions.make_runs")}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10.0
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = True
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 200_000
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 2
_REDIS_TRANSPORT = {
    # Messages are hints: one unacknowledged for a minute is worth repeating, and the sweep would do it anyway.
    "visibility_timeout": 60,
    "queue_order_strategy": "priority",
    "unacked_restore_interval": 10,
    "unacked_restore_throttle_interval": 10,
    "socket_timeout": 10.0,
    "socket_connect_timeout": REDIS_SOCKET_TIMEOUT,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "retry_on_timeout": False,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.1,
}
CELERY_BROKER_TRANSPORT_OPTIONS = _REDIS_TRANSPORT
CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {"visibility_timeout": 60}
CELERY_VISIBILITY_TIMEOUT = 60
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "celerybeat-schedule")
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "executions.sweep", "schedule": 2.0, "options": {"expires": 10}},
    "runs": {"task": "executions.make_runs", "schedule": 5.0, "options": {"expires": 10}},
    "uploads": {"task": "audiences.sweep_uploads", "schedule": 5.0, "options": {"expires": 10}},
    "partitions": {"task": "executions.make_partitions", "schedule": 3600.0, "options": {"expires": 600}},
    "retention": {"task": "executions.tend_uploads", "schedule": 3600.0, "options": {"expires": 600}},
    "erased": {"task": "executions.scrub_erased", "schedule": 600.0, "options": {"expires": 300}},
    "events": {"task": "audiences.tend_events", "schedule": 3600.0, "options": {"expires": 600}},
    "tidy": {"task": "common.tidy", "schedule": 3600.0, "options": {"expires": 600}},
}

UNFOLD = {
    "SITE_TITLE": "Volley",
    "SITE_HEADER": "Volley",
    "SITE_SUBHEADER": "Campaigns, delivered once",
    "SITE_URL": "/admin/",
    "SITE_SYMBOL": "send",
    "COLORS": {
        "primary": {
            "50": "oklch(96.2% .018 272.3)",
            "100": "oklch(93% .034 272.8)",
            "200": "oklch(87% .065 274)",
            "300": "oklch(78.5% .115 274.7)",
            "400": "oklch(67.3% .182 276.9)",
            "500": "oklch(58.5% .233 277.1)",
            "600": "oklch(51.1% .262 277)",
            "700": "oklch(45.7% .24 277)",
            "800": "oklch(39.8% .195 277.4)",
            "900": "oklch(35.9% .144 278.7)",
            "950": "oklch(25.7% .09 281.3)",
        }
    },
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("admin/favicon.svg")},
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda request: static("admin/volley.css")],
    "SIDEBAR": {
        "show_search": True,
        "show_all_applications": False,
        "navigation": "config.admin_menu.navigation",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("VOLLEY_LOG_LEVEL", "INFO")},
}

LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
SILENCED_SYSTEM_CHECKS: list[str] = []
