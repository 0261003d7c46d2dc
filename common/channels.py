"""The types of campaign: one closed list, used by every app."""

from django.db import models


class Type(models.TextChoices):
    """What a campaign is sent as; on the wire the field is `type` everywhere."""

    EMAIL = "email", "Email"
    SMS = "sms", "SMS"
    PUSH = "push", "App push"
    WEBPUSH = "webpush", "Web push"
    WHATSAPP = "whatsapp", "WhatsApp"
    WEBHOOK = "webhook", "Webhook"


ALIASES = {"apn": Type.PUSH, "wpn": Type.WEBPUSH}

# Addresses of these types belong to an app, and move to whoever identified last.
APP_TYPES = frozenset({Type.PUSH, Type.WEBPUSH})


def parse_type(word: str) -> Type:
    """The type that a word on the wire names, aliases included; ValueError for any other word."""
    return ALIASES.get(word) or Type(word)
