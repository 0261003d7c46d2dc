"""Production refuses to start with a missing or default secret, and says which."""

import os
import subprocess
import sys
from base64 import urlsafe_b64encode

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from config.embedded.state import PROJECT
from config.environment import DEVELOPMENT_FERNET_KEY, DEVELOPMENT_SECRET, is_production, secret, service_url

# The same in each process that shares the suite: it is part of a test's name.
KEY = urlsafe_b64encode(b"a key only these tests use......").decode()
DEFAULTS = {"VOLLEY_SECRET_KEY": DEVELOPMENT_SECRET, "VOLLEY_ENCRYPTION_KEYS": DEVELOPMENT_FERNET_KEY}
COMPLETE = {
    "VOLLEY_ENV": "production",
    "VOLLEY_SECRET_KEY": "Zm9yIHRlc3RzIG9ubHksIGJ1dCBsb25nIGVub3VnaCB0byBwYXNz",
    "VOLLEY_ENCRYPTION_KEYS": KEY,
    "VOLLEY_ALLOWED_HOSTS": "volley.example.com",
    "VOLLEY_BASE_URL": "https://volley.example.com",
    "DATABASE_URL": "postgres://volley:Xk29sLq1@db.example.com/volley",
    "REDIS_URL": "redis://:Xk29sLq1@redis.example.com/0",
}


def start(entry: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("VOLLEY_", "DJANGO_"))}
    for name in ("DATABASE_URL", "REDIS_URL"):
        inherited.pop(name, None)
    return subprocess.run(
        [sys.executable, "-c", entry],
        cwd=PROJECT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


WEB = "import config.wsgi"
WORKER = "from config import celery_app; celery_app.conf.broker_url"


@pytest.mark.parametrize("entry", [WEB, WORKER], ids=["web", "worker"])
def test_starts_with_everything_set(entry: str) -> None:
    assert start(entry, COMPLETE).returncode == 0


@pytest.mark.parametrize("entry", [WEB, WORKER], ids=["web", "worker"])
def test_does_not_start_without_a_secret(entry: str) -> None:
    refused = start(entry, COMPLETE | {"VOLLEY_SECRET_KEY": ""})
    assert refused.returncode != 0
    assert "VOLLEY_SECRET_KEY is not set" in refused.stderr


def test_is_production_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VOLLEY_ENV", raising=False)
    assert is_production()
    monkeypatch.setenv("VOLLEY_ENV", "staging")
    with pytest.raises(ImproperlyConfigured, match="VOLLEY_ENV is 'staging'"):
        is_production()


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VOLLEY_SECRET_KEY", ""),
        ("VOLLEY_SECRET_KEY", DEFAULTS["VOLLEY_SECRET_KEY"]),
        ("VOLLEY_SECRET_KEY", "django-insecure-0123456789012345678901234567890123456789"),
        ("VOLLEY_SECRET_KEY", "change-me"),
        ("VOLLEY_SECRET_KEY", "short"),
        ("VOLLEY_ENCRYPTION_KEYS", ""),
        ("VOLLEY_ENCRYPTION_KEYS", DEFAULTS["VOLLEY_ENCRYPTION_KEYS"]),
        ("VOLLEY_ENCRYPTION_KEYS", f"{COMPLETE['VOLLEY_ENCRYPTION_KEYS']},{DEFAULTS['VOLLEY_ENCRYPTION_KEYS']}"),
    ],
)
def test_a_missing_default_or_short_secret_is_refused_by_name(
    production: pytest.MonkeyPatch, name: str, value: str
) -> None:
    production.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        secret(name, DEFAULTS[name], hint="")


@pytest.mark.parametrize("name", ["DATABASE_URL", "REDIS_URL"])
@pytest.mark.parametrize("value", ["", "postgres://volley:postgres@db/volley", "redis://:change-me@redis/0"])
def test_a_missing_address_or_default_password_is_refused_by_name(
    production: pytest.MonkeyPatch, name: str, value: str
) -> None:
    production.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        service_url(name, "")


def test_development_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VOLLEY_ENV", "development")
    monkeypatch.delenv("VOLLEY_SECRET_KEY", raising=False)
    assert secret("VOLLEY_SECRET_KEY", DEVELOPMENT_SECRET, hint="") == DEVELOPMENT_SECRET


def test_an_encryption_key_that_is_none_is_told(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [KEY, "not-a-key"]
    told = [problem.msg for problem in run_checks() if problem.id == "volley.E001"]
    assert [message.split(":")[0] for message in told] == ["Key 2 of VOLLEY_ENCRYPTION_KEYS is not a Fernet key"]


def test_production_without_host_names_is_told(settings: Settings) -> None:
    settings.PRODUCTION, settings.ALLOWED_HOSTS, settings.BASE_URL = True, [], "http://volley.example.com"
    assert {"volley.E002", "volley.W001"} <= {problem.id for problem in run_checks()}
