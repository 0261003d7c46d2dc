"""The value of an address, by type: one function that upserts, suppressions and searches share."""

from collections.abc import Callable
from urllib.parse import urlsplit

from audiences.bad_value import BadValue, clean_text, shown
from audiences.email_address import parse_email
from audiences.phone_number import parse_phone
from common.channels import Type

# A value is part of an index entry, which PostgreSQL limits to 2,704 bytes: hence ASCII only, and this length.
MAX_VALUE_LENGTH = 2000


def parse_address(type: str, value: object) -> str:
    """The value as it is kept; BadValue when it can't be an address of this type."""
    return _PARSERS[type](value)


def _parse_token(value: object) -> str:
    text = clean_text(value, name="A device token", limit=MAX_VALUE_LENGTH).strip()
    if not text:
        raise BadValue("invalid_address", "A device token can't be empty.")
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise BadValue("invalid_address", f"{shown(text)} has a character that a device token can't have.")
    return text


def _parse_subscription(value: object) -> str:
    text = clean_text(value, name="A web-push subscription", limit=MAX_VALUE_LENGTH).strip()
    if not text:
        raise BadValue("invalid_address", "A web-push subscription can't be empty.")
    if not (text.isascii() and text.isprintable()):
        raise BadValue("invalid_address", f"{shown(text)} has a character that a subscription can't have.")
    return text


def _parse_url(value: object) -> str:
    text = clean_text(value, name="A webhook address", limit=MAX_VALUE_LENGTH).strip()
    try:
        url = urlsplit(text)
        named = url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 443) > 0
    except ValueError:
        named = False
    if not named or not (text.isascii() and text.isprintable()) or " " in text:
        raise BadValue("invalid_address", f"{shown(text)} is not an http or https URL.")
    return text


_PARSERS: dict[str, Callable[[object], str]] = {
    Type.EMAIL.value: parse_email,
    Type.SMS.value: parse_phone,
    Type.WHATSAPP.value: parse_phone,
    Type.PUSH.value: _parse_token,
    Type.WEBPUSH.value: _parse_subscription,
    Type.WEBHOOK.value: _parse_url,
}
