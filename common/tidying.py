"""Forgets what is no longer needed, a slice at a time so that no lock is held long."""

from datetime import timedelta

from django.db.models.functions import Now

from common.models import IdempotencyKey

KEPT = timedelta(hours=48)
SLICE = 5_000


def forget_idempotency_keys() -> int:
    """How many keys were older than two days, and are gone."""
    forgotten = 0
    while True:
        old = IdempotencyKey.objects.filter(created_at__lt=Now() - KEPT).values("pk")[:SLICE]
        gone, _ = IdempotencyKey.objects.filter(pk__in=old).delete()
        forgotten += gone
        if gone < SLICE:
            return forgotten
