"""Housekeeping."""

from celery import shared_task

from common.tidying import forget_idempotency_keys


@shared_task(name="common.tidy")
def tidy() -> None:
    forget_idempotency_keys()
