"""Secrets at rest: Fernet with rotation. The first key of VOLLEY_ENCRYPTION_KEYS encrypts, every key decrypts."""

from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


@cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(plain: str) -> str:
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(plain.encode()).decode()


def decrypt(token: str) -> str:
    """Raises `cryptography.fernet.InvalidToken` when no configured key made the token."""
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()).decode()


def renewed(token: str) -> str | None:
    """The same secret, encrypted by the first key; None where it is already. Raises `InvalidToken` as `decrypt`."""
    first, *_ = settings.ENCRYPTION_KEYS
    try:
        Fernet(first).decrypt(token.encode())
    except InvalidToken:
        return encrypt(decrypt(token))
    return None
