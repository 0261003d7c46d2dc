"""Reads and judges the environment, before Django has settings.

Every variable that Volley reads is named here or in `config.settings`; a value that makes no sense stops
the start and says which variable it was.
"""

from pathlib import Path
from urllib.parse import unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent
DEVELOPMENT_SECRET = "development-only-secret-never-used-in-production"  # noqa: S105  # nosec: named for what it is
SHORTEST_SECRET = 32
PLACEHOLDERS = ("postgres", "password", "redis", "volley", "secret", "changeme")
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
    for part in value.split(","):
        if part == development or is_placeholder(part):
            raise ImproperlyConfigured(f"{name} has a default value; production needs its own. {hint}")
        if len(part) < SHORTEST_SECRET:
            raise ImproperlyConfigured(f"{name} is shorter than {SHORTEST_SECRET} characters. {hint}")
    return value


def is_placeholder(value: str) -> bool:
    """Values that stand in examples, or that everybody tries first."""
    return value.lower() in PLACEHOLDERS or any(
        word in value.lower() for word in ("development", "insecure", "change-me")
    )


def at_least(name: str, default: int, *, least: int, most: int | None = None) -> int:
    """A whole number that is not smaller than `least`, nor larger than `most`."""
    value: int = env.int(name, default)
    if value < least:
        raise ImproperlyConfigured(f"{name} is {value}; it is at least {least}.")
    if most is not None and value > most:
        raise ImproperlyConfigured(f"{name} is {value}; it is at most {most}.")
    return value


def service_url(name: str, development: str) -> str:
    """The address of PostgreSQL or Redis; production must name it."""
    value: str = env.str(name, "")
    if not is_production():
        return value or development
    if not value:
        raise ImproperlyConfigured(f"{name} is not set; production needs it.")
    password = urlsplit(value).password
    if password and is_placeholder(unquote(password)):
        raise ImproperlyConfigured(f"{name} has a default password; production needs its own.")
    return value
