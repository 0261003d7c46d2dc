"""Which kinds of provider there are, and what each can send."""

from collections.abc import Callable
from typing import NamedTuple

from common.channels import Type
from providers.contract import Adapter, ProviderSettings
from providers.email.smtp import SmtpAdapter
from providers.email.smtp_config import smtp_config
from providers.http.http import HttpAdapter
from providers.http.http_config import http_batch_config, http_config
from providers.sandbox import SandboxAdapter, sandbox_config


class KindOfProvider(NamedTuple):
    """`takes_json`: messages go to it as JSON; else an email goes in MIME form, and what is no email in its parts."""

    types: frozenset[str]
    open: Callable[[ProviderSettings], Adapter]
    check: Callable[[ProviderSettings], object]
    takes_json: bool = False


KINDS = {
    "sandbox": KindOfProvider(frozenset(Type.values), SandboxAdapter.from_settings, sandbox_config),
    "smtp": KindOfProvider(frozenset({Type.EMAIL.value}), SmtpAdapter.from_settings, smtp_config),
    "http": KindOfProvider(frozenset(Type.values), HttpAdapter.single, http_config, takes_json=True),
    "http_batch": KindOfProvider(frozenset(Type.values), HttpAdapter.batch, http_batch_config, takes_json=True),
}


def can_send(kind: str, type: str) -> bool:
    return kind in KINDS and type in KINDS[kind].types


def takes_json(kind: str) -> bool:
    """Whether messages go to it as JSON."""
    return kind in KINDS and KINDS[kind].takes_json


def check_settings(settings: ProviderSettings) -> None:
    """Raises ConfigError naming every field that is wrong."""
    KINDS[settings.kind].check(settings)


def open_adapter(settings: ProviderSettings) -> Adapter:
    """An adapter for the running event loop; it connects when it first sends. Raises ConfigError."""
    return KINDS[settings.kind].open(settings)
