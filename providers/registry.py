"""Which kinds of provider there are, and what each can send."""

from collections.abc import Callable
from typing import NamedTuple

from common.channels import Type
from providers.contract import Adapter, ProviderSettings
from providers.email.smtp import SmtpAdapter
from providers.email.smtp_config import smtp_config
from providers.sandbox import SandboxAdapter, sandbox_config


class KindOfProvider(NamedTuple):
    types: frozenset[str]
    open: Callable[[ProviderSettings], Adapter]
    check: Callable[[ProviderSettings], object]


KINDS = {
    "sandbox": KindOfProvider(frozenset(Type.values), SandboxAdapter.from_settings, sandbox_config),
    "smtp": KindOfProvider(frozenset({Type.EMAIL.value}), SmtpAdapter.from_settings, smtp_config),
}


def can_send(kind: str, type: str) -> bool:
    return kind in KINDS and type in KINDS[kind].types


def check_settings(settings: ProviderSettings) -> None:
    """Raises ConfigError naming every field that is wrong."""
    KINDS[settings.kind].check(settings)


def open_adapter(settings: ProviderSettings) -> Adapter:
    """An adapter for the running event loop; it connects when it first sends. Raises ConfigError."""
    return KINDS[settings.kind].open(settings)
