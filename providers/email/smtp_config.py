"""What an SMTP provider is configured with: the form's fields, checked."""

import enum
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from providers.contract import ConfigError, ProviderSettings


class Security(enum.StrEnum):
    NONE = "none"
    OPPORTUNISTIC = "opportunistic"  # STARTTLS where it is offered; never a password in clear
    STARTTLS = "starttls"  # STARTTLS or nothing
    TLS = "tls"  # from the first byte, as on port 465


@dataclass(frozen=True, slots=True)
class SmtpConfig:
    """Times are in seconds. `depth` is how many whole transactions go into one write where CHUNKING is offered."""

    host: str
    port: int = 587
    security: Security = Security.STARTTLS
    verify: bool = True
    ca_certificate: str = ""
    username: str = ""
    password: str = ""
    helo: str = ""  # empty: our address as a literal (RFC 5321 4.1.3)
    connections: int = 4
    messages_per_connection: int = 500
    pipelining: bool = True
    chunking: bool = True
    depth: int = 8
    connect_timeout: float = 15.0
    answer_timeout: float = 60.0
    idle_timeout: float = 20.0

    def __repr__(self) -> str:
        return f"<SmtpConfig {self.host}:{self.port} {self.security}>"

    def tls_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.ca_certificate or None)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


_RANGES: dict[str, tuple[float, float]] = {
    "port": (1, 65535),
    "connections": (1, 100),
    "messages_per_connection": (1, 1_000_000),
    "depth": (1, 100),
    "connect_timeout": (0.05, 300),
    "answer_timeout": (0.05, 900),
    "idle_timeout": (0, 3600),
}
_FLAGS = ("verify", "pipelining", "chunking")
_TEXTS = ("host", "helo", "username", "ca_certificate")
_FIELDS = {*_RANGES, *_FLAGS, *_TEXTS, "security"}


def smtp_config(settings: ProviderSettings) -> SmtpConfig:
    """Raises ConfigError naming every field that is wrong."""
    given: Mapping[str, Any] = {"connections": settings.connections, **settings.config}
    errors: dict[str, str] = {name: "SMTP has no such setting." for name in given if name not in _FIELDS}
    values: dict[str, Any] = {"password": str(settings.credentials.get("password", ""))}
    for name, value in given.items():
        if name in _FIELDS:
            try:
                values[name] = _read(name, value)
            except ValueError as error:
                errors[name] = str(error)
    if not values.get("host") and "host" not in errors:
        errors["host"] = "Give the relay's host name or address."
    if values["password"] and not values.get("username"):
        errors.setdefault("username", "A password needs a username.")
    if values.get("ca_certificate"):
        try:
            ssl.create_default_context(cadata=values["ca_certificate"])
        except (ssl.SSLError, TypeError):  # the latter for what is not ASCII
            errors["ca_certificate"] = "This is not a certificate in PEM form."
    if errors:
        raise ConfigError(errors)
    return SmtpConfig(**values)


def _read(name: str, value: Any) -> Any:
    if name == "security":
        if value not in list(Security):
            raise ValueError(f"One of {', '.join(Security)}; this is {value!r}.")
        return Security(value)
    if name in _FLAGS:
        if not isinstance(value, bool):
            raise ValueError(f"true or false; this is {value!r}.")
        return value
    if name in _TEXTS:
        return _text(name, value)
    low, high = _RANGES[name]
    kinds, called = ((int, float), "number") if name.endswith("_timeout") else ((int,), "whole number")
    if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
        raise ValueError(f"A {called} from {low} to {high}; this is {value!r}.")
    return value


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"Text; this is {value!r}.")
    if name in ("host", "helo") and not (value.isascii() and value.isprintable() and " " not in value):
        raise ValueError("A name or address without spaces, in ASCII.")
    return value
