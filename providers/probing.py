"""*Test connection*: opens an adapter in a loop of its own, asks it, closes it."""

import asyncio
import json

from cryptography.fernet import InvalidToken

from common.encryption import decrypt
from providers.contract import ConfigError, ProbeResult, ProviderSettings
from providers.models import Provider
from providers.registry import open_adapter

PATIENCE_SECONDS = 20.0


def settings_of(provider: Provider, type: str | None = None) -> ProviderSettings:
    """`type` is what is to be sent, where the provider takes several.

    Raises ConfigError when the credentials were encrypted with a key that is no longer configured.
    """
    try:
        credentials = json.loads(decrypt(provider.credentials)) if provider.credentials else {}
    except InvalidToken as error:
        message = "It was encrypted with a key that is no longer in VOLLEY_ENCRYPTION_KEYS. Enter it again."
        raise ConfigError({"password": message}) from error
    return ProviderSettings(
        type=type or provider.type,
        kind=provider.kind,
        name=provider.name,
        workspace_id=provider.workspace_id,
        connections=provider.connections,
        config=provider.config,
        credentials=credentials,
    )


def probe(provider: Provider) -> ProbeResult:
    """Never raises for what a provider does; waits `PATIENCE_SECONDS` at most."""
    try:
        return asyncio.run(_probe(settings_of(provider)))
    except ConfigError as error:
        return ProbeResult(False, str(error))
    except TimeoutError:
        return ProbeResult(False, f"No answer within {PATIENCE_SECONDS:g} seconds.")


async def _probe(settings: ProviderSettings) -> ProbeResult:
    adapter = open_adapter(settings)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await adapter.probe()
    finally:
        await adapter.close()
