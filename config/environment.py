"""Reads and judges the environment, before Django has settings.

Every variable that Volley reads is named here or in `config.settings`; a value that makes no sense stops
the start and says which variable it was.
"""

from pathlib import Path

import environ
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent
DEVELOPMENT_SECRET = "development-only-secret-never-used-in-production"  # noqa: S105  # nosec: named for what it is
DEVELOPMENT_FERNET_KEY = "ZGV2ZWxvcG1lbnQtb25seS1rZXktbm90LXNlY3JldC4="

env = environ.Env()


def is_production() -> bool:
    """True unless VOLLEY_ENV says `development`: forgetting to set it must be safe."""
    name: str = env.str("VOLLEY_ENV", "production")
    if name not in ("production", "development"):
        raise ImproperlyConfigured(f"VOLLEY_ENV is {name!r}; it is 'production' or 'development'.")
    return name == "production"


def secret(name: str, development: str, *, hint: str) -> str:
    """A secret that production must be given; development falls back to a public default."""
    value: str = env.str(name, "")
    if not is_production():
        return value or development
    if not value:
        raise ImproperlyConfigured(f"{name} is not set; production needs it. {hint}")
    if value == development or "development" in value:
        raise ImproperlyConfigured(f"{name} has its development default; production needs its own. {hint}")
    return value


def service_url(name: str, development: str) -> str:
    """The address of PostgreSQL or Redis; production must name it."""
    value: str = env.str(name, "")
    if value:
        return value
    if is_production():
        raise ImproperlyConfigured(f"{name} is not set; production needs it.")
    return development
